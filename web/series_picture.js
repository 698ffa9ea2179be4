/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One metric of a series as SVG: what lies between least and greatest as a band, the mean as a line, the
 * limits of the rule as lines, and below it the periods. It asks nothing; colours are the style sheet's.
 * d3 is the global of /d3.js.
 */
import { fill, h, svg } from "./dom.js";
import { DAY, localName, MINUTE, rested, speaker, timeTicks, Tip, toMs, toText } from "./draw.js";
import { grade, local, number, quantity, span, utc } from "./format.js";
import { cutOf } from "./lanes.js";

/* global d3 */
const margin = { left: 62, right: 14, top: 24 };
const chartHeight = 240;
const stripHeight = 26;
const heightOf = [0.3, 1, 0.82, 0.66, 0.5, 0.34]; /* of the strip, by grade */
const reach = 2.5; /* limits up to so many times the greatest value are drawn */
const restMs = 150;
const dotsMost = 120;
const charWidth = 6.4; /* px, at most, of what stands on a limit */

export class SeriesPicture {
    /* onRest(from, to): another range is seen. onPick(time): somebody chose an instant. */
    constructor(view, { onRest, onPick }) {
        Object.assign(this, { onRest, onPick, buckets: [], limits: [], lane: null, events: [], gradings: [], windows: new Map(), at: null, metric: "", unit: null, cursor: -1, brush: null });
        this.box = h("div", { class: "figure", tabindex: "0", role: "application",
            "aria-label": "The metric over time. Left and right: values. Plus and minus: zoom. Shift with left and right: pan. Enter: why at this time." });
        this.tip = new Tip(view);
        this.voice = speaker();
        this.domain = [Date.now() - DAY, Date.now()];
        this.rest = rested(restMs, () => this.onRest(...this.domain));
        view.onLeave(() => this.rest.cancel());
        new ResizeObserver(() => this.draw()).observe(this.box);
        this.#listen();
    }

    get width() {
        return Math.max(200, this.box.clientWidth);
    }

    get columns() {
        return Math.max(40, Math.round((this.width - margin.left - margin.right) / 3));
    }

    set(what) {
        Object.assign(this, what);
        this.draw();
    }

    setDomain(from, to) {
        const length = Math.min(366 * DAY, Math.max(MINUTE, to - from));
        this.domain = [to - length, to];
        this.cursor = -1;
        this.tip.hide();
        this.draw();
        this.rest();
    }

    zoomBy(factor, at = (this.domain[0] + this.domain[1]) / 2) {
        const [from, to] = this.domain;
        this.setDomain(at - (at - from) / factor, at + (to - at) / factor);
    }

    panBy(share) {
        const [from, to] = this.domain;
        this.setDomain(from + (to - from) * share, to + (to - from) * share);
    }

    /* ---- scales ---- */

    #scales() {
        const x = d3.scaleUtc().domain(this.domain).range([margin.left, this.width - margin.right]);
        const seen = this.seen;
        const [least, most] = seen.length ? [d3.min(seen, one => one.min), d3.max(seen, one => one.max)] : [0, 1];
        this.drawnLimits = this.limits.filter(one => one.limit <= Math.max(most, 0) * reach && one.limit >= Math.min(least, 0) * reach);
        const values = [least, most, ...this.drawnLimits.map(one => one.limit)];
        let [low, high] = d3.extent(values);
        if (low > 0 && low < 0.5 * high)
            low = 0;
        if (low === high)
            [low, high] = low === 0 ? [0, 1] : [Math.min(0, low), Math.max(0, high)];
        return { x, y: d3.scaleLinear().domain([low, high]).range([margin.top + chartHeight, margin.top]).nice(5) };
    }

    /* Buckets in what is seen: { t, min, mean, max, count }, t the middle. */
    get seen() {
        const [from, to] = this.domain;
        return this.buckets.filter(one => one.t >= from && one.t <= to);
    }

    /* ---- the picture ---- */

    draw() {
        if (this.box.clientWidth === 0)
            return;
        const { x, y } = this.scales = this.#scales();
        const top = margin.top + chartHeight;
        const height = top + 14 + stripHeight + (localName() ? 40 : 26);
        const clip = svg("clipPath", { id: "figure-clip" }, svg("rect", { x: margin.left, y: 0, width: Math.max(0, this.width - margin.left - margin.right), height }));
        this.picture = svg("svg", { class: "figure-svg", width: this.width, height, viewBox: `0 0 ${this.width} ${height}`, "aria-hidden": "true" },
            svg("defs", {}, clip, hatchOf("silent", -1), hatchOf("maintenance", 1)),
            this.#yAxis(y), this.#xAxis(x, top + 14 + stripHeight),
            svg("g", { "clip-path": "url(#figure-clip)" }, this.#values(x, y), this.#lines(x, height), this.#strip(x, top + 14)),
            this.#limits(y), this.layer = svg("g"));
        this.#over();
        fill(this.box, this.picture);
    }

    /* What moves with the pointer or the keys, and nothing else. */
    #over() {
        fill(this.layer, this.#brushed(margin.top + chartHeight + 14 + stripHeight), this.#cursor(this.scales.x, this.scales.y));
    }

    #yAxis(y) {
        return svg("g", { class: "axis" }, y.ticks(5).map(value => [
            svg("line", { class: "grid-line", x1: margin.left, x2: this.width - margin.right, y1: y(value), y2: y(value) }),
            svg("text", { x: margin.left - 8, y: y(value) + 4, "text-anchor": "end" }, value === 0 ? "0" : quantity(value, this.unit))]));
    }

    #xAxis(x, top) {
        const name = localName();
        return svg("g", { class: "axis" }, timeTicks(x, this.width - margin.left - margin.right, 96).filter(({ t }) => x(t) < this.width - 40).map(tick => [
            svg("line", { class: "grid-line", x1: x(tick.t), x2: x(tick.t), y1: margin.top, y2: top + 6 }),
            svg("text", { x: x(tick.t) + 3, y: top + 18, class: tick.day ? "day" : null }, tick.utc),
            name ? svg("text", { x: x(tick.t) + 3, y: top + 32, class: "quiet" }, tick.local) : null]),
        svg("text", { x: 4, y: top + 18, class: "quiet" }, "UTC"), name ? svg("text", { x: 4, y: top + 32, class: "quiet" }, name.split("/").at(-1)) : null);
    }

    /* Parts between which nothing was measured for long. */
    #parts() {
        const distances = this.buckets.slice(1).map((one, at) => one.t - this.buckets[at].t).sort(d3.ascending);
        const longest = Math.max(3 * this.bucketMs, 4 * (distances[distances.length >> 1] ?? 0));
        const parts = [];
        for (const one of this.buckets) {
            const last = parts.at(-1);
            if (last && one.t - last.at(-1).t <= longest)
                last.push(one);
            else
                parts.push([one]);
        }
        return parts;
    }

    #values(x, y) {
        const band = d3.area().x(one => x(one.t)).y0(one => y(one.min)).y1(one => y(one.max));
        const line = d3.line().x(one => x(one.t)).y(one => y(one.mean));
        const parts = this.#parts();
        const alone = this.seen.length <= dotsMost ? this.buckets : parts.filter(part => part.length === 1).flat();
        return [svg("path", { class: "band", d: parts.map(band).join("") }), svg("path", { class: "mean", d: parts.map(line).join("") }),
            alone.map(one => svg("circle", { class: "dot", cx: x(one.t), cy: y(one.mean), r: 2 })),
            alone.filter(one => one.max > one.min).map(one => svg("line", { class: "range", x1: x(one.t), x2: x(one.t), y1: y(one.min), y2: y(one.max) }))];
    }

    /* Of limits that are near to each other the words stand beside each other. */
    #limits(y) {
        const right = this.width - margin.right - 4;
        let [last, x] = [Infinity, right];
        const lines = this.drawnLimits.map(one => svg("g", { class: `limit g${one.grade}` }, svg("line", { x1: margin.left, x2: this.width - margin.right, y1: y(one.limit), y2: y(one.limit) })));
        const words = [...this.drawnLimits].sort((a, b) => a.limit - b.limit).map(one => {
            const text = limitText(one, this.unit);
            const at = y(one.limit);
            const near = last - at < 13 && x - text.length * charWidth > margin.left;
            const place = near ? x : right;
            [last, x] = [near ? last : at, place - text.length * charWidth - 12];
            return svg("g", { class: `limit g${one.grade}` }, svg("text", { x: place, y: at - 3, "text-anchor": "end" }, text));
        });
        return [lines, words];
    }

    /* What was at an instant: versions of the grading, the time that was chosen. */
    #lines(x, height) {
        return [this.gradings.map(({ t, version }) => svg("g", { class: "version" }, svg("line", { x1: x(t), x2: x(t), y1: 6, y2: height }), svg("text", { x: x(t) + 3, y: margin.top - 8 }, `v${version}`))),
            this.at === null ? null : svg("line", { class: "chosen", x1: x(this.at), x2: x(this.at), y1: margin.top, y2: height })];
    }

    #strip(x, top) {
        if (!this.lane)
            return null;
        const { begin, end, grade: grades } = cutOf(this.lane);
        const [from, to] = this.domain;
        const rects = [];
        begin.forEach((start, at) => {
            if (end[at] < from || start > to)
                return;
            const [left, width] = [x(start), Math.max(1.5, x(end[at]) - x(start))];
            const tall = stripHeight * heightOf[grades[at]];
            rects.push([grades[at], svg("g", { class: `g${grades[at]} period` }, svg("rect", { x: left, y: top + stripHeight - tall, width, height: tall }),
                width > 14 && grades[at] <= 3 ? svg("text", { x: Math.max(left, margin.left) + 5, y: top + stripHeight - tall / 2 + 4 }, grades[at]) : null,
                this.lane.marks[at].retracted > 0 ? svg("path", { class: "corrected", d: `M${left} ${top - 4}h8l-8 8z` }) : null)]);
        });
        rects.sort((a, b) => b[0] - a[0]);
        const hatched = (key, start, stop) => svg("rect", { x: x(start), y: top, width: Math.max(0, x(stop) - x(start)), height: stripHeight, fill: `url(#hatch-${key})` });
        return [rects.map(([, rect]) => rect), this.lane.silences.map(one => hatched("silent", one.from, one.to ?? Date.now())),
            this.lane.windows.filter(window => this.windows.has(window)).map(window => hatched("maintenance", this.windows.get(window).from, this.windows.get(window).to))];
    }

    #brushed(height) {
        if (!this.brush)
            return null;
        const [left, right] = [Math.min(...this.brush), Math.max(...this.brush)];
        return svg("rect", { class: "brush", x: left, y: 0, width: right - left, height });
    }

    #cursor(x, y) {
        const one = this.seen[this.cursor];
        return one ? svg("g", { class: "cursor" }, svg("line", { x1: x(one.t), x2: x(one.t), y1: margin.top, y2: margin.top + chartHeight + 14 + stripHeight }), svg("circle", { cx: x(one.t), cy: y(one.mean), r: 4 })) : null;
    }

    /* ---- what is there ---- */

    describe(time) {
        const one = this.seen[this.cursor];
        const instant = ms => `${utc(toText(ms))} UTC (${local(toText(ms))})`;
        const mark = this.lane ? cutOf(this.lane).begin.findLastIndex((begin, at) => begin <= time && cutOf(this.lane).end[at] >= time) : -1;
        const period = mark >= 0 ? this.lane.marks[mark] : null;
        return [instant(one ? one.t : time), one ? `${this.metric}: mean ${quantity(one.mean, this.unit)}` : null,
            one && one.max > one.min ? `least ${quantity(one.min, this.unit)}, greatest ${quantity(one.max, this.unit)}, ${number(one.count)} values` : null,
            period ? `${period.grade} ${grade(period.grade).word} for ${span(toMs(period.end) - toMs(period.start))}, ${number(period.records)} records` : "no period"].filter(Boolean);
    }

    #show(cursor, time, clientX, clientY) {
        this.cursor = cursor;
        this.#over();
        this.tip.show(clientX, clientY, this.describe(time));
    }

    #listen() {
        const { box } = this;
        const place = event => Math.min(this.width - margin.right, Math.max(margin.left, event.clientX - box.getBoundingClientRect().left));
        const timeAt = event => this.scales.x.invert(place(event)).getTime();
        box.addEventListener("pointermove", event => {
            if (this.brush) {
                this.brush[1] = place(event);
                this.#over();
            } else if (event.pointerType !== "touch" && this.scales) {
                const time = timeAt(event);
                this.#show(d3.scan(this.seen.map(one => Math.abs(one.t - time))) ?? -1, time, event.clientX, event.clientY);
            }
        });
        box.addEventListener("pointerleave", () => this.#hide());
        box.addEventListener("blur", () => this.#hide());
        box.addEventListener("pointerdown", event => {
            if (event.button === 0 && event.pointerType !== "touch") {
                this.brush = [place(event), place(event)];
                box.setPointerCapture(event.pointerId);
            }
        });
        box.addEventListener("pointerup", event => this.#pick(event, timeAt));
        box.addEventListener("wheel", event => {
            if (!event.ctrlKey && !event.metaKey)
                return;
            event.preventDefault();
            this.zoomBy(2 ** (-event.deltaY / 300), timeAt(event));
        }, { passive: false });
        box.addEventListener("keydown", event => this.#key(event));
    }

    #pick(event, timeAt) {
        const [begin, end] = this.brush ?? [0, 0];
        this.brush = null;
        this.#over();
        const [from, to] = [Math.min(begin, end), Math.max(begin, end)].map(x => this.scales.x.invert(x).getTime());
        if (Math.abs(begin - end) > 4)
            this.setDomain(from, to);
        else
            this.onPick(timeAt(event));
    }

    #hide() {
        this.cursor = -1;
        this.tip.hide();
        if (this.scales)
            this.#over();
    }

    #key(event) {
        if (event.altKey || event.ctrlKey || event.metaKey)
            return;
        const step = by => () => {
            const seen = this.seen;
            if (event.shiftKey)
                return this.panBy(by * 0.2);
            if (seen.length === 0)
                return undefined;
            const next = this.cursor < 0 ? seen.length - 1 : Math.min(seen.length - 1, Math.max(0, this.cursor + by));
            const place = this.box.getBoundingClientRect();
            this.#show(next, seen[next].t, place.left + this.scales.x(seen[next].t), place.top + this.scales.y(seen[next].mean));
            return this.voice.say(this.describe(seen[next].t).join(", "));
        };
        const act = { ArrowRight: step(1), ArrowLeft: step(-1), "+": () => this.zoomBy(1.6), "=": () => this.zoomBy(1.6), "-": () => this.zoomBy(1 / 1.6),
            Enter: () => this.seen[this.cursor] && this.onPick(this.seen[this.cursor].t), Escape: () => this.#hide() }[event.key];
        if (!act)
            return;
        event.preventDefault();
        act();
    }
}

export function limitText({ grade: value, rel, limit }, unit) {
    return `${value} ${grade(value).word}: ${rel} ${quantity(limit, unit)}`;
}

function hatchOf(key, way) {
    return svg("pattern", { id: `hatch-${key}`, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: `rotate(${45 * way})`, class: key }, svg("line", { class: "hatch", x1: 0, x2: 0, y1: 0, y2: 6 }));
}
