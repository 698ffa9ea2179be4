/* SPDX-License-Identifier: Apache-2.0 */
/* What a link that signs somebody in leads to: it is used up by the button only, not by whatever opens a link. */
import * as api from "../api.js";
import { fill, h } from "../dom.js";
import { go, signedIn, trialForm } from "../signing_in.js";

export const title = "Sign in by a link";
export const bar = false;
export const own = { ticket: null };

function linkForm(view, ticket) {
    return trialForm("Sign in", [], { hint: "The link is good once. Whoever made it for you has chosen as whom." }, async () => {
        await api.loginByLink(ticket);
        api.setToken(null);
        await api.me();
        go(view);
    });
}

export async function show(main, view) {
    const ticket = view.parameters.get("ticket");
    const one = await signedIn(view);
    fill(main, h("div", { class: "sign-in-page" }, h("h1", {}, title),
        one && h("p", { class: "signed-in" }, "You are signed in as ", h("strong", {}, one.identity), ", until you sign in by this."),
        ticket ? linkForm(view, ticket) : h("p", { class: "empty" }, "This link is not whole: ", h("code", {}, "?ticket="), " is missing."),
        h("p", {}, h("a", { href: "/sign-in" }, "Sign in with a name and password"))));
    main.querySelector("button")?.focus();
}
