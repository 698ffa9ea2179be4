/* SPDX-License-Identifier: Apache-2.0 */
/* Lanes of periods: how each series was all the time, beside the others. */
import { badPeriods } from "../bad_periods.js";
import { asTable, choice, completeness, dimensions, hatched, legendOfLanes, pressed } from "../controls.js";
import { chosen } from "../criteria.js";
import { fill, h } from "../dom.js";
import { DAY, exactly, MINUTE, remember, rested, toMs, toText } from "../draw.js";
import { csv, exportButtons, pngOfCanvas, svgOfCanvas } from "../export.js";
import { count, grade, label, local, number, span, utc, when } from "../format.js";
import { grouped, LanePicture } from "../lane_picture.js";
import { lanesMost, LaneStore } from "../lane_store.js";
import { cutOf, laneOf } from "../lanes.js";

const groups = { "": "nothing", ...Object.fromEntries(dimensions.map(name => [name, name])), name: "grade name" };
const sorts = { "": "name", worst: "worst first", ...Object.fromEntries(dimensions.map(name => [name, name])) };
const heights = { tall: "tall", middle: "middle", low: "low" };

export const title = "Timeline";
export const range = "24h";
export const own = { group: Object.keys(groups), sort: Object.keys(sorts), lane: Object.keys(heights) };

const tableMost = 200;
const followEvery = 30000; /* ms */
const changesMs = 1000; /* without another change, and then it is asked again */

/* What a lane is called: its dimensions without those that all lanes share, or their head has. */
function namer(lanes, group) {
    const differ = dimensions.filter(name => name !== group && lanes.some(lane => lane.dims[name] !== lanes[0].dims[name]));
    const names = group !== "name" && lanes.some(lane => lane.name !== lanes[0].name);
    const shown = differ.length === 0 ? ["source", "dest"] : differ;
    return lane => {
        const value = name => shown.includes(name) ? label(lane.dims[name]) : "";
        const way = [value("source"), value("dest")].filter(Boolean).join(" \u2192 ");
        return [way, value("probe"), value("type"), value("content"), value("path"), names ? lane.name : ""].filter(Boolean).join(" \u00b7 ");
    };
}

const instant = ms => `${utc(toText(ms), 3)} UTC (${local(toText(ms))})`;

class Timeline {
    constructor(main, view) {
        this.view = view;
        this.told = h("p", { class: "told", role: "status" }, "Asking \u2026");
        this.note = h("p", { class: "quiet-text" });
        this.complete = completeness(view);
        this.empty = h("p", { class: "empty", hidden: true }, "No series that fits has periods in this time.");
        this.label = lane => lane.key;
        this.picture = new LanePicture(view, {
            label: "Timeline. Up and down: lanes. Left and right: periods. Plus and minus: zoom. Shift with left and right: pan. Enter: the series.",
            labelOf: lane => this.label(lane), describe: (lane, mark, time) => this.describe(lane, mark, time),
            onRest: (from, to) => this.rested(from, to), onOpen: (lane, mark, time) => this.open(lane, mark, time),
        });
        this.store = new LaneStore(this.criteria(), { onLanes: () => this.arrange(), onMarks: () => this.changed() });
        view.onLeave(() => this.store.leave());
        this.table = asTable(() => this.asTable());
        this.periods = badPeriods(view, () => ({ ...this.criteria(), ...this.seen() }), row => this.label(laneOf(row)) || row["grade.name"]);
        const given = (name, preset) => chosen(view.parameters, name, own[name], preset);
        this.state = { group: given("group", ""), sort: given("sort", ""), lane: given("lane", "middle") };
        fill(main, h("div", { class: "picture-head" }, h("h1", {}, title), this.told), this.tools(), this.picture.frame, this.picture.voice.box, this.empty,
            h("div", { class: "picture-foot" }, legendOfLanes(hatched("silent"), hatched("maintenance"), h("span", { class: "legend-item" }, h("span", { class: "corner" }), " corrected"),
                h("span", { class: "legend-item" }, h("span", { class: "dashed" }), " version of the grading"))),
            this.complete, this.note,
            h("p", { class: "quiet-text hint" }, "Drag to pan; drag on the axis, or with ", h("kbd", {}, "Shift"), ", to zoom to a range; wheel on the axis, or with ", h("kbd", {}, "Ctrl"),
                ", to zoom; ", h("kbd", {}, "+"), " ", h("kbd", {}, "\u2212"), " ", h("kbd", {}, "\u2190"), " ", h("kbd", {}, "\u2192"), " ", h("kbd", {}, "\u2191"), " ", h("kbd", {}, "\u2193"), " ", h("kbd", {}, "Enter"), " once it has the focus. Where nothing is drawn nothing was received."),
            this.periods, this.table);
    }

    criteria() {
        const { from, to, "range.grade": grades, ...criteria } = this.view.question();
        return criteria;
    }

    tools() {
        const set = (name, preset) => value => {
            this.state[name] = value;
            remember(this.view, { [name]: value === preset ? null : value });
            this.arrange();
        };
        const button = (word, name, act) => h("button", { type: "button", title: name, "aria-label": name, onclick: act }, word);
        return h("div", { class: "row tools-row" }, choice("Group by", groups, this.state.group, set("group", "")), choice("Sort by", sorts, this.state.sort, set("sort", "")),
            pressed("Lanes", heights, this.state.lane, set("lane", "middle")),
            h("span", { class: "pressed", role: "group", "aria-label": "Zoom" }, button("\u2190", "Earlier", () => this.picture.panBy(-0.5)), button("\u2212", "Zoom out", () => this.picture.zoomBy(0.5)),
                button("+", "Zoom in", () => this.picture.zoomBy(2)), button("\u2192", "Later", () => this.picture.panBy(0.5))),
            exportButtons(this.view, { png: () => pngOfCanvas(this.picture.port.canvas, this.caption(), this.picture.colours),
            svg: () => svgOfCanvas(this.picture.port, this.caption(), this.picture.colours), csv: () => this.asCsv() }));
    }

    /* The range that is seen. */
    seen() {
        const [from, to] = this.picture.domain;
        return { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
    }

    async begin() {
        const { from, to } = this.view.range();
        this.picture.setDomain(from.getTime(), to.getTime(), true);
        this.follows = !this.view.parameters.get("to");
        this.view.every(followEvery, () => this.follow());
        this.view.follow(this.criteria(), rested(changesMs, () => this.view.run(this.follow())));
        await this.ask();
    }

    /* What is seen goes on with the time, unless somebody looked elsewhere. */
    async follow() {
        if (!this.follows)
            return;
        const [from, to] = this.picture.domain;
        const by = Date.now() - to;
        this.picture.setDomain(from + by, to + by, true);
        await this.ask();
    }

    rested(from, to) {
        this.follows = false;
        remember(this.view, { from: new Date(from).toISOString(), to: new Date(to).toISOString(), last: null });
        this.view.run(this.ask());
    }

    async ask() {
        const [from, to] = this.picture.domain;
        this.picture.frame.setAttribute("aria-busy", "true");
        const seen = this.seen();
        this.complete.look(seen.from, seen.to);
        this.periods.again();
        try {
            if (await this.store.look(from, to, this.picture.columns, this.picture.visible))
                return;
        } catch (error) {
            this.picture.frame.removeAttribute("aria-busy");
            throw error;
        }
        this.picture.frame.removeAttribute("aria-busy");
        this.tell();
    }

    /* There are other lanes, or in another order. */
    arrange() {
        const { group, sort, lane } = this.state;
        if (this.store.lanes.length > 0)
            this.label = namer(this.store.lanes, group);
        this.picture.setGroups(grouped(this.store.lanes, group, sort), lane);
        this.changed();
    }

    changed() {
        this.picture.windows = this.store.windows;
        this.picture.gradings = this.store.gradings;
        this.picture.port.draw();
        this.tell();
    }

    /* In a line what is seen, and what is left out. */
    tell() {
        const { lanes, more } = this.store;
        const [from, to] = this.picture.domain;
        const shown = lanes.filter(lane => lane.marks.length > 0);
        const bad = shown.filter(lane => lane.marks.some(mark => mark.grade <= 2)).length;
        this.empty.hidden = lanes.length > 0;
        fill(this.told, h("strong", {}, count(shown.length, "lane")), shown.length < lanes.length ? ` with periods and ${number(lanes.length - shown.length)} without` : "", `, ${number(bad)} of them bad at some time, `, when(toText(from)), " to ", when(toText(to)), ` (${span(to - from)})`);
        const common = dimensions.filter(name => lanes.length > 1 && lanes[0].dims[name] && lanes.every(lane => lane.dims[name] === lanes[0].dims[name]));
        fill(this.note, common.length ? `All of them: ${common.map(name => `${name} ${lanes[0].dims[name]}`).join(", ")}. ` : "",
            more ? `Only the first ${lanesMost} lanes are shown; there are more: narrow the criteria.` : "");
        this.table.again();
    }

    describe(lane, at, time) {
        const head = this.label(lane) || lane.name;
        const mark = lane.marks[at];
        const silence = lane.silences.find(one => time !== null && time >= one.from && time < (one.to ?? Date.now()));
        const silent = silence ? `silent since ${instant(silence.from)}` : null;
        const worked = this.maintenance(lane, mark, time);
        if (!mark)
            return [head, time === null ? dimensions.map(name => lane.dims[name]).filter(Boolean).join(" \u00b7 ") : silent ?? "nothing was received here", worked].filter(Boolean);
        const [start, end] = [toMs(mark.start), toMs(mark.end)];
        return [head, `${lane.name} ${mark.grade} ${grade(mark.grade).word}`, `from ${instant(start)}`,
            `to ${instant(end)}${mark.ended === "" ? ", goes on" : mark.ended === "gap" ? ", then a gap" : ""}`, `${span(end - start)}, ${count(mark.records, "record")}`,
            mark.periods > 1 ? `${count(mark.periods, "period")} too short to be seen apart; the worst grade is shown` : null,
            mark.retracted > 0 ? `corrected: ${count(mark.retracted, "event")} told here ${mark.retracted === 1 ? "does" : "do"} not hold any more` : null,
            worked, silent].filter(Boolean);
    }

    /* In which windows of maintenance the mark lies, or this time; null: in none. */
    maintenance(lane, mark, time) {
        const { windows } = this.store;
        const numbers = mark?.maintenance ? String(mark.maintenance).split(",") : lane.windows.filter(number => time >= windows.get(number)?.from && time < windows.get(number)?.to);
        return numbers.length === 0 ? null : `maintenance ${numbers.map(number => [number, windows.get(Number(number))?.reason].filter(Boolean).join(": ")).join("; ")}`;
    }

    /* The series, around the period. */
    open(lane, at, time) {
        const mark = lane.marks[at];
        const parameters = { "select.grade": lane.name };
        for (const name of dimensions)
            if (lane.dims[name] || this.store.lanes.some(other => other.dims[name]))
                parameters[`record.${name}`] = exactly(lane.dims[name]);
        const [from, to] = this.picture.domain;
        const [start, end] = mark ? [toMs(mark.start), toMs(mark.end)] : [from, to];
        const pad = mark ? Math.min(DAY, Math.max(15 * MINUTE, (end - start) / 2)) : 0;
        parameters.from = new Date(start - pad).toISOString();
        if (end + pad < Date.now())
            parameters.to = new Date(end + pad).toISOString();
        if (mark && time !== null)
            parameters.at = toText(Math.min(end, Math.max(start, time)));
        this.view.go("series", parameters);
    }

    caption() {
        const [from, to] = this.picture.domain;
        return `EZRepo timeline, ${utc(toText(from))} to ${utc(toText(to))} UTC. ${this.note.textContent}`;
    }

    /* Of the lanes that are seen, one below the other: what is seen of each. */
    *seenMarks() {
        const [from, to] = this.picture.domain;
        for (const lane of this.picture.visible) {
            const { begin, end } = cutOf(lane);
            yield [lane, lane.marks.filter((mark, at) => end[at] >= from && begin[at] <= to)];
        }
    }

    asCsv() {
        const rows = [...this.seenMarks()].flatMap(([lane, marks]) => marks.map(mark => [...dimensions.map(name => lane.dims[name]), lane.name, mark.grade,
            toText(toMs(mark.start)), toText(toMs(mark.end)), mark.ended, mark.records, mark.periods, mark.retracted, mark.maintenance]));
        return csv([...dimensions.map(name => `record.${name}`), "grade.name", "grade", "start", "end", "ended", "records", "periods", "retracted", "maintenance"], rows);
    }

    asTable() {
        const seen = [...this.seenMarks()];
        return {
            columns: ["lane", "worst", "last", "periods by grade", "corrected", "silent since"],
            rows: seen.slice(0, tableMost).map(([lane, marks]) => {
                const by = [1, 2, 3, 4, 5].map(value => [value, marks.filter(mark => mark.grade === value).reduce((sum, mark) => sum + mark.periods, 0)]).filter(([, n]) => n > 0);
                const silence = lane.silences.find(one => one.to === null);
                return [this.label(lane), by.length ? `${by[0][0]} ${grade(by[0][0]).word}` : "\u2013", marks.length ? `${marks.at(-1).grade} ${grade(marks.at(-1).grade).word}` : "\u2013",
                    by.map(([value, n]) => `${n} \u00d7 ${value}`).join(", "), String(marks.reduce((sum, mark) => sum + mark.retracted, 0)), silence ? when(toText(silence.from)) : "\u2013"];
            }),
            left: seen.length > tableMost ? `The first ${tableMost} of ${seen.length} lanes that are seen.` : null,
        };
    }
}

export async function show(main, view) {
    await new Timeline(main, view).begin();
}
