/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lanes of periods on a canvas: what QueryTimeline answers, drawn for any range of time, not only for
 * that which was asked for. It asks nothing, and draws no more than what is seen. A grade has a colour
 * and a height: normal is a thin band, critical fills the lane.
 */
import { documentOf, fitted, gradeColours, hatch, timeTicks, toMs } from "./draw.js";

const heightOf = [0.3, 1, 0.82, 0.66, 0.5, 0.34]; /* of a lane, by grade */
const leastWidth = 2; /* px: what is short is seen all the same */
const headHeight = 28; /* px, of a group's head */

/*
 * A lane of a row of QueryTimeline, of whose range { from, to, columns } the marks are. What costs
 * something is done when the lane is seen first.
 */
export function laneOf(row, range) {
    const dims = {};
    for (const [name, value] of Object.entries(row))
        if (name.startsWith("record."))
            dims[name.slice(7)] = value ?? "";
    return { key: [...Object.values(dims), row["grade.name"]].join("\u0001"), dims, name: row["grade.name"], marks: documentOf(row["timeline.marks"]) ?? [],
        windows: String(row["maintenance.windows"] ?? "").split(",").map(Number).filter(Boolean), range, silences: [], cut: null };
}

/*
 * Times and grades of a lane's marks: { begin, end, grade }, arrays in the order of time. A mark of one
 * period has its times, also beyond the range; one of several has those of its columns. A period that
 * another one ended covers the time up to it.
 */
export function cutOf(lane) {
    if (lane.cut)
        return lane.cut;
    const { marks, range: { from, to, columns } } = lane;
    const width = (to - from) / columns;
    const [begin, end, grade] = [new Float64Array(marks.length), new Float64Array(marks.length), new Uint8Array(marks.length)];
    for (let i = marks.length - 1; i >= 0; i--) {
        const mark = marks[i];
        const next = marks[i + 1];
        const touches = next && next.first <= mark.last + 1;
        grade[i] = mark.grade;
        if (mark.periods > 1) {
            begin[i] = from + mark.first * width;
            end[i] = from + (mark.last + 1) * width;
            continue;
        }
        begin[i] = toMs(mark.start);
        if (mark.ended === "grade" || mark.ended === "steady")
            end[i] = touches ? begin[i + 1] : Math.max(toMs(mark.end), from + (mark.last + 1) * width);
        else
            end[i] = toMs(mark.end);
        if (i > 0 && marks[i - 1].periods > 1)
            begin[i] = Math.max(begin[i], from + mark.first * width);
        end[i] = Math.max(end[i], begin[i]);
    }
    lane.cut = { begin, end, grade };
    return lane.cut;
}

/* How bad a lane is, to sort by: the columns in which it has grade 1, then 2, and so on weigh less and less. */
export function badness(lane) {
    if (lane.bad === undefined)
        lane.bad = lane.marks.reduce((sum, mark) => sum + (mark.last - mark.first + 1) * 8 ** (2 - mark.grade), 0) / lane.range.columns;
    return lane.bad;
}

/* The first mark that ends at or behind this time. */
function firstFrom({ end }, time) {
    let [low, high] = [0, end.length];
    while (low < high) {
        const middle = (low + high) >> 1;
        if (end[middle] < time)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The mark at this time, or the nearest one within `reach` milliseconds of it; -1: there is none. */
export function markAt(lane, time, reach) {
    const cut = cutOf(lane);
    let [found, best] = [-1, reach];
    for (let i = Math.max(0, firstFrom(cut, time - reach) - 1); i < cut.begin.length && cut.begin[i] <= time + reach; i++) {
        const away = Math.max(cut.begin[i] - time, time - cut.end[i], 0);
        if (away < best || (away === best && found >= 0 && cut.grade[i] < cut.grade[found]))
            [found, best] = [i, away];
    }
    return found;
}

/* Where the lanes lie, one below the other; groups is a list of { head, lanes }, without a head where it is null. */
export class Rows {
    constructor(groups, laneHeight) {
        this.laneHeight = laneHeight;
        this.list = [];
        this.placeOf = new Map();
        let y = 0;
        for (const { head, lanes } of groups) {
            if (head !== null) {
                this.list.push({ y, height: headHeight, head, count: lanes.length });
                y += headHeight;
            }
            for (const lane of lanes) {
                this.placeOf.set(lane, this.list.length);
                this.list.push({ y, height: laneHeight, lane });
                y += laneHeight;
            }
        }
        this.height = y;
    }

    /* The number of the row at this height, or of the one nearest to it. */
    at(y) {
        let [low, high] = [0, this.list.length - 1];
        while (low < high) {
            const middle = (low + high + 1) >> 1;
            if (this.list[middle].y <= y)
                low = middle;
            else
                high = middle - 1;
        }
        return low;
    }

    /* Those that are seen between two heights. */
    between(top, bottom) {
        if (this.list.length === 0)
            return [];
        return this.list.slice(this.at(top), this.at(bottom) + 1);
    }
}

/* Of one lane what is to be filled, as x, y, width and height one after the other, by grade. */
function collect(found, lane, x, [from, to], clip, y, height) {
    const { begin, end, grade } = cutOf(lane);
    const ratio = devicePixelRatio || 1;
    let [lastX, lastGrade] = [-1, 9];
    for (let i = firstFrom({ end }, from - 1 / x.perMs); i < begin.length && begin[i] <= to; i++) {
        const left = Math.round(Math.max(clip.left, x(begin[i])) * ratio) / ratio; /* whole pixels are sharp, and drawn faster */
        const width = Math.max(leastWidth, Math.round((Math.min(clip.right, x(end[i])) - left) * ratio) / ratio);
        const pixel = width <= leastWidth ? Math.round(left) : -1;
        if (pixel >= 0 && pixel === lastX && grade[i] >= lastGrade)
            continue; /* it would be hidden by what is there */
        [lastX, lastGrade] = [pixel, grade[i]];
        const tall = height < 8 ? height : Math.max(2, Math.round(height * heightOf[grade[i]]));
        found[grade[i]].push(left, y + height - tall, width, tall);
    }
}

/* Grade 1 last: where the width is too small for all, what is bad is seen. */
function fillAll(context, found, colours) {
    for (const grade of [0, 5, 4, 3, 2, 1]) {
        context.fillStyle = gradeColours(colours, grade).fill;
        const rects = found[grade];
        for (let i = 0; i < rects.length; i += 4)
            context.fillRect(rects[i], rects[i + 1], rects[i + 2], rects[i + 3]);
    }
}

/* The number of the grade, where it has room. */
function numberAll(context, found, colours, room) {
    context.font = `600 11px ${colours.font}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (const grade of [1, 2, 3]) {
        context.fillStyle = gradeColours(colours, grade).ink;
        const rects = found[grade];
        for (let i = 0; i < rects.length; i += 4)
            if (rects[i + 2] >= 14 && rects[i + 3] >= 10 && room-- > 0)
                context.fillText(String(grade), rects[i] + rects[i + 2] / 2, rects[i + 1] + rects[i + 3] / 2 + 0.5);
    }
}

/* What is no period: silence hatched, maintenance above the lane, a corner where something was corrected. */
function annotate(context, lane, picture, x, y, height) {
    const { clip, patterns, colours, windows } = picture;
    const span = (from, to) => [Math.max(clip.left, x(from)), Math.min(clip.right, x(to))];
    for (const { from, to } of lane.silences) {
        const [left, right] = span(from, to ?? picture.now);
        if (right > left) {
            context.fillStyle = patterns.silent;
            context.fillRect(left, y, right - left, height);
        }
    }
    for (const number of lane.windows) {
        const window = windows.get(number);
        const [left, right] = window ? span(window.from, window.to) : [0, 0];
        if (right > left) {
            context.fillStyle = colours.maintenance.fill;
            context.fillRect(left, y - 2, right - left, 2);
            context.fillStyle = patterns.maintenance;
            context.fillRect(left, y, right - left, height);
        }
    }
    if (height < 8)
        return;
    const { begin, end } = cutOf(lane);
    for (const i of lane.corrected ??= lane.marks.flatMap((mark, at) => mark.retracted > 0 ? [at] : [])) {
        const [left, right] = [x(begin[i]), x(end[i])];
        if (right >= clip.left && left <= clip.right)
            corner(context, Math.max(clip.left, left), y, colours);
    }
}

function corner(context, x, y, colours) {
    context.beginPath();
    context.moveTo(x, y - 2);
    context.lineTo(x + 8, y - 2);
    context.lineTo(x, y + 6);
    context.closePath();
    context.fillStyle = colours.text;
    context.fill();
    context.strokeStyle = colours.page;
    context.lineWidth = 1;
    context.stroke();
}

/* What the picture needs of a theme, made once for each. */
export function patternsOf(context, colours) {
    return { silent: hatch(context, colours.silent.edge), maintenance: hatch(context, colours.maintenance.edge, { step: 9, rising: true }) };
}

function drawHead(context, row, picture, y) {
    const { colours, seen } = picture;
    context.font = `600 13px ${colours.font}`;
    context.textAlign = "left";
    context.textBaseline = "alphabetic";
    context.fillStyle = colours.text;
    const text = fitted(context, row.head, seen.width - 120);
    context.fillText(text, 4, y + headHeight - 8);
    const away = context.measureText(text).width;
    context.font = `12px ${colours.font}`;
    context.fillStyle = colours.quiet;
    context.fillText(`${row.count} ${row.count === 1 ? "lane" : "lanes"}`, 14 + away, y + headHeight - 8);
}

function drawLabel(context, row, picture, y) {
    const { colours, gutter, labelOf, narrow } = picture;
    if (row.height < 11)
        return;
    context.font = `${row.height < 14 ? 10 : 12}px ${colours.font}`;
    context.textAlign = "left";
    context.fillStyle = colours.text;
    context.textBaseline = narrow ? "top" : "middle";
    const width = (narrow ? picture.seen.width : gutter) - 12;
    row.label ??= new Map();
    const known = row.label.get(width) ?? fitted(context, labelOf(row.lane), width);
    row.label.set(width, known);
    context.fillText(known, 4, narrow ? y + 3 : y + row.height / 2 + 0.5);
}

function drawFocus(context, picture, x, y, height) {
    const { focus, colours, clip } = picture;
    const { begin, end } = cutOf(focus.lane);
    context.lineWidth = 2;
    context.strokeStyle = colours.accent;
    if (focus.mark < 0 || focus.mark >= begin.length) {
        context.strokeRect(clip.left + 1, y - 1, clip.right - clip.left - 2, height + 2);
        return;
    }
    const left = Math.max(clip.left, x(begin[focus.mark]));
    const right = Math.min(clip.right, x(end[focus.mark]));
    if (right >= clip.left && left <= clip.right)
        context.strokeRect(left - 2, y - 2, Math.max(leastWidth, right - left) + 4, height + 4);
}

/*
 * Draws the lanes that are seen. picture:
 *   rows        Rows
 *   seen        { y, width, height }: what of them; the axis is kept above, the labels to the left
 *   domain      [from, to]
 *   axis, gutter, narrow   heights and widths in px; narrow: labels stand above their lanes
 *   colours, patterns      of draw.js's theme() and patternsOf()
 *   windows     maintenance by number: { from, to }
 *   gradings    [{ t, version }]
 *   focus       { lane, mark } or null
 *   labelOf     what stands beside a lane
 *   now
 */
export function paintLanes(context, picture) {
    const { rows, seen, domain, axis, gutter, narrow, colours } = picture;
    const clip = picture.clip = { left: narrow ? 0 : gutter, right: seen.width };
    const perMs = (clip.right - clip.left) / (domain[1] - domain[0]);
    const x = time => clip.left + (time - domain[0]) * perMs;
    x.perMs = perMs;
    const visible = rows.between(seen.y, seen.y + seen.height - axis);
    const found = [[], [], [], [], [], []];
    const pad = rows.laneHeight < 8 ? 0 : 3;
    const place = row => {
        const above = (narrow && row.height >= 11 ? 15 : 0) + pad;
        return [axis + row.y - seen.y + above, row.height - above - (pad > 0 ? 1 : 0)];
    };
    context.save();
    context.beginPath();
    context.rect(0, axis, seen.width, seen.height - axis);
    context.clip();
    drawTicks(context, picture, x, perMs);
    for (const row of visible)
        if (row.lane)
            collect(found, row.lane, x, domain, clip, ...place(row));
    fillAll(context, found, colours);
    numberAll(context, found, colours, 1500);
    for (const row of visible) {
        const y = axis + row.y - seen.y;
        if (!row.lane) {
            drawHead(context, row, picture, y);
            continue;
        }
        annotate(context, row.lane, picture, x, ...place(row));
        drawLabel(context, row, picture, y);
        if (picture.focus?.lane === row.lane)
            drawFocus(context, picture, x, ...place(row));
    }
    context.restore();
    drawAxis(context, picture, x);
    return { lanes: visible.length, rects: found.reduce((sum, rects) => sum + rects.length / 4, 0) };
}

function ticksOf(picture) {
    const { domain, clip, scaleOf } = picture;
    return timeTicks(scaleOf(domain), clip.right - clip.left, 96);
}

/* Lines below the lanes: of the axis, and where a version of the grading began. */
function drawTicks(context, picture, x) {
    const { seen, axis, colours, gradings } = picture;
    picture.ticks = ticksOf(picture);
    context.lineWidth = 1;
    for (const { t, day } of picture.ticks) {
        context.strokeStyle = colours.line;
        context.globalAlpha = day ? 1 : 0.5;
        vertical(context, x(t), axis, seen.height);
    }
    context.globalAlpha = 1;
    context.strokeStyle = colours.accent;
    context.setLineDash([4, 4]);
    for (const { t } of gradings)
        if (x(t) >= picture.clip.left)
            vertical(context, x(t), axis, seen.height);
    context.setLineDash([]);
}

function vertical(context, x, top, bottom) {
    const at = Math.round(x) + 0.5;
    context.beginPath();
    context.moveTo(at, top);
    context.lineTo(at, bottom);
    context.stroke();
}

/* UTC above, the local time below it; versions of the grading as flags. */
function drawAxis(context, picture, x) {
    const { seen, axis, colours, clip, gradings, localName } = picture;
    context.textBaseline = "alphabetic";
    context.textAlign = "left";
    for (const { t, utc, local, day } of picture.ticks) {
        const at = x(t);
        if (at < clip.left - 1 || at > clip.right - 52)
            continue;
        context.fillStyle = colours.text;
        context.font = `${day ? "600 " : ""}12px ${colours.font}`;
        context.fillText(utc, at + 4, 14);
        context.fillStyle = colours.quiet;
        context.font = `11px ${colours.font}`;
        if (localName)
            context.fillText(local, at + 4, 28);
        context.strokeStyle = colours.line;
        vertical(context, at, 2, axis);
    }
    if (!picture.narrow) {
        context.font = `11px ${colours.font}`;
        context.fillStyle = colours.quiet;
        context.fillText("UTC", 4, 14);
        if (localName)
            context.fillText(fitted(context, localName, clip.left - 10), 4, 28);
    }
    for (const { t, version } of gradings)
        flag(context, picture, x(t), `v${version}`);
    context.fillStyle = colours.line;
    context.fillRect(0, axis - 1, seen.width, 1);
}

function flag(context, { axis, colours, clip }, at, text) {
    if (at < clip.left || at > clip.right)
        return;
    context.font = `600 10px ${colours.font}`;
    const width = context.measureText(text).width + 6;
    const left = Math.min(at, clip.right - width);
    context.fillStyle = colours.accent;
    context.fillRect(left, axis - 14, width, 13);
    context.fillStyle = colours.page;
    context.fillText(text, left + 3, axis - 4);
}
