/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lanes that one can look at: zoom by wheel, keys and fingers, pan, brush, what is under the pointer and
 * what has the focus. It knows nothing of questions: who uses it is told once it rests, and when
 * something is opened. d3 is the global of /d3.js.
 */
import { DAY, localName, MINUTE, onTheme, rested, speaker, theme, Tip, Viewport } from "./draw.js";
import { label as told } from "./format.js";
import { badness, cutOf, markAt, paintLanes, patternsOf, Rows } from "./lanes.js";

/* global d3 */
const narrowBelow = 640; /* px: labels stand above their lanes */
const restMs = 150;
const lowGutter = 72; /* px: low lanes have no names beside them */
const reachPx = 4; /* how near to a period the pointer has to be */
export const laneHeights = { tall: 26, middle: 18, low: 6 };

export class LanePicture {
    /*
     * labelOf(lane): what stands beside it. describe(lane, mark, time): lines on what is there, mark -1 is
     * none. onRest(from, to): another range is seen, and has been for a moment. onOpen(lane, mark, time).
     */
    constructor(view, { labelOf, describe, onRest, onOpen, label }) {
        Object.assign(this, { labelOf, describe, onRest, onOpen });
        this.port = new Viewport((context, seen) => this.#paint(context, seen), { role: "application", "aria-label": label });
        this.port.onResize = () => this.#resized();
        this.tip = new Tip(view);
        this.voice = speaker();
        this.frame = this.port.frame;
        this.frame.classList.add("lanes");
        Object.assign(this, { groups: [], windows: new Map(), gradings: [], heightName: "middle", focus: null, brush: null, drawn: null });
        this.base = { from: Date.now() - DAY, to: Date.now() };
        this.transform = d3.zoomIdentity;
        this.labelWidth = 160;
        this.rows = new Rows([], laneHeights.middle);
        this.rest = rested(restMs, () => this.onRest(...this.domain));
        this.readTheme();
        onTheme(view, () => this.readTheme());
        view.onLeave(() => this.rest.cancel());
        this.#zoomable();
        this.#pointable();
        this.frame.addEventListener("keydown", event => this.#key(event));
        this.frame.addEventListener("focus", () => this.frame.matches(":focus-visible") && !this.focus && this.#focusRow(this.rows.at(this.frame.scrollTop), 1));
        this.frame.addEventListener("blur", () => this.tip.hide());
    }

    readTheme() {
        this.colours = theme();
        this.patterns = null; /* they are made with the next picture */
        this.port.draw();
    }

    get axis() {
        return localName() ? 44 : 34;
    }

    get narrow() {
        return this.port.width < narrowBelow;
    }

    get gutter() {
        return this.narrow ? 0 : this.heightName === "low" ? lowGutter : this.labelWidth;
    }

    /* groups: [{ head, lanes }], see Rows. */
    setGroups(groups, heightName = this.heightName) {
        this.groups = groups;
        this.heightName = heightName;
        this.#place();
    }

    #place() {
        const height = laneHeights[this.heightName] + (this.narrow && this.heightName !== "low" ? 15 : 0);
        this.rows = new Rows(this.groups, height);
        if (this.focus && !this.rows.placeOf.has(this.focus.lane))
            this.focus = null;
        const pen = this.port.canvas.getContext("2d");
        pen.font = `12px ${this.colours.font}`;
        const longest = this.groups.flatMap(group => group.lanes).reduce((most, lane) => {
            const text = this.labelOf(lane);
            return text.length > most.length ? text : most;
        }, "");
        this.labelWidth = Math.ceil(Math.min(Math.max(96, pen.measureText(longest).width * 1.05 + 16), this.port.width * 0.3, 420));
        this.wasNarrow = this.narrow;
        const room = Math.max(260, innerHeight - 150);
        this.frame.style.height = `${Math.min(room, Math.max(3 * height, this.rows.height) + this.axis + 12)}px`;
        this.port.setSize(1, this.rows.height + this.axis + 8);
        this.#keepDomain();
    }

    #resized() {
        if (this.port.width > 0)
            this.#place();
    }

    /* ---- time and pixels ---- */

    get perMs() {
        return (this.port.width - this.gutter) / (this.base.to - this.base.from);
    }

    timeAt(x) {
        return this.base.from + ((x - this.transform.x) / this.transform.k - this.gutter) / this.perMs;
    }

    /* What is seen: [from, to]. */
    get domain() {
        return this.shownDomain ?? [this.base.from, this.base.to];
    }

    get columns() {
        return Math.max(60, Math.round(this.port.width - this.gutter));
    }

    /* Shows this range; quiet: nobody is told. */
    setDomain(from, to, quiet = false) {
        this.quiet = quiet;
        const length = Math.min(366 * DAY, Math.max(MINUTE, to - from));
        this.shownDomain = [to - length, to];
        this.#keepDomain();
        this.quiet = false;
        if (!quiet)
            this.rest();
    }

    /* The transform that shows what is seen, which is another one once the width is. */
    #keepDomain() {
        const [from, to] = this.domain;
        const k = (this.base.to - this.base.from) / (to - from);
        const x = this.gutter - k * (this.gutter + (from - this.base.from) * this.perMs);
        this.keeping = true;
        this.zoom.transform(d3.select(this.frame), d3.zoomIdentity.translate(x, 0).scale(k));
        this.keeping = false;
        this.port.draw();
    }

    zoomBy(factor) {
        const [from, to] = this.domain;
        const focus = this.focus && this.focus.mark >= 0 ? cutOf(this.focus.lane) : null;
        const at = focus ? Math.min(to, Math.max(from, (focus.begin[this.focus.mark] + focus.end[this.focus.mark]) / 2)) : (from + to) / 2;
        this.setDomain(at - (at - from) / factor, at + (to - at) / factor);
    }

    panBy(share) {
        const [from, to] = this.domain;
        this.setDomain(from + (to - from) * share, to + (to - from) * share);
    }

    #zoomable() {
        const length = this.base.to - this.base.from;
        this.zoom = d3.zoom().scaleExtent([length / (366 * DAY), length / MINUTE]).filter(() => this.#zooms(d3.event)).on("zoom", () => {
            this.transform = d3.event.transform;
            if (!this.keeping) {
                this.shownDomain = [this.timeAt(this.gutter), this.timeAt(this.port.width)];
                this.tip.hide();
                this.rest();
            }
            this.port.draw();
        });
        d3.select(this.frame).call(this.zoom).on("dblclick.zoom", null);
        this.frame.addEventListener("wheel", event => {
            if (this.#zooms(event) || (!event.shiftKey && Math.abs(event.deltaX) <= Math.abs(event.deltaY)))
                return;
            event.preventDefault();
            this.panBy((event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX) / this.port.width);
        }, { passive: false });
    }

    /* The wheel on the axis, or with Ctrl anywhere; without, it scrolls. */
    #zooms(event) {
        if (event.type === "wheel")
            return event.ctrlKey || event.metaKey || (this.#inAxis(event) && Math.abs(event.deltaX) <= Math.abs(event.deltaY));
        if (event.type.startsWith("touch"))
            return true;
        const { x } = this.#placeOf(event);
        return event.button === 0 && !event.shiftKey && !this.#inAxis(event) && x >= this.gutter && x < this.port.width;
    }

    /* ---- the pointer ---- */

    #placeOf(event) {
        const box = this.frame.getBoundingClientRect();
        return { x: event.clientX - box.left - this.frame.clientLeft, y: event.clientY - box.top - this.frame.clientTop };
    }

    #inAxis(event) {
        const { x, y } = this.#placeOf(event);
        return y < this.axis && x >= this.gutter && x < this.port.width;
    }

    /* What is there: { lane, mark, time }, or null. */
    #find(event) {
        const { x, y } = this.#placeOf(event);
        const below = y - this.axis + this.frame.scrollTop;
        if (y < this.axis || x >= this.port.width || this.rows.list.length === 0 || below > this.rows.height)
            return null;
        const { lane } = this.rows.list[this.rows.at(below)];
        if (!lane)
            return null;
        const time = this.timeAt(x);
        const [from, to] = this.domain;
        return { lane, time, mark: x < this.gutter ? -1 : markAt(lane, time, reachPx * (to - from) / (this.port.width - this.gutter)), label: x < this.gutter };
    }

    #pointable() {
        const { frame } = this;
        frame.addEventListener("pointermove", event => this.#pointed(event));
        frame.addEventListener("pointerleave", () => this.tip.hide());
        frame.addEventListener("scroll", () => this.tip.hide(), { passive: true });
        frame.addEventListener("click", event => {
            const found = this.#find(event);
            if (found && !this.brushed)
                this.onOpen(found.lane, found.mark, found.label ? null : found.time);
            this.brushed = false;
        });
        frame.addEventListener("pointerdown", event => {
            this.brushed = false;
            if (event.button !== 0 || !(this.#inAxis(event) || (event.shiftKey && this.#placeOf(event).x >= this.gutter)))
                return;
            this.brush = { begin: this.#placeOf(event).x, end: this.#placeOf(event).x };
            frame.setPointerCapture(event.pointerId);
            this.tip.hide();
        });
        frame.addEventListener("pointerup", () => this.#brushed());
        frame.addEventListener("pointercancel", () => this.#unbrush());
    }

    #pointed(event) {
        if (this.brush) {
            this.brush.end = Math.min(this.port.width, Math.max(this.gutter, this.#placeOf(event).x));
            this.port.draw();
            return;
        }
        const found = event.buttons === 0 && event.pointerType !== "touch" ? this.#find(event) : null;
        this.frame.style.cursor = this.#inAxis(event) ? "col-resize" : found ? "pointer" : "";
        if (found)
            this.tip.show(event.clientX, event.clientY, this.describe(found.lane, found.mark, found.label ? null : found.time));
        else
            this.tip.hide();
    }

    #unbrush() {
        this.brush = null;
        this.port.draw();
    }

    #brushed() {
        if (!this.brush)
            return;
        const [left, right] = [Math.min(this.brush.begin, this.brush.end), Math.max(this.brush.begin, this.brush.end)];
        const [from, to] = [this.timeAt(left), this.timeAt(right)];
        this.#unbrush();
        this.brushed = right - left > 3;
        if (this.brushed)
            this.setDomain(from, to);
    }

    /* ---- keys ---- */

    #key(event) {
        if (event.altKey || event.ctrlKey || event.metaKey)
            return;
        const act = {
            ArrowDown: () => this.#moveLane(1), ArrowUp: () => this.#moveLane(-1),
            PageDown: () => this.#moveLane(10), PageUp: () => this.#moveLane(-10),
            ArrowRight: () => event.shiftKey ? this.panBy(0.2) : this.#moveMark(1),
            ArrowLeft: () => event.shiftKey ? this.panBy(-0.2) : this.#moveMark(-1),
            Home: () => this.#moveMark(-Infinity), End: () => this.#moveMark(Infinity),
            "+": () => this.zoomBy(1.6), "=": () => this.zoomBy(1.6), "-": () => this.zoomBy(1 / 1.6),
            Enter: () => this.#open(), Escape: () => this.brush ? this.#unbrush() : this.#setFocus(null),
        }[event.key];
        if (!act)
            return;
        event.preventDefault();
        act();
    }

    #open() {
        if (!this.focus)
            return;
        const { begin } = cutOf(this.focus.lane);
        this.onOpen(this.focus.lane, this.focus.mark, this.focus.mark >= 0 ? begin[this.focus.mark] : null);
    }

    #moveLane(by) {
        const at = this.focus ? this.rows.placeOf.get(this.focus.lane) : undefined;
        this.#focusRow(at === undefined ? this.rows.at(this.frame.scrollTop) : at + by, Math.sign(by));
    }

    /* The lane of this row, or the next one in this direction that is no head; near to the time that had the focus. */
    #focusRow(at, step) {
        const { list } = this.rows;
        at = Math.min(list.length - 1, Math.max(0, at));
        while (list[at] && !list[at].lane)
            at += at + step >= list.length || at + step < 0 ? -step : step;
        const row = list[at];
        if (!row)
            return;
        const [from, to] = this.domain;
        const known = this.focus?.mark >= 0 ? Math.max(from, cutOf(this.focus.lane).begin[this.focus.mark]) : to;
        this.port.reveal({ x: 0, y: row.y + this.axis, width: 1, height: row.height }, { top: this.axis });
        this.#setFocus({ lane: row.lane, mark: markAt(row.lane, known, to - from) });
    }

    #moveMark(by) {
        if (!this.focus)
            return this.#moveLane(1);
        const { begin, end } = cutOf(this.focus.lane);
        const [from, to] = this.domain;
        let mark = by === Infinity ? begin.length - 1 : by === -Infinity ? 0 : this.focus.mark + by;
        mark = Math.min(begin.length - 1, Math.max(0, mark));
        this.#setFocus({ lane: this.focus.lane, mark });
        if (mark >= 0 && (begin[mark] > to || end[mark] < from))
            this.setDomain(begin[mark] - (to - from) / 2, begin[mark] + (to - from) / 2);
    }

    #setFocus(focus) {
        this.focus = focus;
        this.port.draw.now();
        if (!focus)
            return this.tip.hide();
        const { begin } = cutOf(focus.lane);
        const lines = this.describe(focus.lane, focus.mark, focus.mark >= 0 ? begin[focus.mark] : null);
        this.voice.say(lines.join(", "));
        const row = this.rows.list[this.rows.placeOf.get(focus.lane)];
        const box = this.frame.getBoundingClientRect();
        const x = focus.mark >= 0 ? this.gutter + (Math.max(this.domain[0], begin[focus.mark]) - this.domain[0]) * this.#pxPerMs() : this.gutter;
        this.tip.show(box.left + Math.min(this.port.width, x), box.top + this.axis + row.y - this.frame.scrollTop + row.height, lines);
    }

    #pxPerMs() {
        const [from, to] = this.domain;
        return (this.port.width - this.gutter) / (to - from);
    }

    /* ---- the picture ---- */

    #paint(context, seen) {
        if (this.wasNarrow !== this.narrow)
            return this.#place();
        this.patterns ??= patternsOf(context, this.colours);
        this.drawn = paintLanes(context, {
            rows: this.rows, seen, domain: this.domain, axis: this.axis, gutter: this.gutter, narrow: this.narrow, colours: this.colours,
            patterns: this.patterns, windows: this.windows, gradings: this.gradings, focus: this.focus, labelOf: this.labelOf,
            now: Date.now(), localName: localName(), scaleOf: domain => d3.scaleUtc().domain(domain),
        });
        if (this.brush) {
            const [left, right] = [Math.min(this.brush.begin, this.brush.end), Math.max(this.brush.begin, this.brush.end)];
            context.fillStyle = this.colours.accent;
            context.globalAlpha = 0.2;
            context.fillRect(left, 0, right - left, seen.height);
            context.globalAlpha = 1;
        }
    }

    /* The lanes that are seen. */
    get visible() {
        return this.rows.between(this.frame.scrollTop, this.frame.scrollTop + this.port.height - this.axis).flatMap(row => row.lane ?? []);
    }
}

/* Lanes in groups by a dimension ("name": the grade name; null: none), each sorted; `worst` by how bad they are. */
export function grouped(lanes, group, sort) {
    const valueOf = (lane, by) => by === "name" ? lane.name : lane.dims[by] ?? "";
    const natural = new Intl.Collator("en", { numeric: true }).compare;
    const order = sort === "worst" ? (a, b) => badness(b) - badness(a)
        : sort ? (a, b) => natural(valueOf(a, sort), valueOf(b, sort)) : null;
    const sorted = order ? [...lanes].sort(order) : lanes;
    if (!group)
        return [{ head: null, lanes: sorted }];
    const found = new Map();
    for (const lane of sorted) {
        const value = valueOf(lane, group);
        (found.get(value) ?? found.set(value, []).get(value)).push(lane);
    }
    const heads = [...found.keys()];
    if (sort !== "worst")
        heads.sort(natural);
    return heads.map(value => ({ head: `${group === "name" ? "grade" : group} ${value === "" ? "(none)" : told(value)}`, lanes: found.get(value) }));
}
