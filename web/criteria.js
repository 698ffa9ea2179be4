/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The criteria of a page: which series, which grade name and grades, which time. All of it is in the
 * address: the dimensions, select.grade and range.grade as the API names them, from and to, or `last`,
 * a length that ends now, as 24h.
 */
import { ask } from "./api.js";
import { fill, h } from "./dom.js";
import { local } from "./format.js";

export const dimensions = ["type", "content", "probe", "source", "dest", "path"];
const ofSeries = dimensions.map(name => `record.${name}`);
const ofGrades = ["select.grade", "range.grade"];
const units = { min: 60e3, h: 3600e3, d: 86400e3 };

/* A pattern that only this value of a dimension fits. */
export function exactly(value) {
    return value.replace(/[*?\\]/g, "\\$&");
}

/* The criteria that select what a row, or an object of other names, is about. */
export function criteriaOf(row, prefix = "record.") {
    return Object.fromEntries(dimensions.filter(name => row[prefix + name]).map(name => [`record.${name}`, exactly(row[prefix + name])]));
}

/* "24h" in milliseconds; null where it is none. */
export function lengthOf(text) {
    const [, digits, unit] = /^(\d{1,5})(min|h|d)$/.exec(text ?? "") ?? [];
    return digits ? Number(digits) * units[unit] : null;
}

/* {from, to} as Dates, of the address, or as long as `preset` until now; null where there is neither. */
export function rangeOf(parameters, preset) {
    const to = new Date(parameters.get("to") ?? NaN);
    const end = isNaN(to) ? new Date() : to;
    const from = new Date(parameters.get("from") ?? NaN);
    const length = lengthOf(parameters.get("last")) ?? lengthOf(preset);
    if (!isNaN(from))
        return { from, to: end };
    return length === null ? null : { from: new Date(end - length), to: end };
}

/* Those parameters of an address that are criteria or a range: what goes along to another page. */
export function criteriaIn(parameters) {
    const names = [...ofSeries, ...ofGrades, "from", "to", "last"];
    return Object.fromEntries(names.filter(name => parameters.get(name) || (ofSeries.includes(name) && parameters.has(name)))
        .map(name => [name, parameters.get(name)]));
}

/* What an address says is wrong: nothing is asked, and it is told. */
export class AddressError extends Error {}

const rangeForm = /^\s*\d+\s*(\.{2,3}\s*\d+\s*)?$/; /* the server knows which numbers */

/* Throws AddressError where times or grades in the address are none; `module` is the page that has them. */
export function checkAddress(parameters, module) {
    const of = name => parameters.get(name) || null;
    if (module.bar === false)
        return;
    if (of("range.grade") && !rangeForm.test(of("range.grade")))
        throw new AddressError(`range.grade: expected grades as 1..2, or one, found "${of("range.grade")}"`);
    if (module.bar?.time === false)
        return;
    for (const name of ["from", "to"])
        if (of(name) && isNaN(new Date(of(name))))
            throw new AddressError(`${name}: expected a time in UTC as 2026-11-30T08:00:00Z, found "${of(name)}"`);
    if (of("last") && !lengthOf(of("last")))
        throw new AddressError(`last: expected a length as 30min, 24h or 7d, found "${of("last")}"`);
    const range = rangeOf(parameters, module.range);
    if (range && range.from >= range.to)
        throw new AddressError(`from: expected a time before ${of("to") ? `to, ${of("to")}` : "now"}, found "${of("from")}"`);
}

const shownMost = 60; /* letters of a value */

/*
 * What of an address a page goes on without, in words. `own` of its module: {name: what it may be}: a list of values, or what
 * says of a text whether it is one; null: any. Criteria go along to all pages.
 */
export function ignoredIn(parameters, module) {
    const own = module.own ?? {}, all = [...ofSeries, ...ofGrades, "from", "to", "last"];
    const quoted = text => `"${text.length > shownMost ? `${text.slice(0, shownMost)}…` : text}"`;
    const words = [];
    for (const [name, value] of parameters)
        if (!all.includes(name) && !Object.hasOwn(own, name))
            words.push(`${quoted(name)}, which this page does not know`);
        else if (Array.isArray(own[name]) && value !== "" && !own[name].includes(value))
            words.push(`${name} ${quoted(value)}, expected ${own[name].filter(Boolean).join(", ")}`);
        else if (typeof own[name] === "function" && value !== "" && !own[name](value))
            words.push(`${name} ${quoted(value)}`);
    const most = 5;
    return words.length > most ? [...words.slice(0, most), `and ${words.length - most} more`] : words;
}

/* A parameter of a page that has these values; `preset` where it is none of them, or not there. */
export function chosen(parameters, name, values, preset) {
    return values.includes(parameters.get(name)) ? parameters.get(name) : preset;
}

/* The parameters of a question: criteria in the address, its range, and `more` over them. */
export function questionOf(parameters, module, more = {}) {
    const { from, to, last, ...criteria } = criteriaIn(parameters);
    const question = module.bar?.series === false ? {} : criteria;
    const range = module.bar?.time === false ? null : rangeOf(parameters, module.range);
    return { ...question, ...(range ? { from: range.from.toISOString(), to: range.to.toISOString() } : {}), ...more };
}

/* What somebody writes as a time, in UTC: "2026-11-30", "2026-11-30 08:00", with seconds, with T and Z. A Date, or null. */
export function timeOf(text) {
    const [, date, clock = "00:00"] = /^\s*(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?))?Z?\s*$/.exec(text) ?? [];
    const time = new Date(date ? `${date}T${clock}Z` : NaN);
    return isNaN(time) ? null : time;
}

const presets = { "1h": "1 h", "24h": "24 h", "7d": "7 d", "30d": "30 d" };
const suggestionsMost = 20;

/* Suggests values of a dimension that there are among the series that the other criteria select. */
function suggest(input, list, name, view) {
    let asked = null;
    return async () => {
        const begins = input.value;
        if (begins === asked || /[*?/]/.test(begins))
            return;
        asked = begins;
        const others = { ...view.question({ from: null, to: null, "range.grade": null }) };
        delete others[`record.${name}`];
        const { rows } = await ask("QueryFacets", { ...others, "facet.dimension": name, "facet.begins": begins, "list.limit": suggestionsMost });
        if (begins === asked)
            fill(list, rows.map(row => h("option", { value: row["facet.value"] })));
    };
}

function dimensionField(name, view) {
    const id = `criterion-${name}`;
    const list = h("datalist", { id: `${id}-values` });
    const none = view.parameters.get(`record.${name}`) === "";
    const input = h("input", { id, name: `record.${name}`, value: view.parameters.get(`record.${name}`) ?? "", placeholder: none ? "(none)" : "any",
        list: list.id, autocomplete: "off", spellcheck: "false" });
    const look = suggest(input, list, name, view);
    let timer = 0;
    const later = () => {
        clearTimeout(timer);
        timer = setTimeout(() => look().catch(() => {}), 150); /* without suggestions one can write all the same */
    };
    input.addEventListener("input", later);
    input.addEventListener("focus", later);
    return h("div", { class: "field" }, h("label", { for: id }, name), input, list);
}

function textField(name, label, value, hint) {
    const id = `criterion-${name.replace(".", "-")}`;
    return h("div", { class: "field narrow" }, h("label", { for: id }, label),
        h("input", { id, name, value: value ?? "", placeholder: hint, autocomplete: "off", spellcheck: "false" }));
}

/* From or to, in UTC, with the local time below as one writes. */
function timeField(name, view) {
    const given = view.parameters.get(name);
    const known = given ? new Date(given) : null;
    const field = textField(name, `${name} (UTC)`, known && !isNaN(known) ? known.toISOString().replace("T", " ").replace(/(\.0+)?Z$/, "") : given,
        name === "to" ? "now" : "2026-11-30 08:00");
    const input = field.querySelector("input");
    const there = h("small", { class: "local" });
    const tell = () => {
        const time = timeOf(input.value);
        there.textContent = time ? local(time) : "";
        input.setCustomValidity(time || !input.value.trim() || input.value.trim() === "now" ? "" : "A time in UTC is expected, as 2026-11-30 08:00");
    };
    input.addEventListener("input", tell);
    tell();
    field.classList.add("time");
    field.append(there);
    return field;
}

function timeGroup(view, module) {
    const last = view.parameters.get("last") ?? (view.parameters.get("from") ? null : module.range);
    const choose = length => view.go(view.page, { ...Object.fromEntries(view.parameters), from: null, to: null, last: length });
    return h("fieldset", { class: "times" }, h("legend", {}, "Time"),
        h("div", { class: "presets" }, Object.entries(presets).map(([length, word]) =>
            h("button", { type: "button", class: "preset", "aria-pressed": String(last === length), onclick: () => choose(length) }, word))),
        timeField("from", view), timeField("to", view));
}

/* What the fields say over what is in the address; a field that is empty goes. */
function apply(form, view, module) {
    const next = Object.fromEntries(view.parameters);
    for (const input of form.querySelectorAll("input")) {
        const text = input.value.trim();
        const time = ["from", "to"].includes(input.name) ? timeOf(text) : null;
        if (text !== "" || input.placeholder !== "(none)") /* what stays empty because only "" fits it */
            next[input.name] = time ? time.toISOString() : text === "now" || text === "" ? null : text;
    }
    if (module.bar?.time !== false && (next.from || next.to))
        delete next.last;
    delete next["list.after"];
    view.go(view.page, next);
}

const narrow = matchMedia("(max-width: 60rem)");
let opened = null; /* by who looks, for as long as the page is there */

narrow.addEventListener("change", () => {
    const details = document.querySelector("#criteria details");
    if (details)
        details.open = opened ?? !narrow.matches;
});

/* Makes the form of a page: hidden where it has no criteria. */
export function criteriaBar(form, view, module) {
    form.hidden = module.bar === false;
    if (form.hidden)
        return void fill(form);
    const set = criteriaIn(view.parameters);
    const clear = Object.fromEntries([...view.parameters].filter(([name]) => !(name in set)));
    const unless = [module.bar?.series === false ? null : "all series", module.range ? `last ${module.range}` : null].filter(Boolean).join(" · ");
    const words = Object.entries(set).map(([name, value]) => `${name.replace(/^(record|select|range)\./, name.startsWith("range") ? "grades " : "")} ${value || "(none)"}`);
    const details = h("details", { open: opened ?? !narrow.matches },
        h("summary", { onclick: () => { opened = !details.open; } }, h("span", { class: "summary-word" }, "Criteria"), " ",
            h("span", { class: "summary-said" }, words.length ? words.join(" · ") : unless)),
        h("div", { class: "fields" }, module.bar?.series === false ? null : [dimensions.map(name => dimensionField(name, view)),
            textField("select.grade", "grade name", set["select.grade"], "all"), textField("range.grade", "grades", set["range.grade"], module.bar?.grades ?? "1..5")],
            module.bar?.time === false ? null : timeGroup(view, module),
            h("div", { class: "buttons" }, h("button", { type: "submit", class: "primary" }, "Show"),
                h("button", { type: "button", disabled: Object.keys(set).length === 0, onclick: () => view.go(view.page, clear) }, "Clear"))));
    form.onsubmit = event => {
        event.preventDefault();
        apply(form, view, module);
    };
    const focused = form.contains(document.activeElement) ? document.activeElement.id : "";
    fill(form, details);
    if (focused)
        document.getElementById(focused)?.focus();
}
