/* SPDX-License-Identifier: Apache-2.0 */
/* What was refused, the newest first, with its bytes as anybody sent them: text, never markup. */
import { fill, h } from "../dom.js";
import { number, when } from "../format.js";

const rowsEach = 50;

/* Hexadecimal digits as bytes. */
function bytesOf(digits) {
    return Uint8Array.from({ length: Math.floor((digits ?? "").length / 2) }, (_, at) => parseInt(digits.slice(2 * at, 2 * at + 2), 16));
}

/* 16 bytes a line: where, in hexadecimal, and as text. */
function dump(bytes) {
    const lines = [];
    for (let at = 0; at < bytes.length; at += 16) {
        const part = [...bytes.slice(at, at + 16)];
        lines.push(`${at.toString(16).padStart(4, "0")}  ${part.map(byte => byte.toString(16).padStart(2, "0")).join(" ").padEnd(47)}  ` +
            part.map(byte => byte >= 32 && byte < 127 ? String.fromCharCode(byte) : "·").join(""));
    }
    return lines.join("\n");
}

/* Asked for when it is opened first. What is UTF-8 is shown as text, all else in hexadecimal. */
function bytes(view, row) {
    const place = h("pre", { class: "bytes", tabindex: "0", role: "region", "aria-label": "The bytes" }, "asking…");
    let asked = false;
    const look = async () => {
        const { rows: [one] } = await view.ask("RejectedBytes", { "rejected.number": row["rejected.number"] });
        const found = bytesOf(one?.["rejected.head"]);
        let text;
        try {
            text = new TextDecoder("utf-8", { fatal: true }).decode(found);
        } catch {
            text = dump(found);
        }
        fill(place, one ? text : "It is not kept any more.");
    };
    return h("details", { class: "more", ontoggle: event => {
        if (event.target.open && !asked) {
            asked = true;
            view.run(look());
        }
    } }, h("summary", {}, `${number(row["rejected.kept"])} of ${number(row["rejected.bytes"])} bytes`), place);
}

function rowOf(view, row) {
    const by = (name, value) => h("a", { href: view.address("health", { ...Object.fromEntries(view.parameters), [name]: value, "list.after": null }) }, value);
    return h("tr", {}, h("td", {}, when(row.time)), h("td", {}, by("rejected.reason", row["rejected.reason"]), h("div", {}, row["rejected.detail"])),
        h("td", {}, by("input.sender", row["input.sender"]), h("div", { class: "rest" }, [row["input.door"], row["input.format"], row["input.context"]].filter(Boolean).join(" · "))),
        h("td", {}, bytes(view, row)));
}

export async function rejected(place, view) {
    if (!(await view.who()).may.includes("RejectedList"))
        return void place.append(h("p", { class: "empty" }, "What was rejected is not yours to see."));
    const own = Object.fromEntries(["rejected.reason", "input.sender", "list.after"].map(name => [name, view.parameters.get(name)]));
    const answer = await view.ask("RejectedList", { ...view.question(), ...own, "list.limit": rowsEach });
    const here = Object.fromEntries(view.parameters);
    const only = ["rejected.reason", "input.sender"].filter(name => own[name]);
    if (only.length > 0 || own["list.after"])
        place.append(h("p", {}, only.map(name => `${own[name]} only. `), h("a", { href: view.address("health", { ...here, "rejected.reason": null, "input.sender": null, "list.after": null }) }, "All, the newest first")));
    if (answer.rows.length === 0)
        return void place.append(h("p", { class: "empty" }, "Nothing was rejected in this time."));
    place.append(h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, ["Time (UTC)", "Why", "Sender", "What came"].map(word => h("th", { scope: "col" }, word)))),
        h("tbody", {}, answer.rows.map(row => rowOf(view, row))))));
    if (answer.next)
        place.append(h("nav", { class: "paging", "aria-label": "More that was rejected" }, h("a", { class: "button", rel: "next", href: view.address("health", { ...here, "list.after": answer.next }) }, "Older")));
}
