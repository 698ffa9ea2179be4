/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger of the range: does it add up, what is lost, who sent what. */
import { h } from "../dom.js";
import { documentOf } from "../draw.js";
import { number, symbol, when } from "../format.js";

const accountsMost = 500;

/* Columns of an account: [word, element]. */
const columns = [["Datagrams", "datagrams.count"], ["accepted", "datagrams.accepted"], ["rejected", "datagrams.rejected"], ["missing", "datagrams.missing"],
    ["Records", "records.count"], ["stored", "records.stored"], ["duplicates", "records.duplicates"], ["same start", "records.samestart"], ["rejected", "records.rejected"]];

function faultsOf(answer) {
    if (answer.rows.length === 0)
        return h("p", {}, symbol(5), " It adds up.");
    return [h("p", { class: "said" }, symbol(1), ` It does not add up in ${answer.rows.length} places.`),
        table(["Row", "Hour", "Sender", "Fault", "Expected", "Found"], answer.rows.map(row => [row["ledger.row"], row["ledger.hour"] ? when(row["ledger.hour"]) : "–",
            row["input.sender"], row["ledger.fault"], number(row["ledger.expected"]), number(row["ledger.found"])]))];
}

function table(heads, rows, numeric = 99) {
    return h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, heads.map((word, at) => h("th", { scope: "col", class: at >= numeric ? "n" : null }, word)))),
        h("tbody", {}, rows.map(cells => h("tr", {}, cells.map((cell, at) => h("td", { class: at >= numeric ? "n" : null }, cell)))))));
}

function lossesOf(answer) {
    const heads = ["ingestd", "Datagrams dropped by the kernel", "lost", "maybe lost", "Batches missing"];
    const names = ["datagrams.dropped", "datagrams.lost", "datagrams.maybelost", "batches.missing"];
    if (!answer.rows.some(row => names.some(name => Number(row[name] ?? 0) > 0)))
        return h("p", {}, symbol(5), " Nothing that belongs to no sender is lost.");
    return table(heads, answer.rows.map(row => [row["ingestd.instance"], ...names.map(name => number(row[name]))]), 1);
}

function accountsOf(answer) {
    const several = new Set(answer.rows.map(row => row["ingestd.instance"])).size > 1;
    return answer.rows.length === 0 ? h("p", { class: "empty" }, "Nothing was received in this time.")
        : [table(["Sender", ...(several ? ["ingestd"] : []), ...columns.map(([word]) => word)], answer.rows.map(row => [row["input.sender"], ...(several ? [row["ingestd.instance"]] : []),
            ...columns.map(([, name]) => number(row[name]))]), several ? 2 : 1),
        answer.next ? h("p", { class: "empty" }, `These are the first ${accountsMost}; ezrepo ledger has all.`) : null];
}

/* How many datagrams were rejected for each reason, of all senders, most first; null where none was. */
function reasonsOf(answer) {
    const sums = new Map();
    for (const row of answer.rows)
        for (const [reason, datagrams] of Object.entries(documentOf(row["datagrams.reasons"]) ?? {}))
            sums.set(reason, (sums.get(reason) ?? 0) + Number(datagrams));
    const all = [...sums].sort((a, b) => b[1] - a[1]);
    return all.length === 0 ? null : h("p", { class: "reasons" }, "Datagrams rejected: ", all.map(([reason, datagrams], at) => [at ? ", " : "", h("b", {}, number(datagrams)), " ", reason]),
        answer.next ? ` (of the first ${number(answer.rows.length)} senders)` : "", ".");
}

export async function ledger(place, view) {
    const { may } = await view.who();
    if (!["LedgerAccounts", "LedgerLosses", "LedgerFaults"].every(label => may.includes(label)))
        return void place.append(h("p", { class: "empty" }, "Who sends what is for who may ask the ledger, which you may not."));
    const range = view.question();
    const [accounts, losses, faults] = await Promise.all([view.ask("LedgerAccounts", { ...range, "list.limit": accountsMost }),
        view.ask("LedgerLosses", range), view.ask("LedgerFaults", range)]);
    place.append(h("p", { class: "quiet-text" }, "Of the hours of receipt since ", when(range.from), "."));
    for (const part of [faultsOf(faults), lossesOf(losses), reasonsOf(accounts), accountsOf(accounts)].flat())
        if (part)
            place.append(part);
}
