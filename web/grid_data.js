/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What QueryGrid answers, ready to be drawn: classes, order, and what rows and columns of one class say.
 * It computes, and neither draws nor asks. A class is that of a colour: 1 critical ... 5 normal, 0 no grade.
 */
import { documentOf } from "./draw.js";
import { count, grade, label, number } from "./format.js";

export const measures = { last: "last", worst: "worst", share: "share of bad" };
const shareBounds = [[0, 5], [0.01, 4], [0.1, 3], [0.5, 2], [1, 1]]; /* at most so much: this class */
const shareWords = { 5: "nothing bad", 4: "up to 1 % bad", 3: "1 to 10 % bad", 2: "10 to 50 % bad", 1: "more than 50 % bad" };
const namedMost = 3; /* rows or columns of one colour, which are not bad */
const natural = new Intl.Collator("en", { numeric: true }).compare;

/* The class of a cell, null where there is none. */
export function classOf(cell, measure) {
    if (!cell)
        return null;
    if (measure !== "share")
        return cell[measure] ?? 0;
    return cell.share === null || cell.share === undefined ? 0 : shareBounds.find(([most]) => cell.share <= most)[1];
}

export function classWord(value, measure) {
    return measure === "share" ? shareWords[value] ?? "no grade" : value ? `${grade(value).word}` : "no grade";
}

/* "6.7 %", of 0.067; what is not nothing is not told as 0. */
export function percent(share) {
    if (share === null || share === undefined)
        return "\u2013";
    const value = share * 100;
    return `${value > 0 && value < 0.1 ? "<0.1" : value >= 10 ? Math.round(value) : Number(value.toFixed(1))}\u202f%`;
}

/* What stands in a cell. */
export function cellText(cell, measure) {
    if (measure === "share")
        return cell.share === null || cell.share === undefined ? "" : percent(cell.share).replace(/\u202f%$/, "");
    return cell[measure] ? String(cell[measure]) : "";
}

/* How a value of a dimension is told. */
export const nameOf = value => value ? label(value) : "(none)";

const cellOfRow = row => ({ worst: row["grade.worst"], last: row["grade.last"], matched: row["records.matched"], rated: row["records.rated"],
    graded: row["records.graded"], share: row["grade.share"], maintenance: row["maintenance.windows"] });

/* { rows, columns: [{ value, whole }], all, cells: Map row -> Map column -> cell, left } of the answer. */
export function gridOf(answer) {
    const [first, ...others] = answer.rows;
    const columns = documentOf(first?.["grid.cells"] ?? []).map(whole => ({ value: whole.value ?? "", whole }));
    const rows = others.map(row => ({ value: row["grid.row"] ?? "", whole: cellOfRow(row) }));
    const cells = new Map(rows.map((row, at) =>
        [row, new Map(documentOf(others[at]["grid.cells"] ?? []).map(cell => [columns[cell.column], cell]))]));
    return { rows, columns, all: first ? cellOfRow(first) : null, cells, left: documentOf(first?.["grid.left"] ?? null) };
}

/* Tells cells how many series of theirs are silent: `rows` have the dimensions of each series that is. */
export function markSilent(grid, names, rows) {
    const found = new Map(rows.length ? grid.rows.map(row => [row.value, row]) : []);
    const columns = new Map(rows.length ? grid.columns.map(column => [column.value, column]) : []);
    for (const one of rows) {
        const row = found.get(one[`record.${names.rows}`] ?? "");
        const cell = row && grid.cells.get(row).get(columns.get(one[`record.${names.columns}`] ?? ""));
        if (cell)
            cell.silent = (cell.silent ?? 0) + 1;
    }
}

/* How bad what these cells are is, to sort by: the mean, each class weighs eight times the next better one. */
function badness(cells, measure) {
    const classes = cells.map(cell => classOf(cell, measure)).filter(value => value);
    return classes.length ? classes.reduce((sum, value) => sum + 8 ** (5 - value), 0) / classes.length : -1;
}

const cellsOf = (grid, one, isRow) => isRow ? [...grid.cells.get(one).values()] : grid.rows.map(row => grid.cells.get(row).get(one)).filter(Boolean);

/* Rows and columns in order: "worst" or "name". Shares are told as numbers, and are in the order of these. */
export function sorted(grid, measure, sort) {
    const order = (list, isRow) => {
        const bad = new Map(list.map(one => [one, measure === "share" ? one.whole.share ?? -1 : badness(cellsOf(grid, one, isRow), measure)]));
        return [...list].sort((a, b) => (sort === "name" ? 0 : bad.get(b) - bad.get(a)) || natural(a.value, b.value));
    };
    return { ...grid, rows: order(grid.rows, true), columns: order(grid.columns, false) };
}

/* The one class of these cells; 0: they differ, or there are fewer than two with a grade. */
function oneClass(cells, measure) {
    const classes = cells.map(cell => classOf(cell, measure)).filter(value => value);
    return classes.length > 1 && classes.every(value => value === classes[0]) ? classes[0] : 0;
}

/* The worst class of these cells where all of them are bad, else 0. */
function allBad(cells, measure) {
    const classes = cells.map(cell => classOf(cell, measure)).filter(value => value);
    return classes.length > 1 && classes.every(value => value <= 2) ? Math.min(...classes) : 0;
}

/*
 * What is of one colour, in words, the worst first: { class, text, row, column }, row and column where
 * one leads there. Bad and minor ones are named; how many of the others there are is said of each class.
 */
export function findings(grid, measure, names) {
    const every = grid.rows.flatMap(row => [...grid.cells.get(row).values()]);
    const whole = oneClass(every, measure);
    if (whole && every.length > 1)
        return [{ class: whole, text: `All of it is of one colour: ${classWord(whole, measure)}, all ${count(every.length, "cell")}.` }];
    const told = value => value <= 2 && measure !== "share" ? `bad: ${classWord(value, measure)}` : classWord(value, measure);
    const named = [];
    const uniform = new Map();
    for (const isRow of [false, true])
        for (const one of isRow ? grid.rows : grid.columns) {
            const cells = cellsOf(grid, one, isRow);
            const same = oneClass(cells, measure);
            const value = same || allBad(cells, measure);
            const [mine, other] = isRow ? [names.rows, names.columns] : [names.columns, names.rows];
            if (value && value <= 3)
                named.push({ class: value, size: cells.length, [isRow ? "row" : "column"]: one,
                    text: `All of ${mine} ${nameOf(one.value)} is ${same ? told(value) : `bad, ${classWord(value, measure)} at worst`} (all ${count(cells.length, other)}).` });
            else if (value)
                uniform.set(`${value} ${mine}`, [...uniform.get(`${value} ${mine}`) ?? [], one]);
        }
    named.sort((a, b) => a.class - b.class || b.size - a.size);
    return [...named, ...[...uniform].map(([key, many]) => {
        const [value, mine] = key.split(" ");
        const which = many.length <= namedMost ? `${many.map(one => `${mine} ${nameOf(one.value)}`).join(", ")} ${many.length === 1 ? "is" : "are"}` : `${count(many.length, mine)} are`;
        return { class: Number(value), text: `${which} ${classWord(Number(value), measure)} ${measure === "last" ? "at last" : "throughout"}.` };
    })];
}

/* What the answer left out, in words; "" where nothing is. */
export function leftOut(grid, names) {
    const tell = (left, name) => {
        if (!left?.count)
            return [];
        const more = left.count - left.values.length;
        return [`${count(left.count, name)} with fewer records: ${left.values.map(nameOf).join(", ")}${more > 0 ? ` and ${number(more)} more` : ""}`];
    };
    const parts = [...tell(grid.left?.rows, names.rows), ...tell(grid.left?.columns, names.columns)];
    return parts.length ? `Not drawn: ${parts.join("; ")}. They count in what stands under \u201call\u201d.` : "";
}
