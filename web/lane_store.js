/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lanes of a timeline and what is known beside them: asks QueryTimeline page by page, the pages
 * first that are seen, and again when another range is looked at. What was known is shown until then.
 */
import { ApiError, ask } from "./api.js";
import { documentOf, toMs, toText } from "./draw.js";
import { laneOf } from "./lanes.js";

const pageLanes = 100;
export const lanesMost = 2000;
const columnsMost = 4096;
const feedPagesMost = 10;

/* What may not be asked is not known; null. */
async function ifAllowed(question) {
    try {
        return await question;
    } catch (error) {
        if (error instanceof ApiError && [403, 404].includes(error.status))
            return null;
        throw error;
    }
}

export class LaneStore {
    /*
     * criteria: those of QueryTimeline. onLanes() is called when there are other lanes, onMarks() when
     * something of them is otherwise.
     */
    constructor(criteria, { onLanes, onMarks }) {
        this.criteria = criteria;
        this.onLanes = onLanes;
        this.onMarks = onMarks;
        this.byKey = new Map();
        this.lanes = []; /* in the order in which the store has them */
        this.pages = []; /* { after, lanes, range, next } */
        this.more = false; /* there are more than lanesMost */
        this.windows = new Map();
        this.gradings = [];
        this.turn = new AbortController();
    }

    leave() {
        this.turn.abort();
    }

    /*
     * Asks for this range, cut into so many columns; seen: lanes to begin with. Resolves once all of it
     * is there, or true when another range came in between.
     */
    async look(from, to, columns, seen = []) {
        this.turn.abort();
        const turn = this.turn = new AbortController();
        const range = { from, to, columns: Math.max(1, Math.min(columnsMost, Math.round(columns))) };
        const wanted = new Set(seen);
        const first = this.pages.filter(page => page.lanes.some(lane => wanted.has(lane)));
        try {
            for (const page of first)
                await this.#askPage(page, range, turn.signal);
            await this.#askAll(range, turn.signal);
            await this.#beside(range, turn.signal);
            this.range = range;
            return false;
        } catch (error) {
            if (turn.signal.aborted)
                return true;
            throw error;
        }
    }

    /* One page after the other, but for those that are asked already; lanes that are in none of them are gone. */
    async #askAll(range, signal) {
        const chain = [];
        let [after, many] = [null, 0];
        do {
            const page = this.pages.find(known => known.after === after) ?? { after, lanes: [] };
            if (page.range !== range)
                await this.#askPage(page, range, signal);
            chain.push(page);
            many += page.lanes.length;
            after = page.next;
        } while (after && many < lanesMost);
        this.pages = chain;
        this.more = Boolean(after);
        const there = new Set(chain.flatMap(page => page.lanes));
        const gone = this.lanes.filter(lane => !there.has(lane));
        if (gone.length === 0)
            return;
        gone.forEach(lane => this.byKey.delete(lane.key));
        this.lanes = this.lanes.filter(lane => there.has(lane));
        this.onLanes();
    }

    async #askPage(page, range, signal) {
        const { rows, next } = await ask("QueryTimeline", { ...this.criteria, from: toText(range.from), to: toText(range.to),
            "range.columns": range.columns, "list.limit": pageLanes, "list.after": page.after }, { signal });
        const before = this.lanes.length;
        page.range = range;
        page.lanes = rows.map(row => this.#take(laneOf(row, range)));
        page.next = next ?? null;
        if (!this.pages.includes(page))
            this.pages.push(page);
        (before === this.lanes.length ? this.onMarks : this.onLanes)();
    }

    /* The lane that is there already, with what is new of it, or this one. */
    #take(lane) {
        const known = this.byKey.get(lane.key);
        if (!known) {
            this.byKey.set(lane.key, lane);
            this.lanes.push(lane);
            return lane;
        }
        const { marks, windows, range } = lane;
        return Object.assign(known, { marks, windows, range, cut: null, bad: undefined, corrected: null });
    }

    /* Silence, maintenance and versions of the grading. */
    async #beside(range, signal) {
        const times = { from: toText(range.from), to: toText(range.to) };
        const dims = Object.fromEntries(Object.entries(this.criteria).filter(([name]) => name.startsWith("record.")));
        const [silent, windows, told, grading] = await Promise.all([
            ifAllowed(ask("QuerySilent", { ...dims, "silence.retired": "True", "list.limit": 10000 }, { signal })),
            ifAllowed(ask("QueryMaintenance", { ...dims, ...times, "list.limit": 10000 }, { signal })),
            ifAllowed(this.#feed({ ...dims, ...times, "feed.kinds": "silence,return,retraction" }, signal)),
            ifAllowed(this.#versions(signal)),
        ]);
        this.windows = new Map((windows?.rows ?? []).map(row => [row["maintenance.number"], { from: toMs(row["maintenance.from"]),
            to: toMs(row["maintenance.ended"] ?? row["maintenance.to"]), reason: row["maintenance.reason"] }]));
        this.#silences(silent?.rows ?? [], told ?? []);
        this.gradings = grading ?? [];
        this.onMarks();
    }

    async #feed(parameters, signal) {
        const entries = [];
        let after = "begin";
        for (let page = 0; page < feedPagesMost; page++) {
            const { rows } = await ask("QueryChanges", { ...parameters, "list.after": after, "list.limit": 10000, "feed.wait": 0 }, { signal });
            const last = rows.at(-1);
            entries.push(...rows.slice(0, -1));
            if (!last || last["feed.kind"] !== "more")
                break;
            after = last["list.cursor"];
        }
        return entries;
    }

    /* The version in force, and those of which the feed still tells. They are known once. */
    async #versions(signal) {
        if (this.versions)
            return this.versions;
        const [{ rows: [force] }, told] = await Promise.all([ask("GetGrading", { "grading.version": 0 }, { signal }),
            this.#feed({ "feed.kinds": "grading" }, signal)]);
        const found = new Map(told.map(row => [Number(documentOf(row["feed.detail"])?.version), toMs(row.time)]));
        if (force)
            found.set(Number(force["grading.version"]), toMs(force.time));
        return this.versions = [...found].filter(([version, t]) => version > 0 && !Number.isNaN(t)).map(([version, t]) => ({ version, t }));
    }

    /* Which lanes were silent when: what was told in the range, and what has not ended. */
    #silences(silent, told) {
        const found = new Map(); /* number -> { dims, from, to } */
        for (const row of told) {
            const detail = documentOf(row["feed.detail"]) ?? {};
            if (row["feed.kind"] === "retraction")
                found.delete(detail.number);
            else if (row["feed.kind"] === "silence")
                found.set(detail.number, { dims: dimsOf(row), from: toMs(row["event.time"]), to: null });
            else
                found.set(detail.number, { dims: dimsOf(row), from: found.get(detail.number)?.from
                    ?? toMs(detail.last) + 3000 * Number(detail.expected_s), to: toMs(row["event.time"]) });
        }
        for (const row of silent)
            found.set(row["silence.number"], { dims: dimsOf(row), from: toMs(row["silent.since"]), to: null });
        const of = new Map();
        for (const one of found.values()) {
            const key = Object.values(one.dims).join("\u0001");
            of.set(key, [...(of.get(key) ?? []), one]);
        }
        for (const lane of this.lanes) {
            const { type, content, probe, source, dest, path } = lane.dims;
            lane.silences = [...(of.get([type, content, probe, source, dest, path].join("\u0001")) ?? []),
                ...(of.get(probeKey(probe)) ?? [])];
        }
    }
}

const NAMES = ["type", "content", "probe", "source", "dest", "path"];

/* Of a silent probe nothing but the probe is told; it is of all its series. */
const probeKey = probe => ["\u0000", "\u0000", probe, "\u0000", "\u0000", "\u0000"].join("\u0001");

function dimsOf(row) {
    const ofProbe = row["record.type"] === null || row["record.type"] === undefined;
    return Object.fromEntries(NAMES.map(name => [name, ofProbe && name !== "probe" ? "\u0000" : row[`record.${name}`] ?? ""]));
}
