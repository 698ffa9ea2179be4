/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A grid on a canvas that one can walk in: only what is seen of it is drawn. Names stay to the left and
 * above; the first row and column are all together. A class has a colour, and a number where there is
 * room, else a size: critical fills its cell.
 */
import { h } from "./dom.js";
import { fitted, gradeColours, hatch, onTheme, speaker, theme, Tip, Viewport } from "./draw.js";
import { cellText, classOf, nameOf } from "./grid_data.js";

const sideOf = [0.3, 1, 0.86, 0.72, 0.56, 0.4]; /* of a cell, by class, where no number has room */
const gap = 5; /* px, between all together and the others */
const namesMost = 60; /* more rows or columns are made so small that not each has a name */
const nameRoom = 15; /* px, for a name */
const slant = Math.PI / 3.4;

export class GridPicture {
    /* describe(row, column): lines; onOpen(row, column). row or column null: all together. */
    constructor(view, { describe, onOpen, label }) {
        Object.assign(this, { describe, onOpen, grid: null, measure: "last", at: null, over: null });
        this.port = new Viewport((context, seen) => this.#paint(context, seen), { role: "application", "aria-label": label });
        this.frame = this.port.frame;
        this.frame.classList.add("grid-frame");
        this.box = h("div", { class: "grid-place" }, this.frame);
        new ResizeObserver(() => this.#place()).observe(this.box);
        this.tip = new Tip(view);
        this.voice = speaker();
        onTheme(view, () => this.readTheme());
        this.readTheme();
        const { frame } = this;
        frame.addEventListener("keydown", event => this.#key(event));
        frame.addEventListener("pointermove", event => event.pointerType !== "touch" && this.#pointed(event));
        frame.addEventListener("pointerleave", () => this.#leave());
        frame.addEventListener("blur", () => this.tip.hide());
        frame.addEventListener("focus", () => frame.matches(":focus-visible") && this.grid && this.#focus(this.at ?? [1, 1]));
        frame.addEventListener("scroll", () => this.tip.hide(), { passive: true });
        frame.addEventListener("click", event => {
            const found = this.#find(event);
            if (found)
                this.onOpen(this.#row(found[0]), this.#column(found[1]));
        });
    }

    readTheme() {
        this.colours = theme();
        this.pattern = null;
        this.silence = null;
        this.port.draw();
    }

    /* Whether there is no room for all names. */
    get leavesNames() {
        return this.w < nameRoom || this.h < nameRoom;
    }

    /* The grid in its order; see grid_data.js. */
    set(grid, measure) {
        Object.assign(this, { grid, measure });
        this.#place();
    }

    /* Of a number, 0 is all together: null. */
    #row(at) {
        return at === 0 ? null : this.grid.rows[at - 1];
    }

    #column(at) {
        return at === 0 ? null : this.grid.columns[at - 1];
    }

    cell(row, column) {
        if (!row || !column)
            return row ? row.whole : column ? column.whole : this.grid.all;
        return this.grid.cells.get(row).get(column) ?? null;
    }

    #longest(list) {
        const pen = this.port.canvas.getContext("2d");
        pen.font = `12px ${this.colours.font}`;
        return Math.ceil(Math.max(...[...list].sort((a, b) => b.value.length - a.value.length).slice(0, 8).map(one => pen.measureText(one.value).width), 20));
    }

    #place() {
        const all = this.box.clientWidth;
        if (!this.grid || all === 0)
            return;
        const { rows, columns } = this.grid;
        const { frame } = this;
        this.left = Math.min(this.#longest(rows) + 12, Math.round(all * 0.32), 300);
        this.nameWidth = Math.min(this.#longest(columns), 190);
        this.top = Math.ceil(this.nameWidth * Math.sin(slant)) + 18;
        const lean = Math.ceil(this.nameWidth * Math.cos(slant)) + 4;
        const fits = Math.floor((all - this.left - lean - gap - 20) / (columns.length + 1));
        this.w = Math.min(64, Math.max(columns.length > namesMost ? 7 : 16, fits));
        this.h = this.w >= 22 ? 24 : Math.max(rows.length > namesMost ? 8 : 15, Math.min(this.w, 20));
        const [width, height] = [this.left + gap + this.w * (columns.length + 1) + lean, this.top + gap + this.h * (rows.length + 1) + 4];
        frame.style.height = `${Math.min(height + 18, Math.max(280, innerHeight - 120))}px`;
        frame.style.width = `${Math.min(all, width + 18)}px`;
        this.port.setSize(width, height);
    }

    #x(at) {
        return this.left + at * this.w + (at > 0 ? gap : 0);
    }

    #y(at) {
        return this.top + at * this.h + (at > 0 ? gap : 0);
    }

    /* The cell under the pointer: [row, column], numbers; null: none. */
    #find(event) {
        if (!this.grid)
            return null;
        const box = this.frame.getBoundingClientRect();
        const [x, y] = [event.clientX - box.left - this.frame.clientLeft, event.clientY - box.top - this.frame.clientTop];
        if (x >= this.port.width || y >= this.port.height)
            return null;
        const place = (at, kept, size, scrolled) => {
            if (at < kept)
                return 0; /* a name: all of it */
            const inside = at - kept < size ? at - kept : at - kept + scrolled;
            return inside < size ? 0 : Math.floor((inside - gap) / size);
        };
        const [row, column] = [place(y, this.top, this.h, this.frame.scrollTop), place(x, this.left, this.w, this.frame.scrollLeft)];
        if (row > this.grid.rows.length || column > this.grid.columns.length || (y < this.top && x < this.left))
            return null;
        return [Math.max(0, row), Math.max(0, column)];
    }

    #pointed(event) {
        const found = this.#find(event);
        this.frame.style.cursor = found ? "pointer" : "";
        if (String(found) !== String(this.over)) {
            this.over = found;
            this.port.draw();
        }
        if (found)
            this.tip.show(event.clientX, event.clientY, this.describe(this.#row(found[0]), this.#column(found[1])));
        else
            this.tip.hide();
    }

    #leave() {
        this.over = null;
        this.tip.hide();
        this.port.draw();
    }

    #key(event) {
        if (event.altKey || event.metaKey || !this.grid)
            return;
        const { rows: { length: rows }, columns: { length: columns } } = this.grid;
        const [row, column] = this.at ?? [1, 1];
        const next = {
            ArrowDown: [row + 1, column], ArrowUp: [row - 1, column], ArrowRight: [row, column + 1], ArrowLeft: [row, column - 1],
            PageDown: [row + 10, column], PageUp: [row - 10, column],
            Home: [event.ctrlKey ? 0 : row, 0], End: [event.ctrlKey ? rows : row, columns],
        }[event.key];
        if (event.key === "Enter" && this.at)
            this.onOpen(this.#row(row), this.#column(column));
        else if (next)
            this.#focus(this.at ? [Math.min(rows, Math.max(0, next[0])), Math.min(columns, Math.max(0, next[1]))] : [row, column]);
        else
            return;
        event.preventDefault();
    }

    #focus(at) {
        this.at = [Math.min(at[0], this.grid.rows.length), Math.min(at[1], this.grid.columns.length)];
        const [row, column] = this.at;
        this.port.reveal({ x: column ? this.#x(column) : this.left + this.w, y: row ? this.#y(row) : this.top + this.h, width: this.w, height: this.h },
                         { left: this.left + this.w + gap, top: this.top + this.h + gap });
        this.port.draw.now();
        const lines = this.describe(this.#row(row), this.#column(column));
        this.voice.say(lines.join(", "));
        const box = this.frame.getBoundingClientRect();
        this.tip.show(box.left + this.#seenX(column) + this.w, box.top + this.#seenY(row) + this.h / 2, lines);
    }

    #seenX(at) {
        return this.#x(at) - (at > 0 ? this.frame.scrollLeft : 0);
    }

    #seenY(at) {
        return this.#y(at) - (at > 0 ? this.frame.scrollTop : 0);
    }

    /* The numbers of those that are seen, along one of the directions. */
    #range(begin, size, seen, many, kept) {
        const from = Math.max(1, Math.floor((begin - gap) / size));
        return [from, Math.min(many, Math.ceil((begin + seen - kept) / size))];
    }

    #paint(context, seen) {
        if (!this.grid)
            return;
        const { rows, columns } = this.grid;
        this.pattern ??= hatch(context, this.colours.maintenance.edge, { step: 5, rising: true });
        this.silence ??= hatch(context, this.colours.silent.edge, { step: 4, rising: false });
        const [firstRow, lastRow] = this.#range(seen.y, this.h, seen.height, rows.length, this.top);
        const [firstColumn, lastColumn] = this.#range(seen.x, this.w, seen.width, columns.length, this.left);
        const numbers = (first, last) => Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => first + at);
        const [rowNumbers, columnNumbers] = [numbers(firstRow, lastRow), numbers(firstColumn, lastColumn)];
        const part = (x, y, draw) => {
            context.save();
            context.beginPath();
            context.rect(x, y, seen.width, seen.height);
            context.clip();
            draw();
            context.restore();
        };
        const [x0, y0] = [this.left + this.w, this.top + this.h];
        this.drawn = 0;
        part(x0 + gap - 1, y0 + gap - 1, () => rowNumbers.forEach(row => columnNumbers.forEach(column => this.#cell(context, row, column))));
        part(0, y0 + gap - 1, () => rowNumbers.forEach(row => this.#cell(context, row, 0)));
        part(x0 + gap - 1, 0, () => columnNumbers.forEach(column => this.#cell(context, 0, column)));
        this.#cell(context, 0, 0);
        this.#names(context, seen, rowNumbers, columnNumbers);
        for (const at of [this.over, this.at])
            if (at && (at === this.over || document.activeElement === this.frame))
                this.#outline(context, at);
    }

    #cell(context, row, column) {
        const cell = this.cell(this.#row(row), this.#column(column));
        const value = classOf(cell, this.measure);
        if (value === null)
            return;
        this.drawn++;
        const [x, y, w, h] = [this.#seenX(column), this.#seenY(row), this.w - 1, this.h - 1];
        const colours = gradeColours(this.colours, value);
        const numbered = this.w >= 22 && this.h >= 16;
        const side = numbered ? 1 : sideOf[value];
        context.fillStyle = colours.fill;
        if (value === 0)
            context.fillRect(x + w * 0.35, y + h / 2 - 1, w * 0.3, 2);
        else
            context.fillRect(x + w * (1 - side) / 2, y + h * (1 - side) / 2, w * side, h * side);
        if (cell.maintenance) {
            const high = numbered ? 6 : Math.ceil(h / 3);
            for (const style of [this.colours.maintenance.fill, this.pattern]) {
                context.fillStyle = style;
                context.fillRect(x, y + h - high, w, high);
            }
        }
        if (cell.silent) {
            for (const style of [this.colours.panel, this.silence]) {
                context.fillStyle = style;
                context.fillRect(x, y, w, numbered ? 6 : Math.ceil(h / 3));
            }
        }
        if (!numbered || value === 0)
            return;
        context.font = `${value <= 2 ? "700" : "500"} 12px ${this.colours.font}`;
        context.textAlign = "center";
        context.textBaseline = "middle";
        context.fillStyle = colours.ink;
        context.fillText(cellText(cell, this.measure), x + w / 2, y + h / 2 + (cell.maintenance ? -2 : 0.5), w - 2);
    }

    #names(context, seen, rowNumbers, columnNumbers) {
        const { colours, grid } = this;
        const font = bold => `${bold ? "600 " : ""}12px ${colours.font}`;
        const lit = (at, side) => this.over?.[side] === at || (document.activeElement === this.frame && this.at?.[side] === at);
        context.textBaseline = "middle";
        context.textAlign = "right";
        context.save();
        context.beginPath();
        context.rect(0, this.top + this.h + gap, this.left, seen.height);
        context.clip();
        for (const at of rowNumbers) {
            if (at % Math.ceil(nameRoom / this.h) !== 0 && !lit(at, 0))
                continue;
            context.font = font(lit(at, 0));
            context.fillStyle = colours.text;
            context.fillText(fitted(context, nameOf(grid.rows[at - 1].value), this.left - 10), this.left - 6, this.#seenY(at) + this.h / 2);
        }
        context.restore();
        context.font = font(false);
        context.fillStyle = colours.quiet;
        context.fillText("all", this.left - 6, this.top + this.h / 2);
        context.save();
        context.beginPath();
        context.rect(this.left + this.w + gap, 0, seen.width, this.top);
        context.clip();
        const named = columnNumbers.filter(one => one % Math.ceil(nameRoom / this.w) === 0);
        for (const at of [...named.filter(one => !lit(one, 1)), ...columnNumbers.filter(one => lit(one, 1))])
            this.#slanted(context, fitted(context, nameOf(grid.columns[at - 1].value), this.nameWidth), at, font(lit(at, 1)), colours.text);
        context.restore();
        this.#slanted(context, "all", 0, font(false), colours.quiet);
    }

    #slanted(context, text, at, font, colour) {
        context.save();
        context.translate(this.#seenX(at) + this.w / 2, this.top - 6);
        context.rotate(-slant);
        context.font = font;
        context.textAlign = "left";
        context.fillStyle = this.colours.panel; /* names may be nearer to each other than they are high */
        context.fillRect(-2, -7, context.measureText(text).width + 4, 14);
        context.fillStyle = colour;
        context.fillText(text, 0, 0);
        context.restore();
    }

    #outline(context, [row, column]) {
        const [x, y] = [this.#seenX(column), this.#seenY(row)];
        if ((column > 0 && x < this.left + this.w) || (row > 0 && y < this.top + this.h))
            return;
        context.lineWidth = 2;
        context.strokeStyle = this.colours.page;
        context.strokeRect(x - 2, y - 2, this.w + 3, this.h + 3);
        context.strokeStyle = this.colours.text;
        context.strokeRect(x - 0.5, y - 0.5, this.w, this.h);
    }
}
