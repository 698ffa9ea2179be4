/* SPDX-License-Identifier: Apache-2.0 */
/* The limits of a document that is edited, block by block, as fields: what is written there changes the number in the text, and nothing else. */
import { fill, h } from "../dom.js";
import { count, gradeLabel } from "../format.js";
import { limitSaid, limitsOf, limitWritten } from "../grading_limits.js";

const relations = { "<=": "≤", ">=": "≥", "==": "=", "!=": "≠" };

export class Limits {
    /* text(): the document; replace(from, to, text): changes it there. */
    constructor(text, replace) {
        Object.assign(this, { text, replace });
        this.open = new Set(); /* blocks, by their place */
        this.body = h("div", {});
        this.element = h("details", { class: "limits", ontoggle: () => this.show() }, h("summary", {}, "Limits in a table"), this.body);
    }

    /* After the text has changed, somewhere else than here. */
    show() {
        if (!this.element.open)
            return;
        const blocks = limitsOf(this.text());
        fill(this.body, blocks === null ? h("p", { class: "quiet-text" }, "The text is no JSON at the moment: there is nothing to be read from it. Check tells where.") :
            [h("p", { class: "quiet-text" }, "A number, in the metric's own unit, or with one: 300 ms, 2.5 %, 30 Mbit/s."), blocks.map((block, n) => this.block(block, n))]);
    }

    /* All places behind what was changed are others now. Who is on the way to another field gets there. */
    again() {
        setTimeout(() => {
            const at = [...this.body.querySelectorAll("input, summary")].indexOf(document.activeElement);
            this.show();
            this.body.querySelectorAll("input, summary")[at]?.focus();
        });
    }

    block(block, n) {
        const conditions = block.rules.reduce((sum, rule) => sum + rule.conditions.length, 0);
        const rules = h("ol", { class: "rules" });
        const look = open => {
            this.open[open ? "add" : "delete"](n);
            if (open && rules.children.length === 0)
                fill(rules, block.rules.map((rule, r) => h("li", {}, gradeLabel(rule.grade), rule.conditions.length === 0 ? " all others" : " if ",
                    rule.conditions.map((one, c) => [c > 0 ? " and " : "", this.condition(one, `${block.name}, ${block.applies.join(" ")}, rule ${r + 1}, grade ${rule.grade}`)]))));
        };
        if (this.open.has(n))
            look(true);
        return h("details", { open: this.open.has(n), ontoggle: event => look(event.target.open) },
            h("summary", {}, h("strong", {}, block.name || "no name"), ` ${block.applies.join(", ") || "all records"} `, h("small", {}, count(conditions, "limit"))), rules);
    }

    condition(one, where) {
        const relation = relations[one.rel] ?? one.rel;
        return h("span", { class: "condition" }, h("code", {}, one.metric), ` ${relation} `, this.field(one.metric, one.limit, `${where}: ${one.metric} ${relation}`),
            one.leave && [" left at ", this.field(one.metric, one.leave, `${where}: ${one.metric}, left at`)]);
    }

    field(metric, limit, name) {
        if (limit === null)
            return h("em", {}, "no limit");
        const said = h("small", {}, limitSaid(metric, limit.text));
        const input = h("input", { type: "text", size: "9", value: limit.text, "aria-label": name, autocomplete: "off", spellcheck: "false" });
        input.addEventListener("change", () => {
            const written = limitWritten(metric, input.value);
            input.setAttribute("aria-invalid", String(written === null));
            if (written === null)
                return void (said.textContent = "expected a number, or one with a unit of this metric");
            this.replace(limit.from, limit.to, limit.quoted ? JSON.stringify(written) : written);
            this.again();
        });
        return [input, " ", said];
    }
}
