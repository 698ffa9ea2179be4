/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One stream of changes for all windows of a browser in which the same one asks, since a browser opens no more than six
 * connections to a host. The window that holds a lock leads: it follows what all want, and tells the others by a channel; when
 * it is closed or not seen any more, the next one gets the lock, and goes on where that one was. Windows that are not
 * seen take no part. Where a browser lacks locks (as over plain HTTP from another machine) each follows by itself.
 */
import { ApiError, follow as followAlone, query, whose } from "./api.js";

const gatherMs = 50;      /* windows that are new are heard before it is asked anew */
const repeatMs = 30000;   /* each says again what it wants */
const forgetMs = 75000;   /* who did not say so is gone */

/* ---- questions, as the texts of their parameters ---- */

const kindsOf = question => new URLSearchParams(question).get("feed.kinds")?.split(",") ?? null;

/* What all of them want: the same, or changes of all series of their kinds. */
function union(questions) {
    const all = [...new Set(questions)];
    if (all.length === 1)
        return all[0];
    const kinds = all.map(kindsOf);
    return kinds.includes(null) ? "" : query({ "feed.kinds": [...new Set(kinds.flat())].sort().join(",") }).toString();
}

/* Whether who asks the wide one is told all that who asks the other one is. */
function covers(wide, other) {
    if (wide === other)
        return true;
    const kinds = kindsOf(wide), names = [...new URLSearchParams(wide).keys()];
    return names.every(name => name === "feed.kinds") && (kinds === null || (kindsOf(other)?.every(kind => kinds.includes(kind)) ?? false));
}

/* Whether a row may fit the pattern; addresses have more than one text. */
function fits(pattern, value, isAddress) {
    const plain = pattern.replace(/\\([*?\\])/g, "");
    return value === null || value === undefined || /[*?]/.test(plain) || (isAddress && (/[:/]/.test(pattern) || value.includes(pattern))) ||
        value === pattern.replace(/\\([*?\\])/g, "$1");
}

/* Whether a row that a wider question told may be one of this one: told too often does no harm. */
function mayBeOf(row, question) {
    const kind = row["feed.kind"];
    if (kind === "history" || kind === "cut")
        return true;
    return [...new URLSearchParams(question)].every(([name, pattern]) => name === "feed.kinds" ? pattern.split(",").includes(kind)
        : !name.startsWith("record.") || fits(pattern, row[name], name === "record.source" || name === "record.dest"));
}

/* ---- one that follows ---- */

class Member {
    constructor(name, parameters, onRows, onState) {
        Object.assign(this, { id: crypto.randomUUID(), name, question: query(parameters).toString(), onRows, onState, live: null, cursor: null, wants: null });
        this.look = () => document.visibilityState === "hidden" ? this.part() : this.join();
        this.hide = () => this.part();
        document.addEventListener("visibilitychange", this.look);
        window.addEventListener("pagehide", this.hide);
        this.look();
    }

    end() {
        document.removeEventListener("visibilitychange", this.look);
        window.removeEventListener("pagehide", this.hide);
        this.part();
    }

    join() {
        if (this.channel)
            return;
        this.channel = new BroadcastChannel(this.name);
        this.channel.onmessage = ({ data }) => this.hear(data);
        this.timer = setInterval(() => this.repeat(), repeatMs);
        this.control = new AbortController();
        navigator.locks.request(this.name, { signal: this.control.signal }, () => this.lead()).catch(error => {
            if (error.name !== "AbortError")
                throw error;
        });
        this.repeat();
    }

    /* Nothing is heard from here on; what was missed meanwhile is asked for by who is live again. */
    part() {
        if (!this.channel)
            return;
        clearInterval(this.timer);
        this.say({ gone: this.id });
        this.control.abort();
        this.endStream?.();
        clearTimeout(this.soon);
        this.resign?.();
        this.channel.close();
        Object.assign(this, { channel: null, wants: null, asked: null, endStream: null, resign: null, live: null, cursor: null });
    }

    say(message) {
        this.channel.postMessage(message);
    }

    repeat() {
        if (!this.wants)
            return this.say({ wants: this.id, question: this.question });
        this.wants.set(this.id, { question: this.question, heard: Date.now() });
        for (const [id, { heard }] of this.wants)
            if (Date.now() - heard > forgetMs)
                this.wants.delete(id);
        this.askSoon();
    }

    hear(message) {
        if (message.cursor)
            this.cursor = message.cursor;
        if (message.rows)
            this.take(message);
        else if ("live" in message)
            this.told(message);
        else if (message.who)
            this.repeat();
        else if (this.wants && message.wants) {
            this.wants.set(message.wants, { question: message.question, heard: Date.now() });
            this.askSoon();
        } else if (this.wants && message.gone && this.wants.delete(message.gone))
            this.askSoon();
    }

    take({ rows, of }) {
        const mine = of === this.question ? rows : rows.filter(row => mayBeOf(row, this.question));
        if (mine.length > 0)
            this.onRows(mine);
    }

    told({ live, error, of }) {
        if (live && !covers(of, this.question))
            this.live = null;
        else if (!live || this.live !== true) {
            this.live = live;
            this.onState(live, error && new ApiError(error.status, error.reason, error.message));
        }
    }

    /* ---- who leads ---- */

    lead() {
        if (!this.channel)
            return null;
        this.wants = new Map();
        this.repeat();
        this.say({ who: true });
        return new Promise(resolve => { this.resign = resolve; });
    }

    tell(message) {
        this.say(message);
        this.hear(message);
    }

    askSoon() {
        clearTimeout(this.soon);
        this.soon = setTimeout(() => this.ask(), gatherMs);
    }

    /* Follows what all want; who wants something new is told once it is followed. Each is told what is followed: whose question that
     * is not, because it was heard too late, is not live until it is. */
    ask() {
        const of = union([...this.wants.values()].map(one => one.question));
        if (of === this.asked)
            return this.state && this.say(this.state);
        this.endStream?.();
        Object.assign(this, { asked: of, state: null });
        this.endStream = followAlone(Object.fromEntries(new URLSearchParams(of)), rows => this.tell({ rows, of }), (live, error) => {
            this.state = { live, of, error: error && { status: error.status, reason: error.reason, message: error.message } };
            this.tell(this.state);
        }, { cursor: this.cursor, onCursor: cursor => this.tell({ cursor }) });
    }
}

/* As follow() of api.js. Whoever was not seen for a while, and does without onState, is told rows of the kind `history` then. */
export function follow(parameters, onRows, onState = null) {
    if (!navigator.locks || !window.BroadcastChannel)
        return followAlone(parameters, onRows, onState ?? undefined);
    let member = null, ended = false, before = false;
    const told = (live, error) => {
        if (onState)
            onState(live, error);
        else if (live && before)
            onRows([{ "feed.kind": "history" }]);
        before ||= live;
    };
    whose().then(name => { member = ended ? null : new Member(`ezrepo.changes.${name}`, parameters, onRows, told); });
    return () => {
        ended = true;
        member?.end();
    };
}
