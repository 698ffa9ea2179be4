/* SPDX-License-Identifier: Apache-2.0 */
/* How the set itself does: troubles, what is behind, what will end, its processes, the ledger, what was rejected. */
import { fill, h, keep } from "../dom.js";
import { count, number, quantity, symbol, when } from "../format.js";
import { certificates, rooms } from "./health-foreseen.js";
import { ledger } from "./health-ledger.js";
import { rejected } from "./health-rejected.js";

export const title = "Health";
export const bar = { series: false };
export const range = "24h";
export const own = { "rejected.reason": null, "input.sender": null, "list.after": null };

const lookEvery = 2000; /* ms */

/* What tells that something is behind, or will be: [process, counter, what it is, unit, from where on it is bad]. */
const behind = [
    ["stored", "lag_ms", "received, not yet stored: the oldest since", "ms", 10000],
    ["ingestd", "lag_ms", "received, not yet acknowledged: the oldest since", "ms", 10000],
    ["ingestd", "held.records", "records that wait to be stored", null, 100000],
    ["ingestd", "spool.bytes", "the spool", "B", null],
    ["ingestd", "kernel.drops", "datagrams dropped by the kernel", null, 1],
    ["ingestd", "intake.stopped", "times that intake was stopped", null, null],
    ["ingestd", "drop.left", "files that wait", null, null],
    ["stored", "partitions.waiting", "days that are being made", null, null],
    ["stored", "signs.absent", "processes on the way in that are absent", null, 1],
    ["queryd", "waiting", "questions that wait", null, 20],
    ["alertd", "firing", "alerts that fire", null, null],
    ["stored", "database.bytes", "the database", "B", null],
];
/* Notes that tell the same in words. */
const told = [["stored", "signs", "who is heard of"], ["alertd", "store", "alerts"]];

function facts(processes) {
    const found = [];
    for (const [process, note, word] of told)
        for (const one of processes.filter(each => each.process === process && each.notes?.[note]))
            found.push({ word, text: one.notes[note], bad: false });
    for (const [process, counter, word, unit, bad] of behind)
        for (const one of processes.filter(each => each.process === process && each.counters?.[counter] !== undefined)) {
            const value = Number(one.counters[counter]);
            found.push({ word: one.name === one.process ? word : `${word} (${one.name})`, text: unit ? quantity(value, unit) : number(value), bad: bad !== null && value >= bad });
        }
    return found;
}

function drawTroubles(parts, status) {
    const said = status.troubles.length === 0 ? `Nothing is wrong: all ${count(status.processes.length, "process", "processes")} run.`
        : `${count(status.troubles.length, "trouble")}${status.ready ? "; records are stored and questions answered all the same" : ""}.`;
    if (parts.said.textContent !== said)
        parts.said.textContent = said;
    keep(parts.troubles, status.troubles, text => text, () => "", text => h("li", {}, symbol(1), " ", text));
    fill(parts.at, "as of ", when(status.at));
}

function drawFacts(list, all) {
    keep(list, all, one => one.word, one => `${one.text} ${one.bad}`, one => h("div", {}, h("dt", {}, one.word), h("dd", { class: one.bad ? "bad" : null }, one.bad ? [symbol(1), " "] : null, one.text)));
}

function counters(one) {
    return Object.entries(one.counters ?? {}).map(([name, value]) => h("li", {}, h("span", {}, name), h("span", {}, number(value))));
}

const notesOf = one => Object.entries(one.notes ?? {}).filter(([, text]) => text !== "");

function processRow(one) {
    const list = h("ul", { class: "counters" });
    const notes = notesOf(one).map(([name, text]) => [h("dt", { class: one.troubles?.includes(name) ? "said" : null }, name), h("dd", {}, text)]);
    const row = h("tr", {}, h("th", { scope: "row" }, one.name), h("td", {}, symbol(one.running ? 5 : 1), " ", one.running ? "running" : one.state === "running" ? "says nothing" : one.state),
        h("td", {}, h("dl", { class: "notes" }, notes), h("details", { class: "more" }, h("summary", {}, "what it counts"), list)));
    row.tell = now => {
        fill(list, counters(now));
        row.querySelectorAll(".notes dd").forEach((dd, at) => { dd.textContent = notesOf(now)[at]?.[1] ?? ""; });
    };
    row.tell(one);
    return row;
}

/* Rows stay as long as a process says the same kind of things, so that what is open stays open. */
function drawProcesses(body, processes) {
    keep(body, processes, one => one.name, one => JSON.stringify([one.state, one.running, one.troubles, notesOf(one).map(([name]) => name)]), processRow);
    processes.forEach((one, at) => body.children[at].tell(one));
}

function frame(main) {
    const parts = { said: h("h1", { "aria-live": "polite" }, "Asking…"), at: h("p", { class: "quiet-text" }), troubles: h("ul", { class: "troubles" }), facts: h("dl", { class: "facts" }),
        body: h("tbody"), rooms: h("dl", { class: "facts" }), certificates: certificates(), ledger: h("section", {}, h("h2", {}, "Ledger")), rejected: h("section", {}, h("h2", {}, "Rejected")) };
    fill(main, parts.said, parts.at, parts.troubles, h("section", {}, h("h2", {}, "What is behind"), parts.facts), h("section", {}, h("h2", {}, "Room"), parts.rooms), parts.certificates.section, parts.ledger, parts.rejected,
        h("section", {}, h("h2", {}, "Processes"), h("table", { class: "processes" }, h("thead", {}, h("tr", {}, ["Process", "State", "What it says"].map(word => h("th", { scope: "col" }, word)))), parts.body)));
    return parts;
}

export async function show(main, view) {
    if (!(await view.who()).may.includes("LedgerLosses"))
        return void fill(main, h("h1", {}, title), h("p", { class: "empty" }, "How the set does is for who may ask the ledger, which you may not."));
    const parts = frame(main);
    const look = async () => {
        const status = await view.status();
        drawTroubles(parts, status);
        drawFacts(parts.facts, facts(status.processes));
        drawFacts(parts.rooms, rooms(status));
        parts.certificates.tell(status);
        drawProcesses(parts.body, status.processes);
        view.tell(null);
    };
    view.run(ledger(parts.ledger, view));
    view.run(rejected(parts.rejected, view));
    view.every(lookEvery, look);
    await look();
}
