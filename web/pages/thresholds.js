/* SPDX-License-Identifier: Apache-2.0 */
/* Gradings: which version was in force when and whose it is, what one changed of another, an editor for who may publish. */
import { choice } from "../controls.js";
import { AddressError } from "../criteria.js";
import { fill, h } from "../dom.js";
import { count, when } from "../format.js";
import { laid } from "../grading_text.js";
import { differenceOf } from "./thresholds-difference.js";
import { editor } from "./thresholds-editor.js";

export const title = "Thresholds";
export const bar = false;
export const own = { version: null, against: null, edit: null, published: null, "list.after": null };

const rowsEach = 50;

/* One of the page's own states; what else is in the address stays. */
function state(view, own) {
    return { ...Object.fromEntries(view.parameters), version: null, against: null, edit: null, published: null, "list.after": null, ...own };
}

const address = (view, own) => view.address("thresholds", state(view, own));

/* A version with its document as it was published; null where there is none. 0 is the one in force. */
async function versionOf(view, version) {
    const [row] = await view.askTexts("GetGrading", { "grading.version": version });
    return row && { version: Number(row["grading.version"]), time: row.time, author: row["grading.author"], comment: row["grading.comment"], document: row["grading.document"] };
}

const commentOf = text => text === "" ? h("span", { class: "nothing" }, "no comment") : h("q", { class: "comment" }, text);

function mayEdit(may) {
    return may.includes("SetGrading") ? null : h("p", { class: "quiet-text" }, "You may look and not publish: no role of yours may use SetGrading, or you came with a token that was not made for it.");
}

/* Who else may publish, role by role: for who may himself. It is asked once it is unfolded. */
function publishersOf(view) {
    const place = h("div", {});
    const glob = text => /[*?]/.test(text) ? h("span", {}, "whoever fits ", h("code", {}, text)) : h("span", {}, text);
    const look = async () => {
        const { roles, more } = await view.publishers();
        fill(place, h("dl", { class: "publishers" }, roles.map(one => [h("dt", {}, "role ", h("strong", {}, one.role)),
            one.identities.length === 0 ? h("dd", { class: "quiet-text" }, "nobody has it") : one.identities.map(identity => h("dd", {}, glob(identity)))])),
        more > 0 ? h("p", {}, `and ${count(more, "identity", "identities")} more`) : null,
        h("p", { class: "quiet-text" }, "Through this page and its API; who may by mPlane, says the configuration of mplane-gw as well."));
    };
    return h("details", { class: "who-may", ontoggle: event => event.currentTarget.open && view.run(look()) }, h("summary", {}, "Who may publish"), place);
}

/* ---- the list ---- */

/* Until when it was in force, says the version behind it; `newer`: the time of that. */
function versionRow(view, row, newer, shown) {
    const version = row["grading.version"];
    return h("tr", { "aria-current": version === shown ? "true" : null }, h("th", { scope: "row" }, h("a", { href: address(view, { version }) }, `version ${version}`)),
        h("td", { class: "from" }, when(row.time)), h("td", { class: "until" }, newer === null ? h("strong", { class: "in-force" }, "● in force") : newer === undefined ? "over" : ["until ", when(newer)]),
        h("td", { class: "by" }, row["grading.author"]), h("td", { class: "said-of-it" }, commentOf(row["grading.comment"])), h("td", { class: "n" }, count(row["grading.blocks"], "block")),
        h("td", { class: "changed" }, version > 1 ? h("a", { href: address(view, { version, against: version - 1 }) }, "what it changed") : null));
}

function listOf(view, answer, shown) {
    const first = !view.parameters.get("list.after");
    const here = Object.fromEntries(view.parameters);
    const paging = [first ? null : h("a", { class: "button", href: view.address("thresholds", { ...here, "list.after": null }) }, "Newest"),
        answer.next ? h("a", { class: "button", rel: "next", href: view.address("thresholds", { ...here, "list.after": answer.next }) }, "Older") : null];
    return h("section", {}, h("h2", {}, "Versions"), h("table", { class: "versions" },
        h("thead", {}, h("tr", {}, ["Version", "From (UTC)", "In force", "By", "Comment", "Blocks", "Difference"].map(word => h("th", { scope: "col", class: word === "Blocks" ? "n" : null }, word)))),
        h("tbody", {}, answer.rows.map((row, at) => versionRow(view, row, at > 0 ? answer.rows[at - 1].time : first ? null : undefined, shown)))),
    paging.some(Boolean) ? h("nav", { class: "paging", "aria-label": "More versions" }, paging) : null);
}

/* ---- one version, or two ---- */

/* Which two are compared; `none` shows the document alone. */
function compared(view, newest, one, other) {
    const versions = Object.fromEntries(Array.from({ length: Math.min(newest, 1000) }, (_, at) => [`v${newest - at}`, `version ${newest - at}`]));
    const key = version => version === null ? "none" : `v${version}`, number = value => value === "none" ? null : Number(value.slice(1));
    const go = (version, against) => view.go("thresholds", state(view, { version, against }));
    return h("p", { class: "choices" }, choice("Show", versions, key(one), value => go(number(value), other)), " ",
        choice("compared with", { none: "no other", ...versions }, key(other), value => go(one, number(value))));
}

function documentOf(text) {
    const lines = laid(text).trimEnd().split("\n");
    return h("pre", { class: "document", tabindex: "0", role: "region", "aria-label": "The document" }, lines.map(line => [h("span", { class: "code-line" }, line), "\n"]));
}

async function shownOf(view, newest, version, against) {
    const [one, other] = await Promise.all([versionOf(view, version), against === null ? null : versionOf(view, against)]);
    const head = version === newest ? null : h("p", {}, "by ", h("strong", {}, one.author), ", ", when(one.time), ": ", commentOf(one.comment));
    return h("section", { id: "shown" }, h("h2", {}, against === null ? `Version ${version}` : `What version ${version} has otherwise than version ${against}`), compared(view, newest, version, against), head,
        other === null ? documentOf(one.document) : differenceOf(other.document, one.document));
}

/* A version in the address; `otherwise` where it names none. One that there is not is a fault. */
function versionIn(view, name, newest, otherwise) {
    const text = view.parameters.get(name), value = Number(text);
    if (text === null || text === "")
        return otherwise;
    if (!Number.isInteger(value) || value < 1 || value > newest)
        throw new AddressError(`${name}: there is no version "${text}"; expected one of 1 to ${newest}`);
    return value;
}

/* Says when another one than this is in force; what one reads stays where it is. Asked for whenever a version may have come: what was told
 * before it was listened, or while nothing could be heard, is not told again. */
function meanwhile(view, may, inForce) {
    const told = h("p", { class: "other-version", role: "status", hidden: true });
    const look = async () => {
        const { rows: [newest] } = await view.ask("QueryGradings", { "list.limit": 1 });
        if (newest && newest["grading.version"] !== inForce)
            fill(told, "Another version was published meanwhile. ", h("a", { href: address(view, {}) }, "Show it")).hidden = false;
    };
    if (may.includes("QueryChanges"))
        view.follow({ "feed.kinds": "grading" }, () => view.run(look()), live => live && view.run(look()));
    return told;
}

async function look(main, view, may) {
    const asked = { "list.limit": rowsEach, "list.after": view.parameters.get("list.after") };
    const [answer, { rows: [newest] }] = await Promise.all([view.ask("QueryGradings", asked), view.ask("QueryGradings", { "list.limit": 1 })]);
    if (!newest)
        return void fill(main, h("h1", {}, title), h("p", { class: "empty" }, "No grading has been published yet."));
    const inForce = newest["grading.version"];
    const version = versionIn(view, "version", inForce, inForce);
    const shown = await shownOf(view, inForce, version, versionIn(view, "against", inForce, null));
    const published = view.parameters.get("published") === String(inForce) ? "It is published. " : "";
    fill(main, h("h1", {}, `${published}Version ${inForce} is in force.`), h("p", { class: "quiet-text" }, "Since ", when(newest.time), ", by ", newest["grading.author"],
        ". What arrives is graded by it; records keep the grades of the version that graded them."), newest["grading.comment"] ? h("p", {}, commentOf(newest["grading.comment"])) : null,
    mayEdit(may) ?? h("p", {}, h("a", { class: "button", href: address(view, { edit: version }) }, `Edit version ${version}`)), may.includes("SetGrading") ? publishersOf(view) : null, meanwhile(view, may, inForce), listOf(view, answer, version), shown);
}

async function edit(main, view, may) {
    const base = await versionOf(view, view.parameters.get("edit"));
    const done = (version, against) => view.go("thresholds", state(view, { version, against, published: version }));
    editor(main, view, { may, base, newest: () => versionOf(view, 0), away: address(view, { version: base.version }), done });
}

export async function show(main, view) {
    const { may } = await view.who();
    if (!may.includes("QueryGradings") || !may.includes("GetGrading"))
        return void fill(main, h("h1", {}, title), h("p", { class: "empty" }, "Thresholds are for who may use QueryGradings and GetGrading, which you may not: they are about all series."));
    await (view.parameters.get("edit") && may.includes("SetGrading") ? edit(main, view, may) : look(main, view, may));
}
