/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks: with a name and password, or with an access token, which the browser forgets with the tab. */
import * as api from "../api.js";
import { fill, h } from "../dom.js";

export const title = "Sign in";
export const bar = false;

/* Where to go then: only to a page of ours. */
function target(view) {
    const then = new URL(view.parameters.get("then") ?? "/now", location.origin);
    return then.origin === location.origin && then.pathname !== "/sign-in" ? then : new URL("/now", location.origin);
}

function fieldOf(id, label, attributes) {
    return h("div", { class: "field" }, h("label", { for: id }, label), h("input", { id, required: true, ...attributes }));
}

/* A form whose trial either succeeds or says what is wrong. */
function trialForm(heading, fields, hint, trial) {
    const said = h("p", { class: "said", role: "alert", hidden: true });
    const button = h("button", { type: "submit", class: "primary" }, heading);
    const form = h("form", { class: "sign-in" }, fields, hint ? h("p", {}, h("small", {}, hint)) : null, said, button);
    form.addEventListener("submit", async event => {
        event.preventDefault();
        button.disabled = true;
        said.hidden = true;
        try {
            await trial();
        } catch (error) {
            if (!(error instanceof api.ApiError))
                throw error;
            fill(said, error.status === 401 ? "That is not known here." : error.message).hidden = false;
        } finally {
            button.disabled = false;
        }
    });
    return form;
}

function done(view) {
    document.dispatchEvent(new Event("whochange"));
    const then = target(view);
    view.go(then.pathname.slice(1) || "now", then.searchParams, { replace: true });
}

function passwordForm(view) {
    const name = fieldOf("name", "Name", { autocomplete: "username", autocapitalize: "none", spellcheck: "false" });
    const password = fieldOf("password", "Password", { type: "password", autocomplete: "current-password" });
    return trialForm("Sign in", [name, password], null, async () => {
        api.setToken(null);
        await api.login(name.querySelector("input").value, password.querySelector("input").value);
        await api.me();
        done(view);
    });
}

function tokenForm(view) {
    const token = fieldOf("token", "Access token", { autocomplete: "off", spellcheck: "false" });
    return trialForm("Use this token", [token], "It is kept until this tab is closed, and sent with each question.", async () => {
        api.setToken(token.querySelector("input").value.trim());
        try {
            await api.me();
        } catch (error) {
            api.setToken(null);
            throw error;
        }
        done(view);
    });
}

/* Who is signed in already, if anybody. */
async function signedIn(view) {
    try {
        return view.signedOut() ? null : await view.who();
    } catch (error) {
        if (error.status !== 401)
            throw error;
        return null;
    }
}

export async function show(main, view) {
    const one = await signedIn(view);
    const already = one && h("p", { class: "signed-in" }, "You are signed in as ", h("strong", {}, one.identity), ". ",
        h("a", { href: target(view).pathname + target(view).search }, "Go on"), ", or sign in as somebody else.");
    fill(main, h("div", { class: "sign-in-page" }, h("h1", {}, "Sign in"), already, passwordForm(view),
        h("details", {}, h("summary", {}, "With an access token"), tokenForm(view))));
    main.querySelector("input").focus();
}
