/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A grading document as text: laid out so that a rule is a line where that is not too long, and the difference of two. Numbers
 * stay as they are written; nothing here knows what is good in a document. Pure.
 */

const lineMost = 110; /* characters of what stands on one line */
const editsMost = 600; /* lines that differ; beyond, all of it counts as other */

/* Tokens of JSON as a tree: {text} of a scalar, {open, close, items: [{key, value}]}. */
function treeOf(text) {
    const tokens = text.match(/"(?:[^"\\]|\\.)*"?|[{}[\],:]|[^\s{}[\],:"]+/gs) ?? [];
    let at = 0;
    const value = () => {
        const token = tokens[at++] ?? "";
        if (token !== "{" && token !== "[")
            return { text: token };
        const node = { open: token, close: token === "{" ? "}" : "]", items: [] };
        while (at < tokens.length && tokens[at] !== node.close) {
            const key = token === "{" && tokens[at + 1] === ":" ? tokens[at] : null;
            at += key === null ? 0 : 2;
            if (tokens[at] === node.close || tokens[at] === undefined)
                break;
            node.items.push({ key, value: value() });
            if (tokens[at] === ",")
                at++;
        }
        at++;
        return node;
    };
    return value();
}

/* A mark before a document is none of it, as the server has it. */
const valueOf = text => JSON.parse(text.replace(/^\ufeff/, ""));

const named = (key, text) => key === null ? text : `${key}: ${text}`;

/* On one line; null where that is longer than `most`. */
function inline(node, most) {
    if (!node.open)
        return node.text.length <= most ? node.text : null;
    let text = node.open;
    for (const [at, { key, value }] of node.items.entries()) {
        const part = inline(value, most - text.length);
        if (part === null)
            return null;
        text += (at > 0 ? ", " : "") + named(key, part);
    }
    text += node.close;
    return text.length <= most ? text : null;
}

/* The lines of a document, each {text, block}: the index in "grading" of the block it is of, or null. */
function lines(text) {
    const found = [];
    const write = (node, before, behind, indent, path, block) => {
        const part = path.length > 2 ? inline(node, lineMost - indent.length - before.length) : node.open && node.items.length > 0 ? null : inline(node, Infinity);
        if (part !== null || !node.open)
            return void found.push({ text: indent + before + (part ?? node.text) + behind, block });
        found.push({ text: indent + before + node.open, block });
        node.items.forEach(({ key, value }, at) => {
            const inside = path.length === 1 && path[0] === '"grading"' ? at : block;
            write(value, key === null ? "" : `${key}: `, at + 1 < node.items.length ? "," : "", `${indent}  `, [...path, key ?? at], inside);
        });
        found.push({ text: indent + node.close + behind, block });
    };
    write(treeOf(text), "", "", "", [], null);
    return found;
}

/* The document laid out; what is no JSON stays as it is. */
export function laid(text) {
    try {
        valueOf(text);
    } catch {
        return text;
    }
    return lines(text).map(line => line.text).join("\n") + "\n";
}

/* What each block of a document is about, in a few words: "overall · ping". */
function blocksOf(text) {
    const { grading } = valueOf(text);
    return (Array.isArray(grading) ? grading : []).map((block, at) =>
        [`block ${at + 1}`, block?.gradeName, ...Object.values(block?.appliesTo ?? {}).filter(value => value !== "*")].filter(word => typeof word === "string").join(" · "));
}

/* Myers: the shortest way from a to b as a list of 1 (of b), -1 (of a), 0 (of both); null where more than editsMost differ. */
function script(a, b) {
    const trace = [];
    let ends = new Map([[1, 0]]);
    for (let d = 0; d <= editsMost; d++) {
        trace.push(ends);
        const next = new Map();
        for (let k = -d; k <= d; k += 2) {
            const down = k === -d || (k !== d && (ends.get(k - 1) ?? -1) < (ends.get(k + 1) ?? -1));
            let x = down ? ends.get(k + 1) ?? 0 : ends.get(k - 1) + 1;
            while (x < a.length && x - k < b.length && a[x] === b[x - k])
                x++;
            next.set(k, x);
            if (x >= a.length && x - k >= b.length)
                return wayBack(trace, a.length, b.length);
        }
        ends = next;
    }
    return null;
}

function wayBack(trace, x, y) {
    const steps = [];
    for (let d = trace.length - 1; d >= 0; d--) {
        const ends = trace[d], k = x - y;
        const down = k === -d || (k !== d && (ends.get(k - 1) ?? -1) < (ends.get(k + 1) ?? -1));
        const from = down ? k + 1 : k - 1;
        const beginX = d === 0 ? 0 : ends.get(from) ?? 0, beginY = d === 0 ? 0 : beginX - from;
        while (x > beginX && y > beginY) {
            steps.push(0);
            x--;
            y--;
        }
        if (d > 0) {
            steps.push(down ? 1 : -1);
            x = beginX;
            y = beginY;
        }
    }
    return steps.reverse();
}

/*
 * The lines of both documents, laid out: [{how: 0 both, 1 added, -1 removed; text, before, after: numbers of lines or null; block: words or null}].
 */
export function difference(before, after) {
    const a = lines(before), b = lines(after);
    const words = [blocksOf(before), blocksOf(after)];
    let head = 0, tail = 0;
    while (head < a.length && head < b.length && a[head].text === b[head].text)
        head++;
    while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail].text === b[b.length - 1 - tail].text)
        tail++;
    const text = (all, end) => all.slice(head, end).map(line => line.text);
    const steps = script(text(a, a.length - tail), text(b, b.length - tail)) ??
        [...Array(a.length - tail - head).fill(-1), ...Array(b.length - tail - head).fill(1)];
    let x = 0, y = 0;
    return [...Array(head).fill(0), ...steps, ...Array(tail).fill(0)].map(how => {
        const line = how === -1 ? a[x] : b[y];
        const row = { how, text: line.text, before: how === 1 ? null : x + 1, after: how === -1 ? null : y + 1,
            block: line.block === null ? null : words[how === -1 ? 0 : 1][line.block] };
        x += how === 1 ? 0 : 1;
        y += how === -1 ? 0 : 1;
        return row;
    });
}
