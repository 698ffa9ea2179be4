/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How times, numbers and grades are told, the same on all pages. A grade, silence and maintenance have a
 * word, a shape and a colour each: nobody has to see colours. The colours themselves are in style.css,
 * for dark and light.
 */
import { h, svg, visible } from "./dom.js";

/*
 * key: --KEY, --KEY-edge, --KEY-ink of style.css: what fills, what borders it (3:1 against the page),
 * what is written on it. path: the shape, in a square of 16.
 */
const states = {
    g1: { key: "g1", word: "critical", path: "M5 1h6l4 4v6l-4 4H5l-4-4V5z" },
    g2: { key: "g2", word: "major", path: "M8 1.5 15.5 14.5H.5z" },
    g3: { key: "g3", word: "minor", path: "M8 .5 15.5 8 8 15.5.5 8z" },
    g4: { key: "g4", word: "warning", path: "M2 2h12v12H2z" },
    g5: { key: "g5", word: "normal", path: "M8 2a6 6 0 1 0 0 12A6 6 0 1 0 8 2z" },
    g0: { key: "g0", word: "no grade", path: "M2 6.5h12v3H2z" },
    silent: { key: "silent", word: "silent", path: "M2 2h3v12H2zM6.5 2h3v12h-3zM11 2h3v12h-3z" },
    maintenance: { key: "maintenance", word: "maintenance", path: "M6 1h4v5h5v4h-5v5H6v-5H1V6h5z" },
};

/* What a grade is: {key, word, path}. 1 critical ... 5 normal; 0, null and whatever else: no grade.
 * "silent" and "maintenance" are taken, too. */
export function grade(value) {
    return states[value] ?? states[`g${value}`] ?? states.g0;
}

/* Its shape as an element, 1em large; with `name` also named for who hears the page. */
export function symbol(value, name) {
    const state = grade(value);
    return svg("svg", { class: `symbol ${state.key}`, viewBox: "0 0 16 16", role: name ? "img" : null,
        "aria-label": name ?? null, "aria-hidden": name ? null : "true" }, svg("path", { d: state.path }));
}

/* Shape, number and word. */
export function gradeLabel(value) {
    const state = grade(value);
    const number = state.key.startsWith("g") && state.key !== "g0" ? `${value} ` : "";
    return h("span", { class: "grade" }, symbol(value), " ", number, state.word);
}

/* For canvas and SVG that is exported: the colour that `--NAME` of style.css is now. */
export function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/* A value of a dimension, as a record has it: blanks around it are seen as "·", and what else would look like one as its escape. */
export function label(value) {
    return visible(value).replace(/^ +| +$/g, blanks => "·".repeat(blanks.length))
        .replace(/[\u0000-\u001f\u007f-\u00a0\u2000-\u200a\u202f\u205f\u3000]/g, one => `\\u${one.codePointAt(0).toString(16).padStart(4, "0")}`);
}

const two = number => String(number).padStart(2, "0");

/* "2026-11-30 08:00:00" of the time in UTC; with digits, so many of the second's fraction (0, 3 or 6, as far as they are there). */
export function utc(time, digits = 0) {
    const text = typeof time === "string" ? time : new Date(time).toISOString();
    const [, date, second, fraction = ""] = /^(\S{10})T(\S{8})(?:\.(\d+))?/.exec(text);
    return `${date} ${second}${digits && fraction ? "." + fraction.slice(0, digits) : ""}`;
}

/* The same instant by the clock of who looks: "09:00:00 +01:00", with the date where that is another. */
export function local(time) {
    const there = new Date(time);
    const away = -there.getTimezoneOffset();
    const offset = (away < 0 ? "−" : "+") + two(Math.floor(Math.abs(away) / 60)) + ":" + two(Math.abs(away) % 60);
    const date = `${there.getFullYear()}-${two(there.getMonth() + 1)}-${two(there.getDate())}`;
    const clock = `${two(there.getHours())}:${two(there.getMinutes())}:${two(there.getSeconds())}`;
    return `${date === utc(there).slice(0, 10) ? "" : date + " "}${clock} ${offset}`;
}

/* A length of time in milliseconds, in its two greatest units: "3 d 4 h", "12 min", "8 s". */
export function span(milliseconds) {
    const seconds = Math.max(0, Math.round(milliseconds / 1000));
    const parts = [[Math.floor(seconds / 86400), "d"], [Math.floor(seconds / 3600) % 24, "h"],
        [Math.floor(seconds / 60) % 60, "min"], [seconds % 60, "s"]];
    const first = parts.findIndex(part => part[0] > 0);
    if (first === -1)
        return "0 s";
    const shown = first === 0 || first === 1 ? parts.slice(first, first + 2) : [parts[first]];
    return shown.filter(part => part[0] > 0).map(part => part.join("\u00a0")).join(" ");
}

/* A time as an element: UTC, the local time beside it, small. */
export function when(time, digits = 0) {
    if (time === null || time === undefined)
        return h("span", { class: "nothing" }, "–");
    return h("time", { datetime: typeof time === "string" ? time : new Date(time).toISOString() },
        h("span", { class: "utc" }, utc(time, digits)), " ", h("small", { class: "local" }, local(time)));
}

/* 1234567 as "1 234 567", with narrow spaces; other numbers as they are, at most six digits behind the point. */
export function number(value) {
    if (value === null || value === undefined)
        return "–";
    const [whole, fraction] = String(typeof value === "number" ? Number(value.toFixed(6)) : value).split(".");
    return whole.replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f") + (fraction ? "." + fraction : "");
}

/* "1 series", "3 probes". */
export function count(value, one, many = one + "s") {
    return `${number(value)}\u00a0${Number(value) === 1 ? one : many}`;
}

const steps = {
    time: [[1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]],
    rate: [[1e9, "Gbit/s"], [1e6, "Mbit/s"], [1e3, "kbit/s"], [1, "bit/s"]],
    size: [[1 << 30, "GiB"], [1 << 20, "MiB"], [1 << 10, "KiB"], [1, "B"]],
};
/* Of each unit: how it is told, and what one is in the first unit of it. */
const units = { s: ["time", 1], ms: ["time", 1e-3], us: ["time", 1e-6], ns: ["time", 1e-9], bps: ["rate", 1], kbps: ["rate", 1e3],
    Mbps: ["rate", 1e6], Gbps: ["rate", 1e9], B: ["size", 1] };

const significant = value => number(Number(value.toPrecision(4)));

/* A value of a metric with its unit (as the server names it, or null) in the size that is read best: 900000 us is "900 ms", 0.25
 * of a ratio "25 %". What is no number is told as it is. */
export function quantity(value, unit) {
    const given = Number(value);
    if (value === null || value === undefined || value === "" || !isFinite(given))
        return value === null || value === undefined ? "–" : String(value);
    if (unit === "ratio" || unit === "percent")
        return `${significant(unit === "ratio" ? given * 100 : given)}\u00a0%`;
    const [kind, factor] = units[unit] ?? [];
    if (!kind)
        return number(value) + (unit ? `\u00a0${unit}` : "");
    const [size, word] = steps[kind].find(([least]) => Math.abs(given * factor) >= least * 0.9999999) ?? [factor, unit === "us" ? "µs" : unit];
    return `${significant(given * factor / size)}\u00a0${word}`;
}
