/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of quality, the newest first; those that late records took back are struck through. Live at its newest end. */
import { bounded } from "../bounded.js";
import { complete } from "../complete.js";
import { criteriaOf } from "../criteria.js";
import { fill, h, keep } from "../dom.js";
import { gradeLabel, symbol, when } from "../format.js";
import { what } from "./now-rows.js";

export const title = "Events";
export const own = { "list.after": null };

const rowsEach = 100;
const around = 3600e3;      /* ms before and after an event that its series is shown for */

function seriesOf(view, row) {
    const time = new Date(row.time);
    return view.address("series", { ...criteriaOf(row), "select.grade": row["grade.name"], from: new Date(time - around).toISOString(),
        to: new Date(Number(time) + around).toISOString() });
}

/* "from → to"; the first grade of a series has no from. */
function change(row) {
    return row["grade.from"] === null ? [h("span", { class: "quiet-text" }, "begins as "), gradeLabel(row["grade.to"])]
        : [gradeLabel(row["grade.from"]), h("span", { "aria-hidden": "true" }, " → "), h("span", { class: "hear" }, " became "), gradeLabel(row["grade.to"])];
}

function rowOf(view, row) {
    const { main, rest } = what(row);
    const retracted = row["event.retracted"] === true;
    const told = retracted ? (...children) => h("s", {}, children) : (...children) => children;
    return h("tr", { class: retracted ? "retracted" : null }, h("td", { class: "when" }, told(when(row.time, 3))),
        h("td", { class: "change" }, told(change(row)), retracted ? h("span", { class: "tag strong", title: "Records that came late showed that it was otherwise." }, "retracted") : null),
        h("td", { class: "what" }, h("a", { class: "to", href: seriesOf(view, row) }, told(main)), rest ? h("span", { class: "rest" }, " ", rest) : null,
            row["maintenance.windows"] ? h("span", { class: "tag" }, symbol("maintenance"), ` maintenance ${row["maintenance.windows"]}`) : null),
        h("td", { class: "name" }, row["grade.name"]));
}

/* Back to the newest, on to older ones: both are addresses. */
function paging(view, answer) {
    const here = Object.fromEntries(view.parameters);
    const newest = view.parameters.get("list.after") ? h("a", { class: "button", href: view.address("events", { ...here, "list.after": null }) }, "Newest") : null;
    const older = answer.next ? h("a", { class: "button", rel: "next", href: view.address("events", { ...here, "list.after": answer.next }) }, "Older") : null;
    return newest || older ? h("nav", { class: "paging", "aria-label": "More events" }, newest, older) : null;
}

function frame(main, view, live) {
    const parts = { state: h("span", { class: "live" }), body: h("tbody"), none: h("p", { class: "empty", hidden: true }), paging: h("div") };
    const table = h("table", { class: "events" }, h("thead", {}, h("tr", {}, ["Time (UTC)", "Change", "Series", "Grade name"].map(word => h("th", { scope: "col" }, word)))), parts.body);
    const range = view.range();
    fill(main, h("h1", {}, title), h("p", { class: "fresh-now" }, live ? parts.state : "not live: an earlier part of the list",
        range ? complete(view, { from: range.from.toISOString(), to: range.to.toISOString() }) : complete(view, {})), parts.none, table, parts.paging);
    return parts;
}

/* The newest events are asked for again when some are told, at most each second. */
class Events {
    constructor(main, view) {
        this.view = view;
        this.live = !view.parameters.get("list.after") && !view.parameters.get("to");
        this.parts = frame(main, view, this.live);
        this.again = bounded(() => this.look());
    }

    async look() {
        const { view, parts } = this;
        const answer = await view.ask("QueryEvents", view.question({ "list.limit": rowsEach, "list.after": view.parameters.get("list.after") }));
        keep(parts.body, answer.rows, row => row["list.cursor"], row => JSON.stringify(row), row => rowOf(view, row));
        fill(parts.none, view.parameters.get("list.after") ? "There are no older ones." : "Nothing changed that fits.").hidden = answer.rows.length > 0;
        parts.body.parentElement.hidden = answer.rows.length === 0;
        fill(parts.paging, paging(view, answer));
    }

    told(live, error) {
        this.parts.state.className = live ? "live" : "live away";
        this.parts.state.textContent = live ? "● live" : "○ not live";
        this.view.tell(live ? null : error);
        if (live)
            this.view.run(this.again());
    }
}

export async function show(main, view) {
    const events = new Events(main, view);
    if (events.live)
        view.follow(view.question({ from: null, to: null, "feed.kinds": "event,retraction" }), () => view.run(events.again()),
            (live, error) => events.told(live, error));
    await events.again();
}
