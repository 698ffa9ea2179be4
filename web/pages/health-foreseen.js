/* SPDX-License-Identifier: Apache-2.0 */
/* What will end by itself: certificates, and room on disks. Long before any of it is a trouble. */
import { fill, h, keep } from "../dom.js";
import { number, quantity, span, symbol, when } from "../format.js";

const soonDays = 14;       /* as the processes call it a trouble */
const soonS = 7 * 86400;
const tellMostS = 365 * 86400; /* who knows what the rate is then */

const heads = ["What", "Whose", "Known to", "Ends", "Days left"];
const disks = { store: "the disk of the database", spool: "the spool" };

/* Processes have the same authorities and lists: each once, with all that have it, the first to end first. */
function together(certificates) {
    const found = new Map();
    for (const one of certificates) {
        const key = JSON.stringify([one.what, one.whose, one.ends]);
        if (!found.has(key))
            found.set(key, { key, ...one, processes: [] });
        if (!found.get(key).processes.includes(one.process))
            found.get(key).processes.push(one.process);
    }
    return [...found.values()].sort((a, b) => a.ends < b.ends ? -1 : a.ends > b.ends ? 1 : 0);
}

function certificateRow(one) {
    const bad = one.days < soonDays;
    return h("tr", { class: bad ? "ends-soon" : null }, h("td", {}, one.what), h("td", {}, one.whose || "–"), h("td", {}, one.processes.join(", ")), h("td", {}, when(one.ends)),
        h("td", { class: bad ? "n said" : "n" }, bad ? [symbol(1), " "] : null, one.days < 0 ? "has ended" : number(one.days)));
}

/* How long the room suffices, in words. */
export function roomOf(disk) {
    const over = disk.over_s < 60 ? "" : ` (watched for ${span(disk.over_s * 1000)})`;
    return disk.way === "unknown" ? `at which rate it fills is not known yet${over}`
        : disk.way === "steady" ? `it does not fill up${over}` : `${disk.full_s > tellMostS ? "not full within a year" : `full in ${span(disk.full_s * 1000)}`} at the rate of the last ${span(disk.over_s * 1000)}`;
}

/* As facts: {word, text, bad}. */
export function rooms(status) {
    const found = status.disks.map(disk => ({ word: `${disks[disk.of] ?? disk.of}${status.disks.filter(other => other.of === disk.of).length > 1 ? ` (${disk.process})` : ""}`,
        text: `${quantity(disk.free_bytes, "B")} of ${quantity(disk.bytes, "B")} free; ${roomOf(disk)}`, bad: disk.way === "filling" && disk.full_s < soonS }));
    const stored = status.processes.some(one => one.process === "stored" && one.running);
    return stored && !status.disks.some(disk => disk.of === "store")
        ? [...found, { word: disks.store, text: "how much is free is not known: it was not looked at yet, or the database is on another machine", bad: false }] : found;
}

/* The section of certificates: {section, tell(status)}. */
export function certificates() {
    const body = h("tbody");
    const none = h("p", { class: "empty" }, "No process has said yet which certificates it has.");
    const table = h("div", { class: "scroll" }, h("table", { class: "certificates" }, h("thead", {}, h("tr", {}, heads.map((word, at) => h("th", { scope: "col", class: at === 4 ? "n" : null }, word)))), body));
    const place = h("div", {}, none);
    return { section: h("section", {}, h("h2", {}, "Certificates"), place),
        tell(status) {
            const all = together(status.certificates);
            keep(body, all, one => one.key, one => `${one.days} ${one.processes}`, certificateRow);
            const shown = all.length > 0 ? table : none;
            if (place.firstChild !== shown)
                fill(place, shown);
        } };
}
