/* SPDX-License-Identifier: Apache-2.0 */
/* What webd answers under /api/v1: the only file that asks anything. */
import { answered } from "./failing.js";

const base = "/api/v1/";
const tokenKey = "ezrepo.token"; /* of the session's storage: gone with the tab */

/* status 0: there was no answer. `reason` is a word for programs, `message` says what, where, what was expected; `faults`, where a
 * document has some: [{place, message, line, column}]. */
export class ApiError extends Error {
    constructor(status, reason, message, faults = null) {
        super(message);
        this.label = null; /* of the question that failed */
        this.name = "ApiError";
        this.status = status;
        this.reason = reason;
        this.faults = faults;
    }
}

/* Of who asked last. */
let csrf = null, how = null;

/* A token to ask with from now on; null forgets it. */
export function setToken(token) {
    if (token)
        sessionStorage.setItem(tokenKey, token);
    else
        sessionStorage.removeItem(tokenKey);
}

export function hasToken() {
    return sessionStorage.getItem(tokenKey) !== null;
}

function headers(more) {
    const token = sessionStorage.getItem(tokenKey);
    return { Accept: "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}), ...more };
}

async function errorOf(response) {
    try {
        const { error } = await response.json();
        return new ApiError(response.status, error.reason, error.message, error.faults ?? null);
    } catch {
        return new ApiError(response.status, "status", `the server answered with status ${response.status}`);
    }
}

/* Whether the last question had an answer, other than that nothing can be answered; `document` gets "reachchange". */
let answers = true;

export function reached() {
    return answers;
}

function reach(now) {
    if (now === answers)
        return;
    answers = now;
    document.dispatchEvent(new Event("reachchange"));
}

async function request(path, options = {}) {
    let response;
    try {
        response = await fetch(base + path, { cache: "no-store", credentials: "same-origin", ...options,
            headers: headers(options.headers) });
    } catch (error) {
        if (error.name === "AbortError")
            throw error;
        reach(false);
        throw new ApiError(0, "unreachable", "the server does not answer");
    }
    reach(true);
    if (!response.ok)
        throw await errorOf(response);
    return response;
}

/* What is made of the whole answer. */
async function read(response, how) {
    try {
        return await how(response);
    } catch (error) {
        if (error.name === "AbortError")
            throw error;
        throw new ApiError(0, "unreachable", "the server's answer broke off");
    }
}

async function get(path, options) {
    return read(await request(path, options), response => response.json());
}

const plainCell = /[^,\r\n]*/y;

/* One cell of RFC 4180 that begins here: its text, and where it ends. What ends in the midst of one is no answer. */
function cellOfCsv(text, from) {
    if (text[from] !== '"') {
        plainCell.lastIndex = from;
        const [cell] = plainCell.exec(text);
        return [cell, from + cell.length];
    }
    let cell = "";
    for (let at = from + 1;;) {
        const end = text.indexOf('"', at);
        if (end === -1)
            throw new ApiError(0, "unreachable", "the server's answer broke off");
        cell += text.slice(at, end);
        if (text[end + 1] !== '"')
            return [cell, end + 1];
        cell += '"';
        at = end + 2;
    }
}

/* RFC 4180 as objects of texts, by the names in its first line. */
function rowsOfCsv(text) {
    const lines = [[]];
    for (let at = 0; at < text.length;) {
        const [cell, end] = cellOfCsv(text, at);
        lines.at(-1).push(cell);
        at = end + (text.startsWith("\r\n", end) ? 2 : 1);
        if (text[end] !== "," && at < text.length)
            lines.push([]);
    }
    const [names, ...rows] = lines;
    if (rows.some(row => row.length !== names.length))
        throw new ApiError(0, "unreachable", "the server's answer broke off");
    return rows.map(row => Object.fromEntries(names.map((name, at) => [name, row[at]])));
}

/*
 * The query of a question: a URLSearchParams or an object; what is null or empty is left out, but for
 * dimensions, where "" is a pattern that only "" fits.
 */
export function query(parameters) {
    const pairs = parameters instanceof URLSearchParams ? [...parameters] : Object.entries(parameters);
    return new URLSearchParams(pairs.filter(([name, value]) => value !== null && value !== undefined && (value !== "" || name.startsWith("record."))));
}

/* What asks this question, and whether it is answered. */
async function labelled(label, asked) {
    try {
        const answer = await asked();
        answered(label);
        return answer;
    } catch (error) {
        throw error instanceof ApiError ? Object.assign(error, { label }) : error;
    }
}

/* The answer to the question of this label: {question, from, to, rows, next}. Throws ApiError. */
export function ask(label, parameters = {}, { signal } = {}) {
    return labelled(label, () => get(`${label}?${query(parameters)}`, { signal }));
}

/* The rows alone, all of their values as the texts that they are kept as: a document letter by letter. */
export async function askTexts(label, parameters = {}, { signal } = {}) {
    return rowsOfCsv(await labelled(label, async () =>
        read(await request(`${label}?${query(parameters)}`, { signal, headers: { Accept: "text/csv" } }), response => response.text())));
}

/* Who asks: {identity, how, may, csrf, version}. ApiError of status 401 when nobody. */
export async function me() {
    const who = await get("me");
    ({ csrf, how } = who);
    return who;
}

/* Who may publish a grading: {roles: [{role, identities}], more}. */
export function publishers({ signal } = {}) {
    return get("publishers", { signal });
}

/* How far one's own dry runs are: {dry_runs: [{thousandths, records, seconds}]}. */
export function underWay({ signal } = {}) {
    return get("under-way", { signal });
}

/* How the set does: {state, ready, at, troubles, certificates, disks, processes}. */
export function status({ signal } = {}) {
    return get("status", { signal });
}

/* Changes something; who is known by what a browser shows by itself says that it is no other page that asks. */
export async function post(path, document, { signal } = {}) {
    const send = () => request(path, { signal, method: "POST", body: JSON.stringify(document),
        headers: { "Content-Type": "application/json", ...(csrf ? { "X-EZRepo-CSRF": csrf } : {}) } });
    try {
        return await send();
    } catch (error) {
        if (error.reason !== "csrf" || csrf === null)
            throw error;
        await me(); /* the server began anew */
        return send();
    }
}

/* What became of a change: as of a question. */
export async function change(label, body, options) {
    return read(await post(label, body, options), response => response.json());
}

export function login(name, password) {
    return post("login", { name, password });
}

/* By what a link says, which is used up. */
export function loginByLink(ticket) {
    return post("login", { ticket });
}

/* Forgets who asked: the token, and the session if there is one, also one that a token stood before. */
export async function logout() {
    let by = hasToken() ? null : how;
    setToken(null);
    if (by === null)
        by = await me().then(one => one.how, error => { if (error.status !== 401) throw error; });
    if (by === "session")
        await post("logout", {});
    csrf = how = null;
}

const retryLeast = 500; /* ms */
const retryMost = 10000; /* ms */
const quietMost = 40000; /* ms; the server says something every 15 s, if only a comment */

/* Each server-sent event of the answer: {id, event, data}, data read as JSON. Ends with the stream, and after abort(),
 * which is called when nothing comes any more. */
async function* eventsOf(response, abort) {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const read = async () => {
        const alarm = setTimeout(abort, quietMost);
        try {
            return await reader.read();
        } finally {
            clearTimeout(alarm);
        }
    };
    let text = "";
    for (let part = await read(); !part.done; part = await read()) {
        text += part.value;
        for (let end = text.indexOf("\n\n"); end !== -1; end = text.indexOf("\n\n")) {
            const fields = Object.fromEntries(text.slice(0, end).split("\n").map(line => line.split(/: (.*)/s).slice(0, 2)));
            text = text.slice(end + 2);
            if (fields.data !== undefined)
                yield { id: fields.id, event: fields.event, data: JSON.parse(fields.data) };
        }
    }
}

/* Until the page is seen. */
function seen(signal) {
    return document.visibilityState === "hidden"
        ? new Promise(resolve => document.addEventListener("visibilitychange", resolve, { once: true, signal }))
        : null;
}

/* Aborts with the signal, and as soon as the page is no longer seen; `done` takes its listeners off. */
function whileSeen(signal) {
    const control = new AbortController();
    const abort = () => control.abort();
    const hide = () => document.visibilityState === "hidden" && abort();
    signal.addEventListener("abort", abort);
    document.addEventListener("visibilitychange", hide);
    return { signal: control.signal, abort, done: () => {
        signal.removeEventListener("abort", abort);
        document.removeEventListener("visibilitychange", hide);
    } };
}

/* Who asks, as far as windows of a browser can differ in it: by the digest of the token, or by what a browser shows by itself. */
export async function whose() {
    const token = sessionStorage.getItem(tokenKey);
    if (!token)
        return "browser";
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token)));
    return [...digest].map(byte => byte.toString(16).padStart(2, "0")).join("");
}

/*
 * What changes from now on, of series that fit the parameters (those of QueryChanges): onRows(rows) for
 * each batch, in the order of COMMIT. Where something cannot be told any more (the store was put back)
 * the rows have one of the kind `history` or `cut`: then all that is shown is to be asked anew.
 * onState(live, error): true when it begins to follow, also again; false with an ApiError when it cannot, until the next
 * true. Nothing is asked while the page is not seen. cursor: where to go on, of a stream that had it told by onCursor. Returns what
 * ends it. Pages follow by shared_follow.js.
 */
export function follow(parameters, onRows, onState = () => {}, { cursor = null, onCursor = () => {} } = {}) {
    const end = new AbortController();
    const pause = ms => new Promise(resolve => setTimeout(resolve, ms));
    let live = false;
    const listen = async stream => {
        const response = await request(`changes?${query(parameters)}`, { signal: stream.signal,
            headers: { Accept: "text/event-stream", ...(cursor ? { "Last-Event-ID": cursor } : {}) } });
        for await (const { id, event, data } of eventsOf(response, stream.abort)) {
            onCursor(cursor = id);
            if (!live)
                onState(live = true, null);
            const rows = event === "changes" ? data : [...data, { "feed.kind": event }];
            if (rows.length > 0)
                onRows(rows);
        }
    };
    (async () => {
        for (let wait = retryLeast; !end.signal.aborted; await pause(wait)) {
            await seen(end.signal);
            const stream = whileSeen(end.signal);
            try {
                await listen(stream);
                wait = retryLeast; /* it ends now and then, and goes on */
            } catch (error) {
                if (end.signal.aborted)
                    return;
                if (!stream.signal.aborted) { /* else nobody looks */
                    if (error.status === 400 && cursor) {
                        cursor = null;
                        onRows([{ "feed.kind": "history" }]);
                    }
                    onState(live = false, error instanceof ApiError ? error : new ApiError(0, "unreachable", "the server does not answer"));
                    wait = Math.min(2 * wait, retryMost);
                }
            } finally {
                stream.done();
            }
        }
    })();
    return () => end.abort();
}
