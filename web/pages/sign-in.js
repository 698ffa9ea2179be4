/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks: with a name and password, or with an access token, which the browser forgets with the tab. */
import * as api from "../api.js";
import { fill, h } from "../dom.js";
import { fieldOf, go, signedIn, target, trialForm } from "../signing_in.js";

export const title = "Sign in";
export const bar = false;
export const own = { then: null };

function passwordForm(view) {
    const name = fieldOf("name", "Name", { autocomplete: "username", autocapitalize: "none", spellcheck: "false" });
    const password = fieldOf("password", "Password", { type: "password", autocomplete: "current-password" });
    return trialForm("Sign in", [name, password], { refused: "Name or password is wrong." }, async () => {
        api.setToken(null);
        await api.login(name.querySelector("input").value, password.querySelector("input").value);
        await api.me();
        go(view);
    });
}

function tokenForm(view) {
    const token = fieldOf("token", "Access token", { autocomplete: "off", spellcheck: "false" });
    return trialForm("Use this token", [token], { hint: "It is kept until this tab is closed, and sent with each question.", refused: "That is not known here." }, async () => {
        api.setToken(token.querySelector("input").value.trim());
        try {
            await api.me();
        } catch (error) {
            api.setToken(null);
            throw error;
        }
        go(view);
    });
}

export async function show(main, view) {
    const one = await signedIn(view);
    const already = one && h("p", { class: "signed-in" }, "You are signed in as ", h("strong", {}, one.identity), ". ",
        h("a", { href: target(view).pathname + target(view).search }, "Go on"), ", or sign in as somebody else.");
    fill(main, h("div", { class: "sign-in-page" }, h("h1", {}, "Sign in"), already, passwordForm(view),
        h("details", {}, h("summary", {}, "With an access token"), tokenForm(view))));
    main.querySelector("input").focus();
}
