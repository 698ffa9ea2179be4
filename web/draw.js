/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the pages that draw share: times, the theme's colours, a canvas for what is seen of a large
 * picture, an axis of time, what is told of a thing under the pointer. Times are numbers:
 * milliseconds since 1970, with microseconds behind the point.
 */
import { h, visible } from "./dom.js";
import { grade } from "./format.js";

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const TIME = /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?Z?$/;

/* A time of the API, or of one of its documents, which have a space for the T. NaN where it is none. */
export function toMs(text) {
    const found = TIME.exec(text ?? "");
    if (!found)
        return NaN;
    const [, year, month, day, hour, minute, second, fraction = "0"] = found;
    return Date.UTC(+year, +month - 1, +day, +hour, +minute, +second) + +fraction.padEnd(6, "0") / 1000;
}

/* The same time for the API. */
export function toText(ms) {
    const whole = Math.floor(ms);
    const micro = Math.min(999, Math.round((ms - whole) * 1000));
    return new Date(whole).toISOString().replace("Z", String(micro).padStart(3, "0") + "Z");
}

const KEYS = ["g0", "g1", "g2", "g3", "g4", "g5", "silent", "maintenance"];

/*
 * What the theme says, read once for each picture, since canvases know nothing of custom properties:
 * of each key of format.js its { fill, edge, ink, shape }, the shape in a square of 16.
 */
export function theme() {
    const style = getComputedStyle(document.documentElement);
    const of = name => style.getPropertyValue(name).trim();
    const found = { page: of("--page"), panel: of("--panel"), sunk: of("--sunk"), text: of("--ink"), quiet: of("--ink-2"), line: of("--line"),
        strong: of("--line-strong"), accent: of("--link"), select: of("--select"), font: getComputedStyle(document.body).fontFamily };
    for (const key of KEYS)
        found[key] = { fill: of(`--${key}`), edge: of(`--${key}-edge`), ink: of(`--${key}-ink`),
            shape: new Path2D(grade(key.replace(/^g/, "")).path) };
    return found;
}

/* What the theme has for a grade: 1 to 5, anything else is none. */
export function gradeColours(colours, value) {
    return colours[`g${value}`] ?? colours.g0;
}

/* Draws the shape of a grade, silence or maintenance around this place, so many pixels large. */
export function drawShape(context, { fill, edge, shape }, x, y, size) {
    context.save();
    context.translate(x - size / 2, y - size / 2);
    context.scale(size / 16, size / 16);
    context.fillStyle = fill;
    context.fill(shape);
    context.strokeStyle = edge;
    context.lineWidth = 16 / size;
    context.stroke(shape);
    context.restore();
}

/* Calls `act` when the theme becomes another one, until the page is left. */
export function onTheme(view, act) {
    document.addEventListener("themechange", act);
    view.onLeave(() => document.removeEventListener("themechange", act));
}

/* Writes what is seen into the address, without a step for Back; what is null goes. */
export function remember(view, changes) {
    view.keep({ ...Object.fromEntries(view.parameters), ...changes });
}

/* What a column holds that is a document; null where there is none. */
export function documentOf(value) {
    return typeof value === "string" ? JSON.parse(value) : value ?? null;
}

export { exactly } from "./criteria.js";

/* Runs `act` with the next frame, once however often it is asked for. */
export function framed(act) {
    let asked = 0;
    const run = () => {
        asked = 0;
        act();
    };
    const ask = () => {
        asked = asked || requestAnimationFrame(run);
    };
    ask.now = () => {
        cancelAnimationFrame(asked);
        run();
    };
    return ask;
}

/* Runs `act` once nobody has asked for it for so many milliseconds; `cancel` takes it back. */
export function rested(ms, act) {
    let timer = 0;
    const ask = () => {
        clearTimeout(timer);
        timer = setTimeout(act, ms);
    };
    ask.cancel = () => clearTimeout(timer);
    return ask;
}

/*
 * A canvas as large as its frame, which scrolls over something larger: `paint(context, seen)` draws
 * what is seen, { x, y, width, height } of the large picture, in CSS pixels.
 */
export class Viewport {
    constructor(paint, attributes) {
        this.canvas = h("canvas", { class: "viewport-canvas", "aria-hidden": "true" });
        this.room = h("div", { class: "viewport-room" });
        this.frame = h("div", { class: "viewport", tabindex: "0", ...attributes }, this.canvas, this.room);
        this.paint = paint;
        this.draw = framed(() => this.#draw());
        this.frame.addEventListener("scroll", this.draw, { passive: true });
        this.watcher = new ResizeObserver(() => {
            this.onResize?.();
            this.draw();
        });
        this.watcher.observe(this.frame);
    }

    /* How large all of the picture is. */
    setSize(width, height) {
        this.room.style.width = `${width}px`;
        this.room.style.height = `${height}px`;
        this.draw();
    }

    get width() {
        return this.frame.clientWidth;
    }

    get height() {
        return this.frame.clientHeight;
    }

    /* Scrolls as little as shows this part, which is not under what stays above and to the left. */
    reveal({ x, y, width, height }, { left = 0, top = 0 } = {}) {
        const frame = this.frame;
        const near = (at, size, seen, kept, begin) => {
            if (at < begin + kept)
                return at - kept;
            return at + size > begin + seen ? at + size - seen : begin;
        };
        frame.scrollTo(near(x, width, this.width, left, frame.scrollLeft),
                       near(y, height, this.height, top, frame.scrollTop));
    }

    /* What is seen, by another pen than the canvas's. */
    paintWith(pen) {
        this.paint(pen, { x: this.frame.scrollLeft, y: this.frame.scrollTop, width: this.width, height: this.height });
    }

    #draw() {
        const { width, height, canvas } = this;
        if (width === 0 || height === 0)
            return;
        const ratio = devicePixelRatio || 1;
        const [w, hgt] = [Math.round(width * ratio), Math.round(height * ratio)];
        if (canvas.width !== w || canvas.height !== hgt) {
            [canvas.width, canvas.height] = [w, hgt];
            canvas.style.width = `${width}px`;
            canvas.style.height = `${height}px`;
        }
        const context = canvas.getContext("2d");
        context.setTransform(ratio, 0, 0, ratio, 0, 0);
        context.clearRect(0, 0, width, height);
        this.paintWith(context);
    }
}

/* A pattern of slanted lines; `rising` slants them the other way. */
export function hatch(context, colour, { step = 6, rising = false } = {}) {
    const tile = document.createElement("canvas");
    const ratio = devicePixelRatio || 1;
    tile.width = tile.height = step * ratio;
    const pen = tile.getContext("2d");
    pen.scale(ratio, ratio);
    pen.strokeStyle = colour;
    pen.lineWidth = 1.2;
    for (const shift of [-step, 0, step]) {
        pen.beginPath();
        pen.moveTo(shift - 1, rising ? step + 1 : -1);
        pen.lineTo(shift + step + 1, rising ? -1 : step + 1);
        pen.stroke();
    }
    const pattern = context.createPattern(tile, "repeat");
    pattern.setTransform(new DOMMatrix([1 / ratio, 0, 0, 1 / ratio, 0, 0]));
    pattern.hatch = { colour, step, rising }; /* for who draws it otherwise: svg_pen.js */
    return pattern;
}

/* The text, or as much of it as fits into this width with an ellipsis. */
export function fitted(context, full, width) {
    const text = visible(full);
    if (context.measureText(text).width <= width)
        return text;
    let [fits, too] = [0, text.length];
    while (too - fits > 1) {
        const middle = (fits + too) >> 1;
        if (context.measureText(text.slice(0, middle) + "\u2026").width <= width)
            fits = middle;
        else
            too = middle;
    }
    return fits > 0 ? text.slice(0, fits) + "\u2026" : "";
}

const two = number => String(number).padStart(2, "0");
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

function labelOf(parts, step) {
    const [year, month, day, hour, minute, second] = parts;
    if (step >= 28 * DAY)
        return month === 0 ? String(year) : `${MONTHS[month]} ${year}`;
    if (step >= DAY || (hour === 0 && minute === 0 && second === 0))
        return `${day} ${MONTHS[month]}`;
    return `${two(hour)}:${two(minute)}` + (step < MINUTE ? `:${two(second)}` : "");
}

/*
 * Where an axis has its ticks, as many as have room: each { t, utc, local, day }; `day` where a day
 * begins. The local time is that of the browser, and "" where ticks are days.
 */
export function timeTicks(scale, width, room = 88) {
    const ticks = scale.ticks(Math.max(2, Math.floor(width / room)));
    const step = ticks.length > 1 ? ticks[1] - ticks[0] : HOUR;
    return ticks.map(t => {
        const utc = [t.getUTCFullYear(), t.getUTCMonth(), t.getUTCDate(), t.getUTCHours(), t.getUTCMinutes(), t.getUTCSeconds()];
        const local = [t.getFullYear(), t.getMonth(), t.getDate(), t.getHours(), t.getMinutes(), t.getSeconds()];
        return {
            t: t.getTime(), utc: labelOf(utc, step), local: step >= DAY ? "" : labelOf(local, step),
            day: utc[3] === 0 && utc[4] === 0 && utc[5] === 0,
        };
    });
}

/* What the local time is called, or "" where it is UTC. */
export function localName() {
    const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
    return new Date().getTimezoneOffset() === 0 && /^(UTC|Etc\/UTC|GMT)$/.test(name ?? "UTC") ? "" : name;
}

/* A small sheet beside the pointer, or beside what has the focus. It is not read out: what is said is. */
export class Tip {
    constructor(view) {
        this.box = h("div", { class: "tip", "aria-hidden": "true", hidden: true });
        document.body.append(this.box);
        view.onLeave(() => this.box.remove());
    }

    /* At this place of the window; `lines` are strings, the first one is the heading. */
    show(x, y, lines) {
        const { box } = this;
        box.replaceChildren(...lines.filter(Boolean).map((line, at) => h(at === 0 ? "strong" : "div", {}, line)));
        box.hidden = false;
        const { width, height } = box.getBoundingClientRect();
        const left = x + 14 + width > innerWidth ? x - 14 - width : x + 14;
        const top = y + 14 + height > innerHeight ? y - 14 - height : y + 14;
        box.style.left = `${Math.max(4, left)}px`;
        box.style.top = `${Math.max(4, top)}px`;
    }

    hide() {
        this.box.hidden = true;
    }
}

/* Where something is said to who does not see the picture. `say` tells the last of what comes at once. */
export function speaker() {
    const box = h("div", { class: "hear", "aria-live": "polite" });
    const say = rested(120, () => {
        box.textContent = say.text;
    });
    return {
        box,
        say(text) {
            say.text = text;
            say();
        },
    };
}
