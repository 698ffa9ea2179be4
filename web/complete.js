/* SPDX-License-Identifier: Apache-2.0 */
/* Whether what is shown is all that came: told beside each picture, from the ledger. */
import { reached } from "./api.js";
import { fill, h } from "./dom.js";
import { fails } from "./failing.js";
import { count, number } from "./format.js";
import { waiting, waitingWords } from "./health_watch.js";

const sendersMost = 10000; /* of more it is told of how many it is */

/* What of it is lost for good, and what may be: by whom it was lost. */
const losses = [["datagrams.dropped", "dropped by the kernel"], ["datagrams.lost", "lost"], ["datagrams.maybelost", "maybe lost"]];

const sum = (rows, name) => rows.reduce((all, row) => all + Number(row[name] ?? 0), 0);

function lost(rows) {
    const told = losses.filter(([name]) => sum(rows, name) > 0).map(([name, how]) => `${count(sum(rows, name), "datagram")} ${how}`);
    if (sum(rows, "batches.missing") > 0)
        told.push(`${count(sum(rows, "batches.missing"), "batch", "batches")} missing`);
    return told;
}

/* Datagrams of signed senders that were passed over: {told: [TEXT], limit: TEXT or null}. */
async function passedOver(view, range) {
    const { rows, next } = await view.ask("LedgerAccounts", { ...range, "list.limit": sendersMost });
    const senders = rows.filter(row => Number(row["datagrams.missing"] ?? 0) > 0);
    const of = senders.length === 1 ? `of ${senders[0]["input.sender"]}` : `of ${count(new Set(senders.map(row => row["input.sender"])).size, "sender")}`;
    return { told: senders.length === 0 ? [] : [`${count(sum(senders, "datagrams.missing"), "signed datagram")} ${of} missing`],
        limit: next ? `of the first ${number(rows.length)} senders` : null };
}

const sign = text => h("span", { "aria-hidden": "true" }, text);

/* What the ledger tells of the range: [what to say, whether something is missing]. */
async function told(view, range) {
    const { may } = await view.who();
    if (!may.includes("LedgerLosses"))
        return [["whether it is complete is not yours to see"], false];
    const [{ rows }, senders] = await Promise.all([view.ask("LedgerLosses", range),
        may.includes("LedgerAccounts") ? passedOver(view, range) : { told: [], limit: "but for what senders miss, which is not yours to see" }]);
    const all = [...lost(rows), ...senders.told];
    const limit = senders.limit ? ` (${senders.limit})` : "";
    return all.length === 0 ? [[sign("✓ "), `complete${limit}`], false]
        : [[h("a", { href: "/health" }, sign("△ "), `incomplete: ${all.join(", ")}${limit}`)], true];
}

/*
 * An element that says "complete", or what is missing of the range, an object with `from` and `to` as
 * questions have them; while what the page asked has failed it says neither. It asks once it is made, and again when the server answers after it did not. The ledger
 * counts by hours of receipt. What only senders' own numbers tell is told to who may ask for their accounts; that
 * records wait to be stored, to who may ask for the status. end() of it: it is shown no more.
 */
export function complete(view, range) {
    const place = h("span", { class: "complete", role: "status" });
    let said = ["asking whether it is complete"], missing = false, asking = false;
    const draw = () => {
        const waits = waiting();
        const late = waits > 0 && (!range.to || new Date(range.to) >= Date.now() - waits);
        const failed = !reached() ? "the server does not answer" : fails() ? "what was asked failed" : null;
        const words = failed ? [`whether it is complete is not known: ${failed}`]
            : late ? [sign("△ "), h("a", { href: "/health" }, waitingWords(waits)), missing ? ["; ", said] : null] : said;
        fill(place, words);
        place.classList.toggle("incomplete", !failed && (missing || late));
    };
    const ask = async () => {
        if (asking)
            return;
        asking = true;
        try {
            [said, missing] = await told(view, range);
            place.title = "By the ledger, of the hours of receipt that the range touches: what was sent to us and is not stored.";
        } catch (error) {
            [said, missing] = [[`whether it is complete is not known: ${error.message}`], false];
        } finally {
            asking = false;
        }
        draw();
    };
    const reach = () => {
        draw();
        if (reached())
            view.run(ask());
    };
    document.addEventListener("statuschange", draw);
    document.addEventListener("reachchange", reach);
    document.addEventListener("failchange", draw);
    place.end = () => {
        document.removeEventListener("failchange", draw);
        document.removeEventListener("statuschange", draw);
        document.removeEventListener("reachchange", reach);
    };
    view.onLeave(place.end);
    view.run(ask());
    return place;
}
