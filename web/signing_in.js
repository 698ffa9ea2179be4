/* SPDX-License-Identifier: Apache-2.0 */
/* What the ways to sign in share. */
import * as api from "./api.js";
import { fill, h } from "./dom.js";

/* Where to go then: only to a page of ours. */
export function target(view) {
    const then = new URL(view.parameters.get("then") ?? "/now", location.origin);
    return then.origin === location.origin && !["/sign-in", "/login"].includes(then.pathname) ? then : new URL("/now", location.origin);
}

export function fieldOf(id, label, attributes) {
    return h("div", { class: "field" }, h("label", { for: id }, label), h("input", { id, required: true, ...attributes }));
}

/* A form whose trial either succeeds or says what is wrong; `refused` where nobody is known by what was tried. */
export function trialForm(heading, fields, { hint = null, refused = null }, trial) {
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
            fill(said, error.status === 401 && refused ? refused : error.message).hidden = false;
        } finally {
            button.disabled = false;
        }
    });
    return form;
}

/* It is another one who asks from now on. */
export function go(view) {
    document.dispatchEvent(new Event("whochange"));
    const then = target(view);
    view.go(then.pathname.slice(1) || "now", then.searchParams, { replace: true });
}

/* Who is signed in already, if anybody. */
export async function signedIn(view) {
    try {
        return view.signedOut() ? null : await view.who();
    } catch (error) {
        if (error.status !== 401)
            throw error;
        return null;
    }
}
