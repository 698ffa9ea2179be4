/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits of a grading document: where each stands in its text, so that one is changed and nothing else; and how people
 * write them, with a unit. Numbers are moved as texts, since a browser rounds. Pure.
 */

/* JSON that JSON.parse() takes, as a tree that knows its places: {from, to} and {members: Map}, {items} or {value}. */
function treeOf(text) {
    const scalar = /"(?:[^"\\]|\\.)*"|[^\s,\]}]+/y;
    let at = 0;
    const blanks = () => {
        while (" \t\n\r".includes(text[at]) && at < text.length)
            at++;
    };
    const list = (close, one) => {
        for (at++, blanks(); text[at] !== close; blanks()) {
            one();
            blanks();
            if (text[at] === ",")
                at++;
        }
        at++;
    };
    const take = () => {
        scalar.lastIndex = at;
        const found = scalar.exec(text)[0];
        at += found.length;
        return JSON.parse(found);
    };
    const value = () => {
        blanks();
        const node = { from: at };
        if (text[at] === "{") {
            node.members = new Map();
            list("}", () => {
                const key = take();
                blanks();
                at++; /* the colon */
                node.members.set(key, value());
            });
        } else if (text[at] === "[") {
            node.items = [];
            list("]", () => node.items.push(value()));
        } else
            node.value = take();
        node.to = at;
        return node;
    };
    return value();
}

const member = (node, key) => node?.members?.get(key);
const itemsOf = (node, key) => member(node, key)?.items ?? [];
const textOf = (node, key) => String(member(node, key)?.value ?? "");

/* The limit, or leave, of a condition: {text, from, to, quoted}; null: it has none. */
function limitOf(text, condition, key) {
    const node = member(condition, key);
    return node?.value === undefined || node.value === null ? null : { text: String(typeof node.value === "string" ? node.value : text.slice(node.from, node.to)),
        from: node.from, to: node.to, quoted: typeof node.value === "string" };
}

/*
 * The blocks of a document, in its order: {name, applies: [patterns that are not for any], rules: [{grade, conditions: [{metric,
 * rel, limit, leave}]}]}. null: it is no JSON. What is missing in it is empty.
 */
export function limitsOf(text) {
    try {
        JSON.parse(text);
    } catch {
        return null;
    }
    return itemsOf(treeOf(text), "grading").map(block => ({
        name: textOf(block, "gradeName"),
        applies: [...member(block, "appliesTo")?.members ?? []].filter(([, node]) => typeof node.value === "string" && node.value !== "*").map(([, node]) => node.value),
        rules: itemsOf(block, "gradingRules").map(rule => ({
            grade: textOf(rule, "grade"),
            conditions: itemsOf(rule, "if").map(one => ({ metric: textOf(one, "metric"), rel: textOf(one, "rel"), limit: limitOf(text, one, "limit"), leave: limitOf(text, one, "leave") })),
        })),
    }));
}

/* What a metric's name says of its unit, and by which powers of ten others are of it. */
const units = { ns: { ns: 0, us: 3, ms: 6, s: 9 }, us: { ns: -3, us: 0, ms: 3, s: 6 }, ms: { ns: -6, us: -3, ms: 0, s: 3 }, s: { ns: -9, us: -6, ms: -3, s: 0 },
    bps: { bps: 0, "bit/s": 0, kbps: 3, "kbit/s": 3, mbps: 6, "mbit/s": 6, gbps: 9, "gbit/s": 9 },
    kbps: { bps: -3, "bit/s": -3, kbps: 0, "kbit/s": 0, mbps: 3, "mbit/s": 3, gbps: 6, "gbit/s": 6 }, ratio: { "%": -2 } };

function unitOf(metric) {
    return metric.split(".").findLast(part => part in units) ?? null;
}

/* A decimal without an exponent, its point moved so many places to the right. */
function moved(number, places) {
    const [, sign, whole, fraction = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(number);
    const digits = "0".repeat(Math.max(0, -places)) + whole + fraction + "0".repeat(Math.max(0, places));
    const point = whole.length + Math.max(0, -places) + places;
    const front = digits.slice(0, point).replace(/^0+(?=\d)/, "") || "0";
    const behind = digits.slice(point).replace(/0+$/, "");
    return sign + front + (behind ? `.${behind}` : "");
}

/* What somebody wrote as a limit of this metric, in its unit, as text; null: it is no number, or in a unit that is not its own. */
export function limitWritten(metric, text) {
    if (/^\s*-?\d+(?:\.\d+)?[eE][+-]?\d+\s*$/.test(text))
        return text.trim();
    const found = /^\s*(-?\d+(?:\.\d+)?)\s*(\S*)\s*$/.exec(text.replace(/[µμ]/, "u"));
    if (found === null)
        return null;
    const [, number, unit] = found;
    const places = unit === "" ? 0 : units[unitOf(metric)]?.[unit.toLowerCase()];
    return places === undefined ? null : moved(number, places);
}

/* The same in the unit that is read most easily, as "800 ms" of 800000 microseconds; "" where that says no more. */
export function limitSaid(metric, limit) {
    const unit = unitOf(metric);
    if (unit === null || !/^-?\d+(?:\.\d+)?$/.test(limit) || Number(limit) === 0)
        return "";
    const size = Math.abs(Number(limit));
    const others = Object.entries(units[unit]).filter(([, places]) => size >= 10 ** places || places < 0).sort((a, b) => b[1] - a[1]);
    const [better, places] = unit === "ratio" ? ["%", -2] : others[0] ?? [unit, 0];
    return `${moved(limit, -places)} ${better.replace("us", "µs").replace(/^([mg])b/, (_, one) => `${one.toUpperCase()}b`)}`;
}
