/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of QueryNow as rows of tables: what, why, since when, and where to go on. */
import { criteriaOf, dimensions } from "../criteria.js";
import { h } from "../dom.js";
import { count, grade, gradeLabel, label, quantity, span, symbol, when } from "../format.js";

/* The name of a row: what it is about, whatever it says of it. */
export function keyOf(row) {
    return JSON.stringify([row["now.kind"], ...dimensions.map(name => row[`record.${name}`]), row["grade.name"],
        row["now.kind"] === "maintenance" ? row["maintenance.windows"] : null]);
}

export function sinceOf(row) {
    return row["bad.since"] ?? row["period.start"] ?? row["silent.since"];
}

/* The shortest of the usual ranges in which the beginning is seen, with something before it. */
function rangeFrom(since) {
    const hours = (Date.now() - new Date(since ?? Date.now())) / 3600e3 * 1.25;
    return hours < 1 ? "1h" : hours < 24 ? "24h" : hours < 168 ? "7d" : "30d";
}

/* Where to go on from a row: [page's word, address], the first one first. */
function ways(view, row) {
    const asked = { ...criteriaOf(row), "select.grade": row["grade.name"], last: rangeFrom(sinceOf(row)) };
    const to = page => view.address(page, asked);
    return row["now.kind"] === "series" || row["now.kind"] === "changed" || (row["now.kind"] === "silence" && !row["series.count"])
        ? [["Series", to("series")], ["Timeline", to("timeline")], ["Events", to("events")]]
        : [["Timeline", to("timeline")], ["Grid", to("grid")], ["Series", to("series")]];
}

const shown = { "<": "<", "<=": "≤", ">": ">", ">=": "≥", "==": "=", "!=": "≠" };

/* What decided: {value, limit, metric} as texts, null where no value did. */
function condition(row) {
    const of = name => row[`now.${name}`] ?? null;
    if (of("metric") === null || of("value") === null || of("limit") === null)
        return null;
    const not = !of("holds");
    return { metric: of("metric"), value: quantity(of("value"), of("unit")),
        limit: `${not ? "should be " : "is "}${shown[of("relation")]} ${quantity(of("limit"), of("unit"))}${not && of("wants") ? ` for grade ${of("wants")}` : ""}` };
}

/* Value beside limit; what has none as its line says it. */
function reason(row) {
    const told = condition(row), line = row["now.line"];
    return !line ? null : !told ? h("span", { class: "why" }, line)
        : h("span", { class: "why", title: line }, /^the last record is graded \d: /.exec(line)?.[0] ?? null, h("b", {}, told.value), " ", h("span", { class: "limit" }, told.limit), " ", h("span", { class: "metric" }, told.metric));
}

/* Some series of a group: what is the same of all of them once. */
function reasons(view, rows) {
    const told = rows.map(condition);
    const same = told[0] && told.every(one => one && one.limit === told[0].limit && one.metric === told[0].metric);
    return [same ? h("div", { class: "why" }, h("span", { class: "limit" }, told[0].limit), " ", h("span", { class: "metric" }, told[0].metric)) : null,
        h("ul", { class: "examples" }, rows.map((row, at) => h("li", { title: row["now.line"] },
            same ? h("b", {}, told[at].value) : null, " ", h("a", { href: ways(view, row)[0][1] }, what(row).main), " ", same ? null : reason(row))))];
}

/* Who measures what: probe, source → dest, and, small, what else is known. */
export function what(row) {
    const of = name => row[`record.${name}`] ? label(row[`record.${name}`]) : null;
    const ends = of("source") && of("dest") ? `${of("source")} → ${of("dest")}` : of("dest") ? `→ ${of("dest")}` : of("source") ? `${of("source")} →` : null;
    const main = [of("probe"), ends].filter(Boolean).join("  ");
    const rest = ["type", "content", "path"].map(of).filter(Boolean).join(" · ");
    return { main: main || rest || "all series", rest: main ? rest : "" };
}

/* Of rows that are of many series: what they have in common, and how many they are. */
function grouped(row) {
    const line = row["now.line"] ?? "";
    const cut = line.lastIndexOf(": ");
    const rest = what(row);
    return { main: cut > 0 ? line.slice(0, cut) : rest.main, rest: [cut > 0 ? line.slice(cut + 2) : "", rest.rest].filter(Boolean).join(" · ") };
}

function whatCell(view, row) {
    const many = ["group", "maintenance"].includes(row["now.kind"]);
    const { main, rest } = many ? grouped(row) : row["now.kind"] === "silence" && row["series.count"]
        ? { main: `probe ${label(row["record.probe"])}`, rest: count(row["series.count"], "series", "series") } : what(row);
    const [[, first]] = ways(view, row);
    return h("td", { class: "what" }, h("a", { href: first, class: "to" }, main),
        row["maintenance.windows"] && row["now.kind"] !== "maintenance" ? h("span", { class: "tag" }, symbol("maintenance"), " maintenance ", row["maintenance.windows"]) : null,
        rest ? h("div", { class: "rest" }, rest) : null);
}

/* A length of time that goes on: `lengths()` keeps it so. */
function ongoing(since) {
    return h("span", { class: "length", "data-since": since }, span(Date.now() - new Date(since)));
}

/* Tells all lengths in the element anew. */
export function lengths(element) {
    for (const one of element.querySelectorAll("[data-since]"))
        one.textContent = span(Date.now() - new Date(one.getAttribute("data-since")));
}

function gradeCell(row) {
    const kind = row["now.kind"];
    if (kind === "silence")
        return h("td", { class: "how" }, h("span", { class: "grade" }, symbol("silent"), " silent"));
    const from = kind === "changed" && row["grade.from"] ? [gradeLabel(row["grade.from"]), h("span", { class: "hear" }, " became "),
        h("span", { "aria-hidden": "true" }, " → ")] : null;
    const worst = row.worst ? h("div", { class: "worst-between" }, h("span", {}, "worst between"), " ", gradeLabel(row.worst)) : null;
    return h("td", { class: "how" }, from, gradeLabel(row["grade.value"]), worst);
}

/* How often what is silent should come, and when it came last. */
function expected(row) {
    const seconds = row["now.expected"] ?? null;
    return [seconds === null ? null : h("span", { class: "why" }, "expected every ", h("b", {}, span(Math.max(1000, Number(seconds) * 1000)))),
        row.last ? h("div", { class: "rest" }, "last record ", when(row.last)) : null];
}

/* A row of a table. examples: for a group, rows of some of its series. */
export function rowOf(view, row, names, examples = []) {
    const why = row["now.kind"] === "series" ? reason(row) : row["now.kind"] === "silence" ? expected(row) : examples.length ? reasons(view, examples) : null;
    return h("tr", { class: `row-${row["now.kind"]}` }, gradeCell(row), whatCell(view, row), h("td", { class: "because" }, why),
        h("td", { class: "since" }, ongoing(sinceOf(row)), " ", h("span", { class: "at" }, when(sinceOf(row))),
            row["bad.since"] && row["bad.since"] !== row["period.start"] ? h("div", { class: "rest" }, `${grade(row["grade.value"]).word} since `, when(row["period.start"])) : null),
        names > 1 ? h("td", { class: "name" }, row["grade.name"]) : null,
        h("td", { class: "ways" }, ways(view, row).map(([word, address]) => [h("a", { href: address }, word), " "])));
}
