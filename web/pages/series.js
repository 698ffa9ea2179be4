/* SPDX-License-Identifier: Apache-2.0 */
/* One series: how it is since when and why, a metric beside its limits, its periods, events and records as received. */
import { ApiError } from "../api.js";
import { badPeriods } from "../bad_periods.js";
import { choice, completeness, dimensions, hatched, legendOfLanes } from "../controls.js";
import { fill, h } from "../dom.js";
import { documentOf, exactly, remember, rested, toMs, toText } from "../draw.js";
import { csv, exportButtons, pngOfSvg, svgOf } from "../export.js";
import { count, gradeLabel, label, number, span, symbol, utc, when } from "../format.js";
import { LaneStore } from "../lane_store.js";
import { limitText, SeriesPicture } from "../series_picture.js";
import { limitsOf, metricsOf, metricsReceived, whyElements } from "../why.js";

export const title = "Series";
export const range = "24h";
export const own = { at: text => !Number.isNaN(toMs(text)), "metric.name": null, "list.after": null };

const chooserMost = 500;
const recordsMost = 25;
const eventsMost = 50;
const changesMs = 1000; /* without another change, and then it is asked again */

const dimsOf = row => Object.fromEntries(dimensions.map(name => [name, row[`record.${name}`] ?? ""]));
const exact = dims => Object.fromEntries(dimensions.map(name => [`record.${name}`, exactly(dims[name])]));
const wayOf = dims => [dims.source, dims.dest].filter(Boolean).map(label).join(" \u2192 ") || Object.values(dims).filter(Boolean).map(label).join(" \u00b7 ");
const restOf = dims => ["type", "content", "probe", "path"].filter(name => dims[name]).map(name => `${name} ${label(dims[name])}`).join(" \u00b7 ");

/* How the series is by a grade name, since when; of what is over until when, where that is known: `end`, of the period. */
function stateOf(row, end = null) {
    const start = row["period.start"], over = row["series.state"] === "over";
    const since = !start ? null : !over ? [" since ", when(start), ` (${span(Date.now() - toMs(start))})`]
        : end === null ? [" since ", when(start)] : [" from ", when(start), " to ", when(end), ` (${span(toMs(end) - toMs(start))})`];
    const state = { present: () => [gradeLabel(row["grade.value"]), since], over: () => [symbol(0), " over; it was ", gradeLabel(row["grade.value"]), since],
        ungraded: () => [symbol(0), " ungraded"] }[row["series.state"]]?.() ?? row["series.state"];
    return [state, row["silent.since"] ? [", ", symbol("silent"), " silent since ", when(row["silent.since"]), ` (${span(Date.now() - toMs(row["silent.since"]))})`] : null,
        row["maintenance.windows"] ? [", ", symbol("maintenance"), ` maintenance ${row["maintenance.windows"]}`] : null];
}

/* How much of their beginnings names share, up to a point. */
function sharedLength(names) {
    let length = names.length > 1 ? names[0].lastIndexOf(".") + 1 : 0;
    while (length > 0 && !names.every(name => name.startsWith(names[0].slice(0, length))))
        length = names[0].lastIndexOf(".", length - 2) + 1;
    return length;
}

/* Nothing where it may not be asked; `told` says so. */
async function unlessForbidden(question, told) {
    try {
        return await question;
    } catch (error) {
        if (!(error instanceof ApiError && error.status === 403))
            throw error;
        return told;
    }
}

/* By their names, as people sort them: 10 behind 9. */
function inOrder(rows) {
    const { compare } = new Intl.Collator("en", { numeric: true });
    const names = ["record.source", "record.dest", "record.type", "record.content", "record.probe", "record.path", "grade.name"];
    return [...rows].sort((a, b) => names.reduce((order, name) => order || compare(a[name] ?? "", b[name] ?? ""), 0));
}

/* Those that fit, to choose one. */
function chooser(main, view, found, more) {
    const rows = inOrder(found);
    /* "" is asked for only where others differ in it: addresses stay short. */
    const differ = dimensions.filter(name => rows.some(row => dimsOf(row)[name] !== dimsOf(rows[0])[name]));
    const only = dims => Object.fromEntries(dimensions.filter(name => dims[name] || differ.includes(name)).map(name => [`record.${name}`, exactly(dims[name])]));
    const line = row => h("tr", {}, h("td", {}, h("a", { href: view.address("series", { ...Object.fromEntries(view.parameters), ...only(dimsOf(row)), "select.grade": row["grade.name"], "list.after": null }) }, wayOf(dimsOf(row)))),
        h("td", {}, restOf(dimsOf(row))), h("td", {}, row["grade.name"] ?? "\u2013"), h("td", {}, stateOf(row)), h("td", { class: "n" }, number(row["records.count"])));
    fill(main, h("h1", {}, title), h("p", { class: "told", role: "status" }, h("strong", {}, more ? `More than ${chooserMost}` : count(new Set(rows.map(row => row["series.number"])).size, "series", "series")), rows.length ? " fit: choose one." : " fit."),
        rows.length === 0 ? h("p", { class: "empty" }, "No series fits these criteria.") :
            h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Series" }, h("table", { class: "chooser" }, h("thead", {}, h("tr", {}, ["series", "of what", "grade name", "how it is", "records"].map(word => h("th", { scope: "col" }, word)))), h("tbody", {}, rows.map(line)))),
        more ? h("p", { class: "quiet-text" }, "There are more: narrow the criteria.") : null);
}

class Series {
    constructor(main, view, rows) {
        this.view = view;
        this.rows = rows;
        this.dims = dimsOf(rows[0]);
        const wanted = view.parameters.get("select.grade");
        this.row = rows.find(row => row["grade.name"] === wanted) ?? rows.find(row => row["grade.name"] === "overall") ?? rows[0];
        this.name = this.row["grade.name"];
        this.end = null; /* of its newest period, as far as why tells */
        this.criteria = { ...exact(this.dims), "select.grade": this.name };
        const at = toMs(view.parameters.get("at"));
        this.at = Number.isNaN(at) ? null : at;
        const { from, to } = view.range();
        this.picture = new SeriesPicture(view, { onRest: (first, last) => this.rested(first, last), onPick: time => this.pick(time) });
        this.picture.domain = [from.getTime(), to.getTime()];
        this.store = new LaneStore(this.criteria, { onLanes: () => this.periods(), onMarks: () => this.periods() });
        view.onLeave(() => this.store.leave());
        this.why = h("div", { class: "why" });
        this.metricTools = h("span");
        this.note = h("p", { class: "quiet-text" });
        this.complete = completeness(view);
        this.bad = badPeriods(view, () => ({ ...this.criteria, ...this.range }), null);
        this.events = h("div");
        this.records = h("div");
        this.top = h("div", {}, this.head());
        view.follow(exact(this.dims), rested(changesMs, () => view.run(this.again())));
        fill(main, this.top, h("section", { "aria-label": "Metric" }, this.tools(), this.picture.box, this.picture.voice.box, h("div", { class: "picture-foot" }, legendOfLanes(hatched("silent"), hatched("maintenance"))), this.note, this.complete,
            h("p", { class: "quiet-text hint" }, "Drag to zoom to a range; wheel with ", h("kbd", {}, "Ctrl"), ", ", h("kbd", {}, "+"), " ", h("kbd", {}, "\u2212"), " to zoom; click, or ", h("kbd", {}, "Enter"), " on a value, for why it was so then."), this.bad),
            h("div", { class: "columns" }, h("section", {}, h("h2", {}, "Why"), this.why), h("section", {}, h("h2", {}, "Events"), this.events)),
            h("section", {}, h("h2", {}, "Records as received"), this.records));
    }

    head() {
        const others = this.rows.filter(row => row !== this.row);
        return h("div", { class: "series-head" }, h("h1", {}, wayOf(this.dims)), h("p", { class: "quiet-text" }, restOf(this.dims)),
            h("p", { class: "state" }, h("strong", {}, this.name ?? ""), " ", stateOf(this.row, this.end)),
            others.map(row => h("p", { class: "state other" }, h("a", { href: this.view.address("series", { ...Object.fromEntries(this.view.parameters), "select.grade": row["grade.name"] }) }, row["grade.name"]), " ", stateOf(row))),
            h("p", { class: "quiet-text" }, `${count(this.row["records.count"], "record")}, the first `, when(this.row["series.first"]), ", the last ", when(this.row["series.last"])));
    }

    tools() {
        const button = (word, name, act) => h("button", { type: "button", title: name, "aria-label": name, onclick: act }, word);
        const { picture } = this;
        return h("div", { class: "row tools-row" }, this.metricTools, h("span", { class: "pressed", role: "group", "aria-label": "Zoom" }, button("\u2190", "Earlier", () => picture.panBy(-0.5)),
            button("\u2212", "Zoom out", () => picture.zoomBy(0.5)), button("+", "Zoom in", () => picture.zoomBy(2)), button("\u2192", "Later", () => picture.panBy(0.5))),
        exportButtons(this.view, { png: () => pngOfSvg(picture.picture, this.caption()), svg: () => svgOf(picture.picture, this.caption()), csv: () => this.asCsv() }));
    }

    get range() {
        const [from, to] = this.picture.domain;
        return { from: toText(from), to: toText(to) };
    }

    async look() {
        const why = this.askWhy();
        const records = this.askRecords(this.view.parameters.get("list.after"));
        const parts = [this.askPeriods(), this.askEvents()];
        await Promise.all([why, records]);
        this.chooseMetric();
        await Promise.all([...parts, this.askBuckets()]);
    }

    /* Something changed: how it is now, and the rest unless somebody looks elsewhere. What is unfolded stays. */
    async again() {
        const { rows } = await this.view.ask("QuerySeries", { ...exact(this.dims), "list.limit": chooserMost });
        this.row = rows.find(row => row["grade.name"] === this.name) ?? this.row;
        this.rows = rows.length > 0 ? rows : this.rows;
        fill(this.top, this.head());
        if (this.view.parameters.get("to") || this.at !== null)
            return;
        const [from, to] = this.picture.domain;
        this.picture.domain = [from + Date.now() - to, Date.now()];
        const read = place => place.querySelector("details[open]") !== null;
        await Promise.all([this.askPeriods(), this.askEvents(), this.askBuckets(), read(this.why) ? null : this.askWhy(),
            read(this.records) || this.view.parameters.get("list.after") ? null : this.askRecords(null)]);
    }

    rested(from, to) {
        remember(this.view, { from: new Date(from).toISOString(), to: new Date(to).toISOString(), last: null, "list.after": null });
        this.view.run(Promise.all([this.askPeriods(), this.askEvents(), this.askBuckets(), this.askRecords(null)]));
    }

    /* Why, and the records, as of this instant. */
    pick(time) {
        this.at = time;
        remember(this.view, { at: toText(time), "list.after": null });
        this.picture.set({ at: time });
        this.view.run(Promise.all([this.askWhy(), this.askRecords(null)]).then(() => this.tellLimits()));
    }

    /* ---- periods, silence, maintenance, versions ---- */

    async askPeriods() {
        const [from, to] = this.picture.domain;
        this.complete.look(new Date(from).toISOString(), new Date(to).toISOString());
        this.bad.again();
        await this.store.look(from, to, this.picture.width);
    }

    periods() {
        const lane = this.store.lanes.find(one => one.name === this.name && dimensions.every(name => one.dims[name] === this.dims[name])) ?? null;
        this.picture.set({ lane, windows: this.store.windows, gradings: this.store.gradings });
    }

    /* ---- why ---- */

    async askWhy() {
        const scope = this.at === null ? {} : { at: toText(this.at) };
        const answer = await unlessForbidden(this.view.ask("QueryWhy", { ...this.criteria, ...scope }), null);
        const row = answer?.rows.find(one => one["why.document"]);
        this.document = row ? documentOf(row["why.document"]) : null;
        const period = this.at === null ? this.document?.period : null;
        if (period && toMs(period.start) === toMs(this.row["period.start"])) {
            this.end = toText(toMs(period.end));
            fill(this.top, this.head());
        }
        const back = this.at === null ? null : h("p", { class: "quiet-text" }, "As of ", when(toText(this.at)), ". ", h("button", { type: "button", class: "quiet", onclick: () => this.newest() }, "The newest"));
        fill(this.why, back, row ? whyElements(row) : h("p", { class: "empty" }, answer === null ? "You may not ask why: it shows the grading." : "No record starts before."));
    }

    newest() {
        this.at = null;
        remember(this.view, { at: null, "list.after": null });
        this.picture.set({ at: null });
        this.view.run(Promise.all([this.askWhy(), this.askRecords(null)]).then(() => this.tellLimits()));
    }

    /* ---- the metric ---- */

    chooseMetric() {
        const metrics = [...new Set([...metricsOf(this.document), ...metricsReceived(this.received)])];
        const wanted = this.view.parameters.get("metric.name");
        this.metric = wanted ?? metrics[0] ?? null;
        if (wanted && !metrics.includes(wanted))
            metrics.unshift(wanted);
        fill(this.metricTools, this.metric === null ? null : choice("Metric", Object.fromEntries(metrics.map(name => [name, name])), this.metric, value => {
            this.metric = value;
            remember(this.view, { "metric.name": value });
            this.view.run(this.askBuckets());
        }));
    }

    async askBuckets() {
        if (!this.metric)
            return;
        const columns = this.picture.columns;
        const [from, to] = this.picture.domain;
        const { "select.grade": _, ...series } = this.criteria;
        const asked = this.asking = {};
        const { rows } = await this.view.ask("QueryBuckets", { ...series, ...this.range, "metric.name": this.metric, "range.columns": columns });
        if (asked !== this.asking)
            return;
        const bucketMs = (to - from) / columns;
        const value = (row, name) => Number(row[`metric.${name}`]);
        this.possible = { least: rows[0]?.["metric.least"] ?? null, most: rows[0]?.["metric.most"] ?? null };
        this.picture.set({ bucketMs, metric: this.metric, unit: rows[0]?.["metric.unit"] ?? null,
            buckets: rows.map(row => ({ t: toMs(row.time) + bucketMs / 2, begin: row.time, min: value(row, "min"), mean: value(row, "mean"), max: value(row, "max"), count: row["values.count"] })) });
        this.tellLimits();
    }

    tellLimits() {
        const { picture } = this;
        picture.set({ limits: limitsOf(this.document, this.metric, this.possible) });
        const far = picture.limits.filter(one => !picture.drawnLimits?.includes(one));
        fill(this.note, picture.buckets.length === 0 && this.metric ? `No values of ${this.metric} in this time. ` : "",
            picture.limits.length ? `Limits are those of version ${this.document.record.version} of the grading. ` : this.metric && this.document ? "No rule looks at this metric. " : "",
            far.length ? `Too far away to be drawn: ${far.map(one => limitText(one, picture.unit)).join(", ")}.` : "");
    }

    /* ---- events and records ---- */

    async askEvents() {
        const { rows, next } = await this.view.ask("QueryEvents", { ...this.criteria, ...this.range, "list.limit": eventsMost });
        const line = row => h("tr", { class: row["event.retracted"] ? "retracted" : "" }, h("td", {}, when(row.time)), h("td", {}, gradeLabel(row["grade.from"]), " \u2192 ", gradeLabel(row["grade.to"])),
            h("td", {}, row["event.retracted"] ? "retracted: late data corrected it" : ""));
        fill(this.events, rows.length === 0 ? h("p", { class: "empty" }, "None in this time.") : h("div", { class: "scroll" }, h("table", {}, h("thead", { class: "hear" }, h("tr", {}, ["time", "grades", "note"].map(word => h("th", { scope: "col" }, word)))),
            h("tbody", {}, rows.map(line)))), next ? h("p", { class: "quiet-text" }, `The newest ${eventsMost}; `, h("a", { href: this.view.address("events", { ...this.criteria, ...this.range }) }, "all of them"), ".") : null);
    }

    async askRecords(after) {
        const { from, to } = this.range;
        const last = this.at === null ? to : toText(this.at + 0.001);
        const scope = toMs(last) > toMs(from) ? { from, to: last } : { to: last };
        const { rows, next } = await this.view.ask("QueryRecords", { ...this.criteria, ...scope, "list.limit": recordsMost, "list.after": after });
        this.received = documentOf(rows[0]?.["results.repo"] ?? null) ?? this.received;
        const page = (word, cursor) => h("button", { type: "button", onclick: () => {
            remember(this.view, { "list.after": cursor });
            this.view.run(this.askRecords(cursor));
        } }, word);
        fill(this.records, rows.length === 0 ? h("p", { class: "empty" }, "None in this time.") : rows.map(row => this.record(row)),
            h("p", { class: "row" }, after ? page("Newest", null) : null, next ? page("Older", next) : null,
                this.at === null ? null : h("span", { class: "quiet-text" }, "Up to then, the newest first; those of all grades. ", h("button", { type: "button", class: "quiet", onclick: () => this.newest() }, "Later ones, too"))));
    }

    record(row) {
        const repo = documentOf(row["results.repo"]);
        const place = h("pre", { class: "document", tabindex: "0", role: "region", "aria-label": "The record" });
        const names = metricsReceived(repo).slice(0, 6);
        const metrics = names.map(name => `${name.slice(sharedLength(names))} ${repo.resultvalues[0][repo.results.indexOf(name)]}`).join(" \u00b7 ");
        return h("details", { class: "record", ontoggle: event => event.currentTarget.open && place.replaceChildren(JSON.stringify(repo, null, 2)) },
            h("summary", {}, h("span", { class: "record-time" }, when(row.time, 3)), gradeLabel(row["grade.value"]), h("span", { class: "record-metrics" }, metrics)),
            h("p", { class: "quiet-text" }, `graded by version ${row["grading.version"]}`, row["maintenance.windows"] ? `, maintenance ${row["maintenance.windows"]}` : ""), place);
    }

    /* ---- as a file ---- */

    caption() {
        const { from, to } = this.range;
        return `EZRepo: ${this.metric ?? ""} of ${wayOf(this.dims)} (${restOf(this.dims)}), ${utc(from)} to ${utc(to)} UTC`;
    }

    asCsv() {
        return csv(["time", "metric", "min", "mean", "max", "values", "unit"], this.picture.seen.map(one => [one.begin, this.metric, one.min, one.mean, one.max, one.count, this.picture.unit]));
    }
}

export async function show(main, view) {
    fill(main, h("h1", {}, title), h("p", { class: "told", role: "status" }, "Asking \u2026"));
    const question = view.question({ from: null, to: null, "range.grade": null });
    const ask = more => view.ask("QuerySeries", { ...question, "select.grade": null, "list.limit": chooserMost, ...more });
    let { rows, next } = await ask();
    const grades = view.parameters.get("range.grade");
    if (grades && new Set(rows.map(row => row["series.number"])).size > 1)
        ({ rows, next } = await ask({ "range.grade": grades })); /* to choose from; a series that is named is shown whatever grade it has */
    const wanted = view.parameters.get("select.grade");
    const named = wanted && !["all", "*"].includes(wanted) ? rows.filter(row => row["grade.name"] === wanted || row["grade.name"] === null) : rows;
    if (new Set(rows.map(row => row["series.number"])).size !== 1)
        return void chooser(main, view, named, Boolean(next));
    await new Series(main, view, rows).look();
}
