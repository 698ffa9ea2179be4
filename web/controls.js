/* SPDX-License-Identifier: Apache-2.0 */
/* What stands around a picture: switches, the key to shapes and colours, the picture as a table. */
import { complete } from "./complete.js";
import { fill, h } from "./dom.js";
import { grade, symbol } from "./format.js";

export { dimensions } from "./criteria.js";
let made = 0; /* for ids */

/* A list to choose from; options is { value: word }. */
export function choice(label, options, value, onChoice) {
    const id = `choice-${++made}`;
    const list = h("select", { id, onchange: () => onChoice(list.value) },
        Object.entries(options).map(([key, word]) => h("option", { value: key, selected: key === value }, word)));
    return h("span", { class: "choice" }, h("label", { for: id }, label), list);
}

/* The same as buttons beside each other. */
export function pressed(label, options, value, onChoice) {
    const buttons = Object.entries(options).map(([key, word]) => h("button", { type: "button", "aria-pressed": String(key === value), onclick: () => {
        buttons.forEach(button => button.setAttribute("aria-pressed", String(button === buttons[Object.keys(options).indexOf(key)])));
        onChoice(key);
    } }, word));
    return h("span", { class: "choice" }, h("span", { class: "choice-word", "aria-hidden": "true" }, label),
        h("span", { class: "pressed", role: "group", "aria-label": label }, buttons));
}

const legendItem = (sign, ...words) => h("span", { class: "legend-item" }, sign, " ", words);

/* What shapes and colours mean: the grades, and what else there is in the picture. */
export function legend(...others) {
    return h("div", { class: "legend" }, [1, 2, 3, 4, 5].map(value => legendItem(symbol(value), `${value} ${grade(value).word}`)), others);
}

/* The same of lanes, where a grade has a height. */
export function legendOfLanes(...others) {
    return h("div", { class: "legend" }, [1, 2, 3, 4, 5].map(value => legendItem(h("span", { class: `bar g${value}`, "aria-hidden": "true" }), `${value} ${grade(value).word}`)), others);
}

/* Of what is hatched: "silent", "maintenance". */
export function hatched(key) {
    return legendItem(h("span", { class: `hatched ${key}`, "aria-hidden": "true" }), grade(key).word);
}

/* What is seen as a table, made when it is opened: build() has { columns, rows }, of texts or elements. */
export function asTable(build) {
    const place = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table" });
    const make = () => {
        const { columns, rows, left } = build();
        fill(place, h("table", {}, h("thead", {}, h("tr", {}, columns.map(column => h("th", { scope: "col" }, column)))),
            h("tbody", {}, rows.map(row => h("tr", {}, row.map((cell, at) => at === 0 ? h("th", { scope: "row" }, cell) : h("td", {}, cell)))))),
        left ? h("p", { class: "quiet-text" }, left) : null);
    };
    const details = h("details", { class: "as-table", ontoggle: () => details.open ? make() : fill(place) }, h("summary", {}, "As a table"), place);
    details.again = () => details.open && make();
    return details;
}

/* A line that says whether the picture is complete; look(from, to) for a range of ISO times. */
export function completeness(view) {
    const box = h("p", { class: "quiet-text" });
    let asked = "";
    box.look = (from, to) => {
        const hours = `${from.slice(0, 13)} ${to.slice(0, 13)}`; /* the ledger knows no less */
        if (hours === asked)
            return;
        box.firstChild?.end();
        fill(box, complete(view, { from, to }));
        asked = hours;
    };
    return box;
}
