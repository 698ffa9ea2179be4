/* SPDX-License-Identifier: Apache-2.0 */
/* A dry run of a document that is edited: what it would have made of the records of the last hours or days. Nothing is written. */
import { criteriaOf, dimensions } from "../criteria.js";
import { fill, h } from "../dom.js";
import { documentOf, toMs, toText } from "../draw.js";
import { count, gradeLabel, number, span, utc } from "../format.js";

const hourMs = 3600000;
const ranges = [["1", "hour"], ["24", "24 hours"], ["168", "7 days"], ["720", "30 days"]];
const order = [5, 4, 3, 2, 1, 0, null]; /* null: no block takes it */

/* How many records are how, of the matrix of a row: {same, better, worse, other}; other: with a grade on one side only. */
function changes(matrix) {
    const sums = { same: 0, better: 0, worse: 0, other: 0 };
    for (const { before, after, records } of matrix)
        sums[kindOf(before, after)] += records;
    return sums;
}

function kindOf(before, after) {
    return before === after ? "same" : !before || !after ? "other" : after > before ? "better" : "worse";
}

const marks = { same: "=", better: "↑", worse: "↓", other: "≠" };

function matrixOf(name, matrix) {
    const seen = key => order.filter(grade => matrix.some(cell => cell[key] === grade));
    const columns = seen("after");
    const found = new Map(matrix.map(cell => [`${cell.before} ${cell.after}`, cell.records]));
    const headed = grade => grade === null ? "no block" : gradeLabel(grade);
    return h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": `Records of ${name}, before and after` }, h("table", { class: "matrix" },
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "before ╲ after"), columns.map(grade => h("th", { scope: "col" }, headed(grade))))),
        h("tbody", {}, seen("before").map(before => h("tr", {}, h("th", { scope: "row" }, headed(before)), columns.map(after => {
            const records = found.get(`${before} ${after}`);
            const kind = kindOf(before, after);
            return h("td", { class: kind }, records === undefined ? "" : `${marks[kind]} ${number(records)}`);
        }))))));
}

/* The series that change most, where each is looked at, and a record of it with what decides before and after. */
function mostOf(view, name, most) {
    const shown = one => dimensions.map(dimension => one.series[dimension]).filter(Boolean).join(", ");
    const time = one => `${one.example.time.replace(" ", "T")}Z`; /* as answers have it elsewhere */
    const seen = one => view.address("series", { ...criteriaOf(one.series, ""),
        "select.grade": name, at: time(one), from: toText(toMs(time(one)) - hourMs), to: toText(toMs(time(one)) + hourMs) });
    return h("details", { class: "more" }, h("summary", {}, `The ${count(most.length, "series", "series")} that change most`), h("ol", { class: "most" }, most.map(one => h("li", {},
        one.example ? h("a", { href: seen(one), target: "_blank" }, shown(one)) : shown(one), `: ${number(one.changed)} of ${count(one.records, "record")}, ${count(one.periods_after, "period")} instead of ${number(one.periods_before)}`,
        one.example && h("div", { class: "quiet-text" }, `at ${utc(time(one))} UTC `, gradeLabel(one.example.before), ` (${one.example.why_before ?? "not told"})`, " would be ", gradeLabel(one.example.after), ` (${one.example.why_after})`)))));
}

/* "overall: 12 of 15 records would be graded otherwise, 10 worse and 2 better; 4 periods instead of 2, 3 events instead of 1." */
function sentence(row) {
    const sums = changes(documentOf(row["try.document"]).matrix);
    const parts = [[sums.worse, "worse"], [sums.better, "better"], [sums.other, "with a grade on one side only"]].filter(([n]) => n > 0).map(([n, word]) => `${number(n)} ${word}`);
    const against = (what, one) => row[`${what}.before`] === row[`${what}.after`] ? `${count(row[`${what}.after`], one)} as before` : `${count(row[`${what}.after`], one)} instead of ${number(row[`${what}.before`])}`;
    return `${row["grade.name"]}: ${row["records.changed"] === 0 ? `all ${count(row["records.count"], "record")} would be graded as they are` :
        `${number(row["records.changed"])} of ${count(row["records.count"], "record")} would be graded otherwise${parts.length > 0 ? `, ${parts.join(", ")}` : ""}`}; ${against("periods", "period")}, ${against("events", "event")}.`;
}

export class Trial {
    constructor(view, text) {
        Object.assign(this, { view, text });
        this.range = h("select", { id: "try-range" }, ranges.map(([hours, word]) => h("option", { value: hours, selected: hours === "24" }, word)));
        this.button = h("button", { type: "button", onclick: () => this.control ? this.stop() : view.run(this.run()) }, "Try");
        this.said = h("p", { class: "try-said", role: "status" });
        this.result = h("div", { class: "try-result" });
        this.element = h("section", { class: "try", "aria-label": "Dry run" }, h("div", { class: "buttons editing" }, h("label", { for: "try-range" }, "What it would have made of the last"), this.range, this.button), this.said, this.result);
        view.onLeave(() => this.stop());
    }

    stop() {
        clearInterval(this.working);
        this.control?.abort();
    }

    /* What was found of this text: a paragraph for who is about to publish it. */
    summary(text) {
        return this.tried?.text === text ? [h("p", {}, h("strong", {}, `Over the last ${this.tried.word}`), " it would have done this:"), h("ul", { class: "tried" }, this.tried.sentences.map(one => h("li", {}, one)))] :
            h("p", { class: "quiet-text" }, "What it would have made of stored records was not looked at: Try, beside the text, tells.");
    }

    async run() {
        const text = this.text();
        const hours = Number(this.range.value);
        const [, word] = ranges.find(([value]) => value === this.range.value);
        const begun = Date.now();
        this.working = setInterval(async () => {
            const { dry_runs: [run] } = await this.view.underWay().catch(() => ({ dry_runs: [] }));
            if (this.control)
                this.said.textContent = `Trying, for ${span(Date.now() - begun)} so far${run ? `: ${Math.floor(run.thousandths / 10)} %, ${count(run.records, "record")}` : ""}…`;
        }, 1000);
        this.control = new AbortController();
        this.button.textContent = "Stop";
        this.said.textContent = "Trying…";
        fill(this.result);
        try {
            const { rows } = await this.view.attempt("TryGrading", { "grading.document": text, from: new Date(begun - hours * hourMs).toISOString() }, this.control.signal);
            const sentences = rows.map(sentence);
            this.tried = { text, word, sentences };
            this.said.textContent = rows.length === 0 ? `There are no records of the last ${word}.` : `Of the records of the last ${word}; nothing was written.`;
            fill(this.result, rows.map((row, n) => [h("p", {}, sentences[n]), row["records.count"] > 0 && matrixOf(row["grade.name"], documentOf(row["try.document"]).matrix),
                row["records.changed"] > 0 && mostOf(this.view, row["grade.name"], documentOf(row["try.document"]).most)]));
        } catch (error) {
            this.said.textContent = this.control.signal.aborted ? "Stopped." : error.status === 400 ? `It could not be tried: ${error.message}` : "It could not be tried.";
            if (!this.control.signal.aborted && error.status !== 400)
                throw error;
        } finally {
            clearInterval(this.working);
            this.control = null;
            this.button.textContent = "Try";
        }
    }
}
