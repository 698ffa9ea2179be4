/* SPDX-License-Identifier: Apache-2.0 */
/* What stands at the right of every page's head: dark or light, help with keys, who asks. */
import { h } from "./dom.js";

const themeKey = "ezrepo.theme"; /* of the browser's storage; not there: as the system has it */
const system = matchMedia("(prefers-color-scheme: dark)");

function dark() {
    return matchMedia(document.getElementById("dark").media).matches;
}

/* "dark", "light", or null: as the system has it. What draws with colours of its own listens to "themechange" of the document. */
function choose(theme) {
    document.getElementById("dark").media = { dark: "all", light: "not all" }[theme] ?? system.media;
    document.dispatchEvent(new Event("themechange"));
}

function themeSwitch() {
    const word = () => dark() ? "Light" : "Dark";
    const button = h("button", { type: "button", class: "quiet", onclick: () => {
        const theme = dark() ? "light" : "dark";
        localStorage.setItem(themeKey, theme);
        choose(theme);
    } });
    document.addEventListener("themechange", () => { button.textContent = word(); });
    return button;
}

/* Two keys, g and a page's letter, lead there; others are single. Never while something is written. */
const letters = { n: "now", t: "timeline", g: "grid", s: "series", e: "events", r: "thresholds", h: "health" };

function help(pages) {
    const rows = [...Object.entries(letters).map(([letter, page]) => [["g", letter], pages[page].word]),
        [["/"], "the criteria"], [["Esc"], "out of a field, or of this"], [["?"], "this"]];
    const dialog = h("dialog", { class: "help", "aria-labelledby": "help-title" }, h("h2", { id: "help-title" }, "Keys"),
        h("dl", {}, rows.map(([keys, what]) => [h("dt", {}, keys.map(key => [h("kbd", {}, key), " "])), h("dd", {}, what)])),
        h("form", { method: "dialog" }, h("button", { class: "primary" }, "Close")));
    document.body.append(dialog);
    return dialog;
}

function toCriteria() {
    const details = document.querySelector("#criteria details");
    if (!details)
        return;
    details.open = true;
    details.querySelector("input").focus();
}

function listen(dialog, go) {
    let before = -Infinity; /* when g was pressed, ms */
    document.addEventListener("keydown", event => {
        if (event.ctrlKey || event.metaKey || event.altKey || dialog.open)
            return;
        if (event.target.closest("input, textarea, select, [contenteditable]")) {
            if (event.key === "Escape")
                event.target.blur();
            return;
        }
        const page = event.timeStamp - before < 1500 ? letters[event.key] : null;
        before = event.key === "g" && !page ? event.timeStamp : -Infinity;
        if (page)
            go(page, new URLSearchParams(location.search));
        else if (event.key === "/")
            toCriteria();
        else if (event.key === "?")
            dialog.showModal();
        else
            return;
        event.preventDefault();
    });
}

export function tools(place, { go, pages }) {
    const dialog = help(pages);
    place.append(themeSwitch(), h("button", { type: "button", class: "quiet", "aria-haspopup": "dialog", onclick: () => dialog.showModal() }, "Keys"),
        h("span", { id: "who" }));
    listen(dialog, go);
    const chosen = () => choose(localStorage.getItem(themeKey));
    system.addEventListener("change", chosen);
    chosen();
}
