/* SPDX-License-Identifier: Apache-2.0 */
/* A grading document as somebody writes it: checked by the server, its faults at their lines, published after a look at the difference. */
import { fill, h } from "../dom.js";
import { count } from "../format.js";
import { laid } from "../grading_text.js";
import { differenceOf } from "./thresholds-difference.js";
import { Limits } from "./thresholds-limits.js";
import { Trial } from "./thresholds-try.js";

const commentMost = 1000; /* characters; bytes are the server's to count */

/* What was written and not published, by the version that was edited, as long as the tab is there, also where it is loaded again. */
const stored = "drafts";

function storedDrafts() {
    try {
        return new Map(JSON.parse(sessionStorage.getItem(stored) ?? "[]"));
    } catch {
        return new Map(); /* such as where the browser keeps nothing */
    }
}

const drafts = storedDrafts();

function keepDrafts() {
    try {
        sessionStorage.setItem(stored, JSON.stringify([...drafts]));
    } catch {
        /* it is kept as long as the page is */
    }
}

/* Where line and column, both from 1, are in the text. */
function offsetOf(text, line, column) {
    let at = 0;
    for (let n = 1; n < line; n++) {
        const end = text.indexOf("\n", at);
        if (end === -1)
            break;
        at = end + 1;
    }
    return Math.min(at + [...text.slice(at, at + 4 * column)].slice(0, column - 1).join("").length, text.length);
}

class Editor {
    constructor(main, view, given) {
        Object.assign(this, { main, view, ...given });
        this.faults = [];
        this.beginning = this.began();
        const draft = drafts.get(this.base.version);
        this.area = h("textarea", { id: "grading", class: "code", spellcheck: "false", autocapitalize: "none", autocomplete: "off", wrap: "off", "aria-describedby": "faults-said" });
        this.area.value = draft ?? this.beginning;
        this.gutter = h("div", { class: "gutter", "aria-hidden": "true" });
        this.said = h("p", { id: "faults-said", role: "status" });
        this.list = h("ol", { class: "faults" });
        this.limits = new Limits(() => this.area.value, (from, to, text) => this.replace(from, to, text));
        this.trial = this.may.includes("TryGrading") ? new Trial(this.view, () => this.area.value) : null;
        this.area.addEventListener("input", () => {
            this.changed();
            this.limits.show();
        });
        this.area.addEventListener("scroll", () => { this.gutter.scrollTop = this.area.scrollTop; });
        this.area.addEventListener("keydown", event => this.key(event));
        this.frame();
        this.number();
        if (draft !== undefined)
            this.said.textContent = "You wrote this before, and did not publish it.";
    }

    /* As it was published; a document on a line or two is laid out. */
    began() {
        const text = this.base.document.replace(/\r\n?/g, "\n"); /* as a field has it */
        return text.split("\n").length > 3 ? text : laid(text);
    }

    frame() {
        const button = (words, run, kind = null) => h("button", { type: "button", class: kind, onclick: () => this.view.run(run()) }, words);
        this.reset = button("Discard what I wrote", async () => { this.area.value = this.beginning; this.forget(); });
        fill(this.main, h("h1", {}, `Edit version ${this.base.version}`), h("p", { class: "quiet-text" }, "Nothing changes before you publish it, and have seen the difference. ", h("a", { href: this.away }, "Back to the versions")),
            h("div", { class: "buttons editing" }, button("Check", () => this.check()), button("Lay out", async () => this.layOut()), this.reset, button("Publish…", () => this.offer(), "primary"),
                h("small", {}, h("kbd", {}, "Ctrl"), " ", h("kbd", {}, "Enter"), " checks, ", h("kbd", {}, "Esc"), " leaves the text")),
            this.said, this.list, this.trial?.element, this.limits.element, h("label", { for: "grading", class: "hear" }, "The document"), h("div", { class: "editor" }, this.gutter, this.area));
        this.reset.disabled = !drafts.has(this.base.version);
    }

    key(event) {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            this.view.run(this.check());
        }
    }

    changed() {
        if (this.area.value === this.beginning)
            drafts.delete(this.base.version);
        else
            drafts.set(this.base.version, this.area.value);
        keepDrafts();
        this.reset.disabled = !drafts.has(this.base.version);
        if (this.faults.length > 0 || this.said.textContent)
            this.said.textContent = this.faults.length > 0 ? "Changed since it was checked." : "";
        this.number();
    }

    replace(from, to, text) {
        this.area.value = this.area.value.slice(0, from) + text + this.area.value.slice(to);
        this.changed();
    }

    forget() {
        this.faults = [];
        fill(this.list);
        this.said.textContent = "";
        this.changed();
        this.limits.show();
    }

    layOut() {
        this.area.value = laid(this.area.value);
        this.forget();
    }

    /* Numbers of lines, those with faults marked. */
    number() {
        const lines = this.area.value.split("\n").length;
        const at = new Set(this.faults.map(fault => fault.line));
        const signed = JSON.stringify([lines, ...at]);
        if (signed === this.numbered)
            return;
        this.numbered = signed;
        const parts = [];
        let plain = "";
        for (let n = 1; n <= lines; n++)
            if (at.has(n)) {
                parts.push(plain, h("span", { class: "faulty" }, `✗ ${n}`), "\n");
                plain = "";
            } else
                plain += `${n}\n`;
        fill(this.gutter, parts, plain);
        this.gutter.scrollTop = this.area.scrollTop;
    }

    goTo(fault) {
        const from = offsetOf(this.area.value, fault.line, fault.column);
        const end = this.area.value.indexOf("\n", from);
        this.area.focus();
        this.area.setSelectionRange(from, end === -1 ? this.area.value.length : end);
        this.area.scrollTop = Math.max(0, (fault.line - 4) * parseFloat(getComputedStyle(this.area).lineHeight));
    }

    /* Faults keep it from being published; warnings, of what has no effect, do not. */
    tell(faults, more, good, warnings = [], hints = []) {
        this.faults = faults;
        this.said.textContent = faults.length === 0 ? good : `${count(faults.length + more, "fault")}${more > 0 ? `, the first ${faults.length} of them` : ""}: nothing is published.`;
        this.said.classList.toggle("said", faults.length > 0);
        const line = (fault, what) => h("li", {}, h("button", { type: "button", class: `fault ${what}`, onclick: () => this.goTo(fault) }, h("strong", {}, `${what ? `${what}, ` : ""}line ${fault.line}, column ${fault.column}`), " ",
            h("code", {}, fault.place), ": ", fault.message));
        fill(this.list, faults.map(fault => line(fault, "")), warnings.map(warning => line(warning, "warning")), hints.map(hint => line(hint, "hint")));
        this.number();
    }

    /* Whether it is good. */
    async check() {
        const text = this.area.value;
        this.said.textContent = "Checking…";
        const found = await this.view.change("check-grading", { "grading.document": text }).catch(error => {
            this.said.textContent = "It could not be checked.";
            throw error;
        });
        if (text === this.area.value)
            this.tell(found.faults, found.more, `It is good: ${[count(found.blocks, "block"), ...found.names.length > 0 ? [`grade names ${found.names.join(", ")}`] : [], ...found.warnings.length > 0 ? [count(found.warnings.length, "warning")] : [],
                ...found.hints.length > 0 ? [count(found.hints.length, "hint")] : []].join(", ")}.${found.faults.length === 0 && !found.compared ? " It could not be compared with what was seen." : ""}`, found.warnings, found.hints);
        this.view.tell(null);
        return found.faults.length === 0 && text === this.area.value;
    }

    /* The difference to what is in force now, a comment, and then it is published or not. */
    async offer() {
        const [good, newest] = await Promise.all([this.check(), this.newest()]);
        if (!good)
            return void this.list.querySelector("button")?.focus();
        const text = this.area.value;
        const comment = h("textarea", { id: "comment", rows: "2", maxlength: commentMost, placeholder: "why it is so from now on" });
        const said = h("p", { class: "said", role: "alert", hidden: true });
        const publish = h("button", { type: "submit", class: "primary" }, `Publish as version ${newest.version + 1}`);
        const dialog = h("dialog", { class: "publish", "aria-labelledby": "publish-title", onclose: () => dialog.remove() },
            h("form", {}, h("h2", { id: "publish-title" }, `Version ${newest.version + 1}, compared with version ${newest.version}, which is in force`),
                newest.version === this.base.version ? null : h("p", { class: "said" }, `What you edited is version ${this.base.version}. Version ${newest.version}, by ${newest.author}, is in force: what it changed goes, unless you wrote it, too.`),
                h("div", { class: "publish-difference", tabindex: "0", role: "region", "aria-label": "Difference" }, differenceOf(newest.document, text)),
                this.trial?.summary(text),
                h("div", { class: "field" }, h("label", { for: "comment" }, "comment, kept with the version"), comment), said,
                h("div", { class: "buttons" }, publish, h("button", { type: "button", onclick: () => dialog.close() }, "Not yet"))));
        dialog.querySelector("form").addEventListener("submit", event => {
            event.preventDefault();
            this.view.run(this.publish(text, comment.value.trim(), newest, { dialog, publish, said }));
        });
        this.view.onLeave(() => dialog.remove());
        document.body.append(dialog);
        dialog.showModal();
        comment.focus();
    }

    async publish(text, comment, newest, { dialog, publish, said }) {
        publish.disabled = true;
        said.hidden = true;
        try {
            const { rows: [{ "grading.version": version }] } = await this.view.change("SetGrading",
                { "grading.document": text, "grading.comment": comment || null, "grading.version": String(newest.version) }, () => {
                    if (drafts.get(this.base.version) === text)
                        drafts.delete(this.base.version);
                    keepDrafts();
                });
            dialog.close();
            this.done(version, newest.version);
        } catch (error) {
            if (error.status === undefined || error.status === 401)
                throw error;
            const now = error.status === 400 && !error.faults ? await this.newest().catch(() => newest) : newest;
            publish.disabled = now.version !== newest.version; /* this is no difference to what is in force any more */
            fill(said, publish.disabled ? `Version ${now.version}, by ${now.author}, was published meanwhile. Close this, and look at the difference to that one.` : error.message).hidden = false;
            if (error.faults)
                this.tell(error.faults, 0, "");
        }
    }
}

/* given: {may: labels of who asks; base: the version that is edited; newest(): the one in force; away: where "back" leads; done(version, before)} */
export function editor(main, view, given) {
    const one = new Editor(main, view, given);
    const warn = event => drafts.size > 0 && event.preventDefault();
    window.addEventListener("beforeunload", warn);
    view.onLeave(() => window.removeEventListener("beforeunload", warn));
    one.area.focus({ preventScroll: true });
    one.area.setSelectionRange(0, 0);
    one.area.scrollTop = 0;
}
