/* SPDX-License-Identifier: Apache-2.0 */
/* What is bad, for whom, since when: in a sentence, then line by line, the worst first. Live. */
import { bounded } from "../bounded.js";
import { complete } from "../complete.js";
import { criteriaOf, dimensions } from "../criteria.js";
import { fill, h, keep } from "../dom.js";
import { documentOf } from "../draw.js";
import { count, grade, number, span, symbol, when } from "../format.js";
import { keyOf, lengths, rowOf, sinceOf } from "./now-rows.js";

export const title = "Now";
export const bar = { time: false, grades: "1..2" };

const changedSeconds = 3600;
const rowsMost = 200;
const eventsMost = 1000;   /* of an hour, the newest, in which the worst is looked for */
const examplesOf = 6;      /* groups that are told with some of their series */
const examplesEach = 3;
const againEvery = 15000;  /* ms; that a period is over is no change that anybody tells */

const sections = [
    { id: "bad", heading: "Bad", kinds: ["group", "series"] },
    { id: "maintained", heading: "Bad, and in maintenance", kinds: ["maintenance"] },
    { id: "silent", heading: "Silent", kinds: ["silence"] },
    { id: "changed", heading: "Not bad, and changed within the last hour", kinds: ["changed"] },
];

/* How many series are how, by the grade name that most have a grade of; and by the others. */
function summary(rows) {
    const names = new Map();
    const of = row => {
        const name = row["grade.name"];
        if (!names.has(name))
            names.set(name, { name, grades: new Map(), graded: 0, over: 0, ungraded: 0, bad: 0, maintained: 0 });
        return names.get(name);
    };
    let silent = 0;
    for (const row of rows) {
        const series = Number(row["series.count"] ?? 0);
        if (row["now.kind"] === "total") {
            of(row).grades.set(Number(row["grade.value"]), series);
            of(row).graded += series;
        } else if (row["now.kind"] === "over")
            of(row).over += series;
        else if (row["now.kind"] === "ungraded")
            of(row).ungraded += series;
        else if (row["now.kind"] === "maintained")
            of(row).maintained += series;
        else if (row["now.kind"] === "silent")
            silent += series;
    }
    const all = [...names.values()].sort((a, b) => b.graded - a.graded);
    return { all, main: all[0] ?? null, silent, empty: null };
}

/* The version in force where it has no block, so that it grades nothing; else null, also for who may not see it. */
async function emptyVersion(view) {
    const { may } = await view.who();
    if (!may.includes("GetGrading"))
        return null;
    const { rows: [row] } = await view.ask("GetGrading", { "grading.version": 0 });
    return row && documentOf(row["grading.document"]).grading?.length === 0 ? Number(row["grading.version"]) : null;
}

/* 1..2, "1 ... 2", 3: the grades that count as bad. */
function badRange(text) {
    const [low = 1, high = low] = (text ?? "1..2").split(/\s*\.{2,3}\s*/).map(Number);
    return [low, high];
}

const badAmong = (one, [low, high]) => [...one.grades].reduce((sum, [value, series]) => value >= low && value <= high ? sum + series : sum, 0);

/* Of a name by which no series has a grade now, why that is, as far as it is known. */
function ungradedWords({ over, ungraded }, empty) {
    const are = count(over + ungraded, "series is", "series are");
    if (empty !== null)
        return `${are} not graded: version ${empty} grades none of them`;
    return over === 0 ? `${are} not graded` : ungraded === 0 ? `None of ${count(over, "series", "series")} has a grade now: none was graded lately`
        : `No series has a grade now: of ${number(over)} none was graded lately, ${number(ungraded)} ${ungraded === 1 ? "is" : "are"} not graded`;
}

/* The sentence at the top: [what it says, since when or null]. */
function sentence(told, range, rows) {
    const { main, silent, empty } = told;
    const silence = silent ? `${number(silent)} ${silent === 1 ? "is" : "are"} silent` : null;
    if (!main)
        return [silence ? `No series has a grade now; ${silence}.` : "There is no series that fits.", null];
    if (main.graded === 0)
        return [`${ungradedWords(main, empty)}${silence ? "; " + silence : ""}.`, null];
    const bad = badAmong(main, range);
    if (bad === 0)
        return [silence ? `No series is bad. ${silence[0].toUpperCase()}${silence.slice(1)}.`
            : main.graded === 1 ? "The one series is well." : `All ${count(main.graded, "series", "series")} are well.`, null];
    const since = rows.filter(row => ["group", "series", "maintenance"].includes(row["now.kind"]) && row["grade.name"] === main.name)
        .map(sinceOf).filter(Boolean).sort()[0] ?? null;
    const parts = [main.maintained ? `${number(main.maintained)} of them in maintenance` : null, silence ?? "none is silent"].filter(Boolean);
    return [`${number(bad)} of ${count(main.graded, "series", "series")} ${bad === 1 ? "is" : "are"} bad, ${parts.join("; ")}.`, since];
}

/* How many have which grade, as a bar and in words; each leads to these series. Where the version in force grades nothing, `empty`, what
 * had a grade is not graded as well: whether its records still come is not told by its periods. */
function strip(view, one, empty) {
    const over = empty === null ? one.over : 0, ungraded = one.ungraded + one.over - over;
    const shown = [1, 2, 3, 4, 5].filter(value => one.grades.get(value));
    const parts = shown.map(value => ({ value, series: one.grades.get(value), key: grade(value).key, word: grade(value).word }));
    const criteria = view.question({ "select.grade": one.name });
    return h("div", { class: "strip" },
        h("div", { class: "strip-bar", "aria-hidden": "true" }, parts.map(part => h("span", { class: part.key, style: { "flex-grow": part.series } }))),
        h("ul", { class: "strip-words" }, parts.map(part => h("li", {}, h("a", { href: view.address("series", { ...criteria, "range.grade": part.value }) },
            symbol(part.value), " ", h("span", {}, `${number(part.series)} ${part.word}`)))),
            [[over, "without a record lately", "The last record of theirs that was graded is older than the gap of its type."], [ungraded, "not graded", "No record of theirs has got a grade of this name."]].map(([series, word, title]) =>
                series ? h("li", {}, h("a", { title, href: view.address("series", { ...criteria, "range.grade": 0 }) }, symbol(0), " ", h("span", {}, `${number(series)} ${word}`))) : null)));
}

/* Some of each group's series, asked again only when the group is another. */
class Examples {
    constructor(view, range) {
        this.view = view;
        this.range = range;
        this.known = new Map();
    }

    async of(rows) {
        const groups = rows.filter(row => row["now.kind"] === "group").slice(0, examplesOf);
        await Promise.all(groups.map(async row => {
            const key = keyOf(row), signed = JSON.stringify(row);
            if (this.known.get(key)?.signed === signed)
                return;
            const { rows: found } = await this.view.ask("QueryNow", { ...this.view.question(), ...criteriaOf(row), "select.grade": row["grade.name"],
                "range.grade": this.range, "now.each": "True", "list.limit": examplesEach });
            this.known.set(key, { signed, rows: found.filter(one => one["now.kind"] === "series") });
        }));
        return row => this.known.get(keyOf(row))?.rows ?? [];
    }
}

/* Rows of what is silent get `last`, when their last record ended, as far as the first ones go. */
async function withLast(view, rows) {
    const silent = rows.filter(row => row["now.kind"] === "silence");
    const { may } = await view.who();
    if (silent.length === 0 || !may.includes("QuerySilent"))
        return;
    const { rows: found } = await view.ask("QuerySilent", { ...view.question({ "range.grade": null, "select.grade": null }), "list.limit": rowsMost });
    const last = new Map(found.map(row => [JSON.stringify(dimensions.map(name => row[`record.${name}`] || null)), row["silence.last"]]));
    for (const row of silent)
        row.last = last.get(JSON.stringify(dimensions.map(name => row[`record.${name}`] || null))) ?? null;
}

/* Rows of what changed get `worst`, the worst grade within that time, where it is worse than what they come from and are now. */
async function withWorst(view, rows) {
    const changed = rows.filter(row => row["now.kind"] === "changed" && !isNew(row));
    const { may } = await view.who();
    if (changed.length === 0 || !may.includes("QueryEvents"))
        return;
    const seriesOf = row => JSON.stringify([...dimensions.map(name => row[`record.${name}`] || null), row["grade.name"]]);
    const { rows: events } = await view.ask("QueryEvents", { ...view.question({ "range.grade": null }), from: new Date(Date.now() - changedSeconds * 1000).toISOString(), "list.limit": eventsMost });
    const worst = new Map();
    for (const event of events.filter(one => one["event.retracted"] !== true && Number(one["grade.to"]) > 0))
        worst.set(seriesOf(event), Math.min(worst.get(seriesOf(event)) ?? 9, Number(event["grade.to"])));
    for (const row of changed) {
        const found = worst.get(seriesOf(row));
        row.worst = found < Math.min(Number(row["grade.from"]), Number(row["grade.value"])) ? found : null;
    }
}

function frame(main) {
    const parts = { said: h("h1", { class: "said-now", "aria-live": "polite" }, "Asking…"), since: h("p", { class: "since-now" }), strip: h("div", {}),
        others: h("p", { class: "others" }), fresh: h("p", { class: "fresh-now" }), tables: {} };
    fill(main, parts.said, parts.since, parts.strip, parts.others, parts.fresh, sections.map(section => {
        const body = h("tbody");
        const more = h("p", { class: "empty", hidden: true }, `There are more than these ${rowsMost}: narrow the criteria, or look at the grid.`);
        const names = h("th", { scope: "col" }, "Grade name");
        const part = h("section", { id: section.id, hidden: true, "aria-labelledby": `${section.id}-title` },
            h("h2", { id: `${section.id}-title` }, section.heading),
            h("table", { class: "now" }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Grade"), h("th", { scope: "col" }, "What"),
                h("th", { scope: "col" }, section.id === "bad" ? "Value and limit" : h("span", { class: "hear" }, "Value")), h("th", { scope: "col" }, "Since"), names,
                h("th", { scope: "col" }, h("span", { class: "hear" }, "Go on")))), body),
            more);
        parts.tables[section.id] = { part, body, names, more };
        return part;
    }));
    return parts;
}

/* The worst first, and of these what is so for longest. */
function worstFirst(a, b) {
    const grades = Number(a["grade.value"] ?? 6) - Number(b["grade.value"] ?? 6);
    return a["now.kind"] === "changed" ? 0 : grades || String(sinceOf(a)).localeCompare(String(sinceOf(b)));
}

/* A series whose first grade is as young as a change: nothing was otherwise. */
function isNew(row) {
    return row["now.kind"] === "changed" && row["grade.from"] === null;
}

function drawSections(view, parts, rows, names, examples) {
    for (const section of sections) {
        const { part, body, names: heading, more } = parts.tables[section.id];
        const of = rows.filter(row => section.kinds.includes(row["now.kind"]) && !isNew(row)).sort(worstFirst);
        heading.hidden = names <= 1;
        keep(body, of, keyOf, row => JSON.stringify([row, names > 1, examples(row)]), row => rowOf(view, row, names, examples(row)));
        part.hidden = of.length === 0;
        more.hidden = of.length < rowsMost;
    }
}

function drawSummary(view, parts, told, range, rows) {
    const [said, since] = sentence(told, range, rows);
    if (parts.said.textContent !== said)
        parts.said.textContent = said;
    fill(parts.since, since ? ["The longest since ", when(since), ", ", h("span", { class: "length", "data-since": since }, span(Date.now() - new Date(since)))] : []);
    fill(parts.strip, told.main ? strip(view, told.main, told.empty) : null);
    const others = told.all.slice(1).filter(one => one.graded);
    const fresh = rows.filter(isNew).length;
    fill(parts.others, fresh ? `${count(fresh, "series is", "series are")} new, and not bad. ` : null, others.map(one => `By ${one.name}: ${number(badAmong(one, range))} of ${number(one.graded)} bad. `));
    const bad = told.main ? badAmong(told.main, range) : 0;
    document.title = `${bad ? `(${bad}) ` : ""}${title} · EZRepo`;
}

/* What is asked, when, and what came. */
class Now {
    constructor(main, view) {
        this.view = view;
        this.range = view.parameters.get("range.grade") ?? "1..2";
        this.parts = frame(main);
        this.examples = new Examples(view, this.range);
        this.state = h("span", { class: "live" }, "asking");
        this.at = h("span");
        fill(this.parts.fresh, this.state, " ", this.at, " ", complete(view, { from: new Date(Date.now() - 3600e3).toISOString() }));
        this.again = bounded(() => this.look());
    }

    async look() {
        const { rows } = await this.view.ask("QueryNow", this.view.question({ "range.grade": this.range, "now.changed": changedSeconds, "list.limit": rowsMost }));
        const examples = await this.examples.of(rows);
        const told = summary(rows);
        if (told.main && told.main.graded === 0)
            told.empty = await emptyVersion(this.view);
        await Promise.all([withLast(this.view, rows), withWorst(this.view, rows)]);
        drawSummary(this.view, this.parts, told, badRange(this.range), rows);
        drawSections(this.view, this.parts, rows, told.all.filter(one => one.graded).length, examples);
        fill(this.at, "as of ", when(Date.now()));
        this.view.tell(null);
    }

    told(live, error) {
        this.state.className = live ? "live" : "live away";
        this.state.textContent = live ? "● live" : "○ not live";
        this.state.title = live ? "What changes is shown within a second or so." : error.message;
        if (live)
            this.view.run(this.again());
        else
            this.view.tell(error);
    }
}

export async function show(main, view) {
    const now = new Now(main, view);
    view.run(now.again());
    view.follow(view.question({ "range.grade": null }), () => view.run(now.again()), (live, error) => now.told(live, error));
    view.every(againEvery, () => now.again());
    view.every(1000, () => lengths(main));
}
