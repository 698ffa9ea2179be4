/* SPDX-License-Identifier: Apache-2.0 */
/* The bad periods of a picture with their exact times, as a table for who uses keys, and as CSV: a picture shows no less than a pixel. */
import { criteriaOf, dimensions } from "./criteria.js";
import { toMs, toText } from "./draw.js";
import { fill, h, keep } from "./dom.js";
import { csv, download, fileName } from "./export.js";
import { count, gradeLabel, number, span, when } from "./format.js";

const rowsEach = 100;
const savedMost = 10000;
const preset = "1..2"; /* grades that are bad */
const around = 900e3; /* ms before and after a period that its series is shown for */

const lengthOf = row => toMs(row["period.end"]) - toMs(row["period.start"]);
const ends = { grade: "", gap: ", then a gap", steady: ", then steady" };

function seriesOf(view, row) {
    return view.address("series", { ...criteriaOf(row), "select.grade": row["grade.name"], at: row["period.end"], from: toText(toMs(row["period.start"]) - around),
        to: toMs(row["period.end"]) + around < Date.now() ? toText(toMs(row["period.end"]) + around) : null });
}

/* Milliseconds below a minute: there the length is what one looks for. */
const lengthText = ms => ms < 60000 ? `${number(ms / 1000)}\u00a0s` : span(ms);

function rowOf(view, row, nameOf) {
    return h("tr", {}, nameOf ? h("th", { scope: "row" }, h("a", { href: seriesOf(view, row) }, nameOf(row))) : null,
        h("td", {}, nameOf ? when(row["period.start"], 6) : h("a", { href: seriesOf(view, row) }, when(row["period.start"], 6))),
        h("td", {}, when(row["period.end"], 6), row["period.ended"] ? ends[row["period.ended"]] : ", goes on"), h("td", {}, gradeLabel(row["grade.value"])),
        h("td", { class: "n" }, lengthText(lengthOf(row))), h("td", { class: "n" }, number(row["records.count"])));
}

/*
 * A part of a page that is unfolded: question() has the criteria and the range that are seen, nameOf(row) what a series is called; null
 * where it is always the same. again() of it: another range is seen, or something changed.
 */
export function badPeriods(view, question, nameOf) {
    const grades = view.parameters.get("range.grade") ?? preset;
    const body = h("tbody"), none = h("p", { class: "empty", hidden: true }, `No period of grades ${grades} in this time.`), left = h("p", { class: "quiet-text", role: "status" });
    const table = h("table", { class: "periods" }, h("thead", {}, h("tr", {}, [nameOf ? "Series" : null, "Begin (UTC)", "End (UTC)", "Grade", "Length", "Records"].filter(Boolean)
        .map(word => h("th", { scope: "col", class: ["Length", "Records"].includes(word) ? "n" : null }, word)))), body);
    const more = h("button", { type: "button", hidden: true, onclick: () => view.run(ask(rows.length + rowsEach)) }, "Show more");
    let rows = [], asked = null;
    const questionOf = most => ({ ...question(), "range.grade": grades, "list.limit": most });
    const ask = async most => {
        const turn = asked = {};
        const answer = await view.ask("QueryPeriods", questionOf(most));
        if (turn !== asked)
            return;
        rows = answer.rows;
        keep(body, rows, row => row["list.cursor"], row => JSON.stringify(row), row => rowOf(view, row, nameOf));
        none.hidden = rows.length > 0;
        table.hidden = rows.length === 0;
        more.hidden = !answer.next;
        fill(left, rows.length === 0 ? "" : `${answer.next ? "The newest " : ""}${count(rows.length, "period")} of grades ${grades}, the newest first, with their own times, also where they began before what is seen.`);
    };
    const save = async () => {
        const { rows: all } = await view.ask("QueryPeriods", questionOf(savedMost));
        download(fileName("periods", "csv"), csv([...dimensions.map(name => `record.${name}`), "grade.name", "grade", "start", "end", "length_s", "ended", "records", "maintenance"],
            all.map(row => [...dimensions.map(name => row[`record.${name}`]), row["grade.name"], row["grade.value"], row["period.start"], row["period.end"], lengthOf(row) / 1000,
                row["period.ended"], row["records.count"], row["maintenance.windows"]])));
    };
    const details = h("details", { class: "as-table bad-periods", ontoggle: () => details.open && view.run(ask(rowsEach)) }, h("summary", {}, "Bad periods, with begin and end"),
        h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Bad periods" }, none, table), left,
        h("p", { class: "row" }, more, h("button", { type: "button", "data-kind": "periods", title: `At most ${number(savedMost)}, the newest`, onclick: () => view.run(save()) }, "Save as CSV")));
    table.hidden = true;
    details.again = () => details.open && view.run(ask(Math.max(rowsEach, rows.length)));
    return details;
}
