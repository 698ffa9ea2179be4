/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What draws on a canvas draws an SVG with this instead of the canvas's context: as much of that as our
 * pictures use. Rectangles of one colour that follow each other become one path, so that a picture of
 * thousands of periods stays small.
 */
import { svg } from "./dom.js";

const anchors = { left: "start", start: "start", center: "middle", right: "end", end: "end" };

/* With two digits behind the point. */
const short = value => String(Math.round(value * 100) / 100);

/* XML has no place for these characters, however they are written. */
const printable = text => text.replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "\ufffd");

const fresh = group => ({ group, matrix: new DOMMatrix(), fillStyle: "#000", strokeStyle: "#000", lineWidth: 1, globalAlpha: 1, font: "12px sans-serif",
    textAlign: "start", textBaseline: "alphabetic", dashes: [] });

export class SvgPen {
    constructor(width, height) {
        this.defs = svg("defs");
        this.root = svg("svg", { xmlns: "http://www.w3.org/2000/svg", width: short(width), height: short(height), viewBox: `0 0 ${short(width)} ${short(height)}` }, this.defs);
        this.measure = document.createElement("canvas").getContext("2d");
        this.states = [];
        this.hatches = new Map();
        this.clips = 0;
        this.run = null; /* rectangles of one colour: { element, group, transform, parts } */
        this.path = [];
        Object.assign(this, fresh(this.root));
    }

    save() {
        this.states.push(Object.fromEntries(Object.keys(fresh(null)).map(key => [key, key === "matrix" ? DOMMatrix.fromMatrix(this.matrix) : this[key]])));
    }

    restore() {
        if (this.states.length > 0)
            Object.assign(this, this.states.pop());
    }

    translate(x, y) {
        this.matrix.translateSelf(x, y);
    }

    rotate(angle) {
        this.matrix.rotateSelf(angle * 180 / Math.PI);
    }

    setLineDash(dashes) {
        this.dashes = dashes;
    }

    createPattern(...given) {
        return this.measure.createPattern(...given);
    }

    /* ---- paths ---- */

    beginPath() {
        this.path = [];
    }

    moveTo(x, y) {
        this.path.push(`M${short(x)} ${short(y)}`);
    }

    lineTo(x, y) {
        this.path.push(`L${short(x)} ${short(y)}`);
    }

    closePath() {
        this.path.push("Z");
    }

    rect(x, y, width, height) {
        this.path.push(`M${short(x)} ${short(y)}h${short(width)}v${short(height)}h${short(-width)}Z`);
    }

    /* What follows is seen within the path only, until it is restored. */
    clip() {
        const id = `clip${++this.clips}`;
        this.defs.append(svg("clipPath", { id }, svg("path", { d: this.path.join(""), transform: this.#transform })));
        const group = svg("g", { "clip-path": `url(#${id})` });
        this.group.append(group);
        this.group = group;
        this.run = null;
    }

    fill() {
        this.#add("path", { d: this.path.join(""), fill: this.#paintOf(this.fillStyle) });
    }

    stroke() {
        this.#add("path", { d: this.path.join(""), fill: "none", ...this.#line });
    }

    fillRect(x, y, width, height) {
        const fill = this.#paintOf(this.fillStyle), transform = this.#transform;
        const same = this.run && this.run.group === this.group && this.run.fill === fill && this.run.transform === transform && this.run.alpha === this.globalAlpha;
        if (!same) {
            const element = this.#add("path", { fill });
            this.run = { element, group: this.group, fill, transform, alpha: this.globalAlpha, parts: [] };
        }
        this.run.parts.push(`M${short(x)} ${short(y)}h${short(width)}v${short(height)}h${short(-width)}Z`);
        this.run.element.parts = this.run.parts;
    }

    strokeRect(x, y, width, height) {
        this.#add("rect", { x: short(x), y: short(y), width: short(width), height: short(height), fill: "none", ...this.#line });
    }

    /* ---- texts ---- */

    measureText(text) {
        this.measure.font = this.font;
        return this.measure.measureText(text);
    }

    /* As the canvas has it: above the alphabetic line, and narrower where that is given. */
    fillText(text, x, y, most = Infinity) {
        this.measure.font = this.font;
        const above = baseline => {
            this.measure.textBaseline = baseline;
            return this.measure.measureText(text).actualBoundingBoxAscent;
        };
        const shift = above("alphabetic") - above(this.textBaseline);
        const [, weight, size, family] = /^(?:(\w+) )?([\d.]+)px (.*)$/.exec(this.font);
        const wide = this.measure.measureText(text).width > most;
        this.#add("text", { x: short(x), y: short(y + shift), fill: this.#paintOf(this.fillStyle), "font-family": family, "font-size": size, "font-weight": weight ?? null,
            "text-anchor": anchors[this.textAlign], textLength: wide ? short(most) : null, lengthAdjust: wide ? "spacingAndGlyphs" : null }, printable(text));
    }

    /* ---- all of it ---- */

    /* The file; `title` says what is seen. */
    blob(title) {
        for (const element of this.root.querySelectorAll("path"))
            if (element.parts)
                element.setAttribute("d", element.parts.join(""));
        this.root.prepend(svg("title", {}, printable(title)));
        return new Blob([new XMLSerializer().serializeToString(this.root)], { type: "image/svg+xml" });
    }

    get #transform() {
        const { a, b, c, d, e, f, isIdentity } = this.matrix;
        return isIdentity ? null : `matrix(${[a, b, c, d].map(value => Number(value.toFixed(5))).join(" ")} ${short(e)} ${short(f)})`;
    }

    get #line() {
        return { stroke: this.#paintOf(this.strokeStyle), "stroke-width": short(this.lineWidth), "stroke-dasharray": this.dashes.length ? this.dashes.join(" ") : null };
    }

    /* A colour, or one of draw.js's hatches, which says how it is made. */
    #paintOf(style) {
        if (!style.hatch)
            return style;
        const { colour, step, rising } = style.hatch, key = `${colour} ${step} ${rising}`;
        if (!this.hatches.has(key)) {
            const id = `hatch${this.hatches.size + 1}`;
            const lines = [-step, 0, step].map(shift => `M${shift - 1} ${rising ? step + 1 : -1}L${shift + step + 1} ${rising ? -1 : step + 1}`);
            this.defs.append(svg("pattern", { id, width: step, height: step, patternUnits: "userSpaceOnUse" }, svg("path", { d: lines.join(""), stroke: colour, "stroke-width": 1.2 })));
            this.hatches.set(key, `url(#${id})`);
        }
        return this.hatches.get(key);
    }

    #add(tag, attributes, ...children) {
        const element = svg(tag, { ...attributes, transform: this.#transform, opacity: this.globalAlpha === 1 ? null : this.globalAlpha }, ...children);
        this.group.append(element);
        this.run = null;
        return element;
    }
}
