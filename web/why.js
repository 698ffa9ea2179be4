/* SPDX-License-Identifier: Apache-2.0 */
/* What QueryWhy answers, in words; and which limits of its rules are of a metric. It asks nothing. */
import { h } from "./dom.js";
import { documentOf, toMs, toText } from "./draw.js";
import { count, grade, gradeLabel, number, span, symbol, when } from "./format.js";

const time = text => when(toText(toMs(text)));

/*
 * [{ grade, rel, limit }] of the rules of the block that decides, those of one metric, each once. One
 * that every value the metric can have keeps, from `least` to `most`, is none.
 */
export function limitsOf(document, metric, { least = null, most = null } = {}) {
    const keepsAll = (rel, limit) => (least !== null && ((rel === ">=" && limit <= least) || (rel === ">" && limit < least))) ||
        (most !== null && ((rel === "<=" && limit >= most) || (rel === "<" && limit > most)));
    const found = new Map();
    for (const rule of document?.record?.rules ?? [])
        for (const { metric: name, column, rel, limit } of rule.conditions ?? [])
            if ((name === metric || column === metric) && Number.isFinite(Number(limit)) && !keepsAll(rel, Number(limit)))
                found.set(`${rule.grade} ${rel} ${limit}`, { grade: rule.grade, rel, limit: Number(limit) });
    return [...found.values()];
}

/* Metrics that the rules look at and the record has, what decided first. */
export function metricsOf(document) {
    const rules = document?.record?.rules ?? [];
    const found = rules.flatMap(rule => (rule.conditions ?? []).map(condition => ({ ...condition, decides: rule.decides })));
    const there = found.filter(condition => condition.found === "number");
    return [...new Set([...there.filter(one => one.decides), ...there].map(one => one.column ?? one.metric))];
}

/* Numbers in what was received, an mPlane result: the columns whose first value is one. */
export function metricsReceived(repo) {
    const { results = [], resultvalues: [values = []] = [[]] } = repo ?? {};
    return results.filter((name, at) => values[at] !== "" && values[at] !== null && Number.isFinite(Number(values[at])));
}

function condition(one) {
    const value = { number: () => one.value, missing: () => "is not there", null: () => "is null", "no number": () => `is no number: ${one.value}`,
        impossible: () => `is impossible: ${one.value}, expected ${one.valid}` }[one.found]?.() ?? one.found;
    const name = one.column && one.column !== one.metric ? `${one.metric} (${one.column})` : one.metric;
    return h("li", { class: one.holds ? "holds" : "" }, h("span", { class: "mark" }, one.holds ? "\u2713" : "\u2717"), " ", h("code", {}, `${name} ${one.rel} ${one.limit}`), ": ", value,
        one.margin !== undefined ? h("small", {}, one.holds ? ` (by ${number(String(one.margin).replace(/^-/, ""))})` : ` (off by ${number(String(one.margin).replace(/^-/, ""))})`) : null);
}

function ruleRow(rule) {
    return h("tr", { class: rule.decides ? "decides" : rule.reached ? "" : "not-reached" }, h("td", {}, gradeLabel(rule.grade)),
        h("td", {}, rule.conditions?.length ? h("ul", { class: "conditions" }, rule.conditions.map(condition)) : "otherwise"),
        h("td", {}, rule.decides ? h("strong", {}, "decides") : !rule.reached ? h("span", { class: "quiet-text" }, "not reached") : rule.holds ? "holds" : "does not hold"));
}

/* Sentences on the period: since when, what was told, what late data changed, what ended it. */
function periodLines(period) {
    if (!period)
        return ["It begins no period: it has no grade of 1 to 5, and none began before."];
    const lines = [];
    const { start, end, began, event, retracted, next } = period;
    lines.push([`The period of grade ${period.grade} ${grade(period.grade).word} began `, time(start), `, lasted ${span(toMs(end) - toMs(start))} and has ${count(period.records, "record")}`,
        period.ended === "gap" ? `; then nothing came for longer than ${period.gap_s} s.` : period.ended === "grade" ? "; another grade ended it." : period.ended === "steady" ? "; it ended since nothing changed any more." : "."]);
    if (period.flap)
        lines.push(["It is a stretch of changes, told as one period of the worst of them."]);
    if (began === null)
        lines.push(["The record that began it is dropped by now."]);
    if (event)
        lines.push([`Told as an event, ${event.from} to ${event.to}, `, time(event.told), event.late ? ", late: the record that began it was there before, and late data made it its beginning." : "."]);
    for (const one of retracted ?? [])
        lines.push([`An event ${one.from} to ${one.to} of `, time(one.time), " was told ", time(one.told), " and retracted ", time(one.retracted), ": late data corrected it."]);
    if (next)
        lines.push(["The next one begins ", time(next.start), `, ${number(next.after_s)} s after its end.`]);
    return lines;
}

function recordLines(record) {
    const lines = [[`The record of `, time(record.start), `, graded by version ${record.version} of the grading (${record.author}, `, time(record.published), `), came by ${record.door} as ${record.format} and was received `, time(record.received), "."]];
    if (record.explained === false)
        lines.push(["That version is not in the store: why cannot be told."]);
    if (record.agrees === false)
        lines.push([h("strong", {}, "Graded again it gets another grade"), `: ${record.graded_again}. Somebody changed the store, or EZRepo is at fault.`]);
    if (record.because)
        lines.push([`What decided: ${record.because}.`]);
    if (record.passed_over_count > 0)
        lines.push([`${count(record.passed_over_count, "block")} of this grade name came before and did not fit.`]);
    return lines;
}

/* The row of QueryWhy as elements: words, the rules, the document. */
export function whyElements(row) {
    const document = documentOf(row["why.document"]);
    const record = document.record;
    const lines = [...recordLines(record), ...periodLines(document.period)];
    return [
        h("p", { class: "why-line" }, symbol(row["grade.value"]), " ", document.line),
        lines.map(line => h("p", {}, line)),
        record.rules?.length ? h("details", { class: "why-rules" }, h("summary", {}, `The rules of ${record.block?.place ?? "its block"}, one after the other`),
            h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, ["grade", "if", "what it did"].map(word => h("th", { scope: "col" }, word)))), h("tbody", {}, record.rules.map(ruleRow))))) : null,
        h("details", {}, h("summary", {}, "All of it as a document"), h("pre", { class: "document", tabindex: "0", role: "region", "aria-label": "The document" }, JSON.stringify(document, null, 2))),
    ];
}
