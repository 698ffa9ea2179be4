/* SPDX-License-Identifier: Apache-2.0 */
/* What one document has otherwise than another, by rule: signs, words and colours; what is the same is folded. */
import { h } from "../dom.js";
import { count } from "../format.js";
import { difference } from "../grading_text.js";

const around = 3;      /* lines that are the same and shown before and behind what is not */
const foldedLeast = 5; /* fewer are shown */

const words = { 1: ["+", "added"], "-1": ["−", "removed"], 0: ["", ""] };

function lineOf(row) {
    const [sign, word] = words[row.how];
    return h("li", { class: row.how === 1 ? "added" : row.how === -1 ? "removed" : null }, h("span", { class: "at" }, row.before ?? ""), h("span", { class: "at" }, row.after ?? ""),
        h("span", { class: "how" }, sign, word ? [" ", h("span", { class: "how-word" }, word)] : null), h("code", {}, row.text));
}

/* Runs of rows that are shown, and of those that are folded between them. */
function runsOf(rows) {
    const shown = new Set();
    rows.forEach((row, at) => {
        for (let near = row.how === 0 ? at + 1 : at - around; row.how !== 0 && near <= at + around; near++)
            shown.add(near);
    });
    const runs = [];
    rows.forEach((row, at) => {
        if (runs.at(-1)?.shown !== shown.has(at))
            runs.push({ shown: shown.has(at), rows: [] });
        runs.at(-1).rows.push(row);
    });
    return runs.map(run => run.rows.length < foldedLeast ? { ...run, shown: true } : run).reduce((joined, run) => {
        const last = joined.at(-1);
        if (last?.shown && run.shown)
            last.rows.push(...run.rows);
        else
            joined.push({ ...run, rows: [...run.rows] });
        return joined;
    }, []);
}

/* Of which block it is stands above it. */
function runOf(run) {
    if (!run.shown) {
        const list = h("ol", { class: "diff" });
        return h("details", { class: "more", ontoggle: event => event.target.open && list.replaceChildren(...run.rows.map(lineOf)) }, h("summary", {}, `${count(run.rows.length, "line")} the same`), list);
    }
    const blocks = [...new Set(run.rows.filter(row => row.how !== 0).map(row => row.block ?? "the document"))];
    return [h("h3", {}, blocks.join(", ")), h("ol", { class: "diff" }, run.rows.map(lineOf))];
}

export function differenceOf(before, after) {
    if (before === after)
        return h("p", { class: "empty" }, "There is no difference.");
    const rows = difference(before, after);
    const added = rows.filter(row => row.how === 1).length, removed = rows.filter(row => row.how === -1).length;
    if (added + removed === 0)
        return h("p", { class: "empty" }, "Both say the same; they are only laid out otherwise.");
    return h("div", { class: "difference" }, h("p", {}, `${count(added, "line")} added, ${count(removed, "line")} removed.`), runsOf(rows).map(runOf));
}
