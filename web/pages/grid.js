/* SPDX-License-Identifier: Apache-2.0 */
/* From where to where it is how good, or by any two other dimensions. */
import { asTable, choice, completeness, dimensions, hatched, legend, pressed } from "../controls.js";
import { chosen } from "../criteria.js";
import { fill, h } from "../dom.js";
import { exactly, remember } from "../draw.js";
import { csv, exportButtons, pngOfCanvas, svgOfCanvas } from "../export.js";
import { count, grade, number, symbol, utc, when } from "../format.js";
import { cellText, classOf, classWord, findings, gridOf, leftOut, markSilent, measures, nameOf, percent, sorted } from "../grid_data.js";
import { GridPicture } from "../grid_picture.js";

const sorts = { worst: "worst first", name: "name" };

export const title = "Grid";
export const range = "24h";
export const own = { "grid.rows": dimensions, "grid.columns": dimensions, measure: Object.keys(measures), sort: Object.keys(sorts) };

const presetGrade = "overall"; /* a grid is of one grade name */
const findingsMost = 8;
const tableMost = 400; /* cells */
const silentMost = 1000; /* series or probes that are silent */
const probesMost = 10; /* of which all series are asked for */

class Grid {
    constructor(main, view) {
        this.view = view;
        const given = (name, preset) => chosen(view.parameters, name, own[name], preset);
        this.names = { rows: given("grid.rows", "source"), columns: given("grid.columns", "dest") };
        this.measure = given("measure", "last");
        this.sort = given("sort", "worst");
        const name = view.parameters.get("select.grade");
        this.gradeName = name && !["all", "*", "**"].includes(name) ? name : presetGrade;
        const { from, to } = view.range();
        Object.assign(this, { shown: { rows: [], columns: [], cells: new Map() }, from: from.toISOString(), to: to.toISOString() }); /* until it is answered */
        this.told = h("p", { class: "told", role: "status" }, "Asking \u2026");
        this.found = h("ul", { class: "findings", "aria-label": "Rows and columns of one colour" });
        this.left = h("p", { class: "quiet-text" });
        this.complete = completeness(view);
        this.key = h("div", { class: "picture-foot" });
        this.empty = h("p", { class: "empty", hidden: true }, "No record in this time fits.");
        this.picture = new GridPicture(view, { label: "Grid. Arrow keys: cells. Home and End: along a row. Enter: the timeline.",
            describe: (row, column) => this.describe(row, column), onOpen: (row, column) => this.open(row, column) });
        this.table = asTable(() => this.asTable());
        fill(main, h("div", { class: "picture-head" }, h("h1", {}, title), this.told), this.tools(), this.found, this.picture.box, this.picture.voice.box,
            this.empty, this.key, this.complete, this.left,
            h("p", { class: "quiet-text hint" }, "Click a cell, or walk to it with the arrow keys and press ", h("kbd", {}, "Enter"), ", for its timeline; a name for all of it. Where nothing is drawn there are no records; a dash has records without a grade."), this.table);
    }

    tools() {
        const words = Object.fromEntries(dimensions.map(name => [name, name]));
        const again = name => value => {
            const other = { "grid.rows": "grid.columns", "grid.columns": "grid.rows" }[name];
            const mine = name === "grid.rows" ? "rows" : "columns";
            const theirs = mine === "rows" ? "columns" : "rows";
            const changes = { [name]: value, [other]: value === this.names[theirs] ? this.names[mine] : this.names[theirs] };
            this.view.go("grid", { ...Object.fromEntries(this.view.parameters), ...changes });
        };
        const set = (name, preset) => value => {
            this[name] = value;
            remember(this.view, { [name]: value === preset ? null : value });
            this.draw();
        };
        return h("div", { class: "row tools-row" }, choice("Rows", words, this.names.rows, again("grid.rows")), choice("Columns", words, this.names.columns, again("grid.columns")),
            pressed("Show", measures, this.measure, set("measure", "last")), pressed("Sort by", sorts, this.sort, set("sort", "worst")),
            exportButtons(this.view, { png: () => pngOfCanvas(this.picture.port.canvas, this.caption(), this.picture.colours),
            svg: () => svgOfCanvas(this.picture.port, this.caption(), this.picture.colours), csv: () => this.asCsv() }));
    }

    async look() {
        const question = this.view.question({ "grid.rows": this.names.rows, "grid.columns": this.names.columns, "select.grade": this.gradeName });
        this.complete.look(question.from, question.to);
        const answer = await this.view.ask("QueryGrid", question);
        this.from = answer.from;
        this.to = answer.to;
        this.grid = gridOf(answer);
        if (!this.view.parameters.get("to"))
            markSilent(this.grid, this.names, await this.silent());
        this.draw();
    }

    /* The series that are silent now; those of a probe that is, of so many probes. */
    async silent() {
        const { may } = await this.view.who();
        if (!["QuerySilent", "QuerySeries"].every(label => may.includes(label)))
            return [];
        const criteria = { ...this.view.question({ from: null, to: null, "range.grade": null }), "select.grade": null, "list.limit": silentMost };
        const { rows } = await this.view.ask("QuerySilent", criteria);
        const isProbe = row => row["record.probe"] && dimensions.every(name => name === "probe" || !row[`record.${name}`]);
        const probes = rows.filter(isProbe).slice(0, probesMost);
        const ofProbes = await Promise.all(probes.map(row => this.view.ask("QuerySeries", { ...criteria, "record.probe": exactly(row["record.probe"]), "select.grade": this.gradeName })));
        return [...rows.filter(row => !isProbe(row)), ...ofProbes.flatMap(answer => answer.rows)];
    }

    draw() {
        if (!this.grid)
            return;
        const { measure, names } = this;
        this.shown = sorted(this.grid, measure, this.sort);
        const none = this.shown.rows.length === 0;
        this.empty.hidden = !none;
        this.picture.box.hidden = none;
        this.picture.set(this.shown, measure);
        const { all } = this.grid;
        fill(this.told, h("strong", {}, `${count(this.shown.rows.length, names.rows)} \u00d7 ${count(this.shown.columns.length, names.columns)}`),
            `, ${this.gradeName}, `, all ? `${number(all.graded)} of ${count(all.rated, "record")} with a grade bad (${percent(all.share)}), ` : "", when(this.from), " to ", when(this.to));
        this.tellFindings();
        fill(this.left, [this.picture.leavesNames && !none ? "Not each row or column has room for its name: point at one, or walk to it. " : "", leftOut(this.grid, names)]);
        fill(this.key, measure === "share" ? h("div", { class: "legend" }, [1, 2, 3, 4, 5].map(value => h("span", { class: "legend-item" }, symbol(value), " ", classWord(value, measure)))) :
            legend(hatched("maintenance"), hatched("silent")));
        this.table.again();
    }

    tellFindings() {
        const list = findings(this.shown, this.measure, this.names);
        fill(this.found, list.slice(0, findingsMost).map(one => h("li", {}, symbol(one.class), " ", one.row || one.column
            ? h("a", { href: this.view.address("timeline", this.criteriaOf(one.row, one.column)) }, one.text) : one.text)),
        list.length > findingsMost ? h("li", { class: "quiet-text" }, `and ${list.length - findingsMost} more such rows and columns`) : null);
        this.found.hidden = list.length === 0;
    }

    /* The parameters of a page about a row, a column or a cell. */
    criteriaOf(row, column) {
        const parameters = { ...Object.fromEntries(this.view.parameters), "select.grade": this.gradeName };
        for (const name of ["grid.rows", "grid.columns", "measure", "sort", "range.grade", "list.after", "at"])
            delete parameters[name];
        if (row)
            parameters[`record.${this.names.rows}`] = exactly(row.value);
        if (column)
            parameters[`record.${this.names.columns}`] = exactly(column.value);
        return parameters;
    }

    open(row, column) {
        this.view.go("timeline", this.criteriaOf(row, column));
    }

    describe(row, column) {
        const cell = this.picture.cell(row, column);
        const name = [row ? `${this.names.rows} ${nameOf(row.value)}` : `all ${this.names.rows}`, column ? `${this.names.columns} ${nameOf(column.value)}` : `all ${this.names.columns}`].join(" \u00b7 ");
        if (!cell)
            return [name, "no records"];
        const told = value => value ? `${value} ${grade(value).word}` : "no grade";
        return [name, `last ${told(cell.last)}`, `worst ${told(cell.worst)}`, `bad ${number(cell.graded)} of ${number(cell.rated)} (${percent(cell.share)})`,
            cell.matched !== cell.rated ? `${count(cell.matched - cell.rated, "record")} without a grade` : null, cell.maintenance ? `maintenance ${cell.maintenance}` : null,
            cell.silent ? `silent now: ${count(cell.silent, "series", "series")}` : null].filter(Boolean);
    }

    caption() {
        return `EZRepo grid, ${this.names.rows} \u00d7 ${this.names.columns}, ${measures[this.measure]}, ${this.gradeName}, ${utc(this.from)} to ${utc(this.to)} UTC. ${this.left.textContent}`;
    }

    *cells() {
        for (const row of this.shown.rows)
            for (const column of this.shown.columns) {
                const cell = this.shown.cells.get(row).get(column);
                if (cell)
                    yield [row, column, cell];
            }
    }

    asCsv() {
        return csv([`record.${this.names.rows}`, `record.${this.names.columns}`, "grade.name", "worst", "last", "share", "matched", "rated", "graded", "maintenance"],
            [...this.cells()].map(([row, column, cell]) => [row.value, column.value, this.gradeName, cell.worst, cell.last, cell.share, cell.matched, cell.rated, cell.graded, cell.maintenance]));
    }

    asTable() {
        const cells = [...this.cells()].sort((a, b) => (classOf(a[2], this.measure) || 9) - (classOf(b[2], this.measure) || 9));
        return {
            columns: [this.names.rows, this.names.columns, measures[this.measure], "in words", "bad of those with a grade"],
            rows: cells.slice(0, tableMost).map(([row, column, cell]) => [nameOf(row.value), nameOf(column.value), cellText(cell, this.measure) || "\u2013", classWord(classOf(cell, this.measure), this.measure) + (cell.silent ? ", silent now" : ""),
                `${number(cell.graded)} of ${number(cell.rated)}`]),
            left: cells.length > tableMost ? `The worst ${tableMost} of ${cells.length} cells.` : null,
        };
    }
}

export async function show(main, view) {
    await new Grid(main, view).look();
}
