# SPDX-License-Identifier: Apache-2.0
"""What everybody needs of a page, as far as a program can look at it, by WCAG 2.2 AA: names and labels, roles, structure, contrast by the styles
that are in force, sizes of what one points at, where the focus is. What it finds it says in words, an element each."""
from typing import List

from browsers import Browser

# Called with nothing: what is wrong with what is seen now. Text over pictures that a canvas draws is not its business.
_LOOK = r"""
const wrong = [];
const told = one => one.outerHTML.replace(/\s+/g, " ").slice(0, 140);
const fault = (what, one) => wrong.push(`${what}: ${told(one)}`);
const seen = one => one.getClientRects().length > 0 && getComputedStyle(one).visibility === "visible" && !one.closest("[hidden]");
const hidden = one => one.closest("[aria-hidden=true]") !== null;
const all = selector => [...document.querySelectorAll(selector)];

/* ---- names, labels, roles ---- */

const byIds = ids => ids.split(/\s+/).map(id => document.getElementById(id)?.textContent ?? "").join(" ").trim();
const nameOf = one => (one.getAttribute("aria-labelledby") ? byIds(one.getAttribute("aria-labelledby")) : "") || one.getAttribute("aria-label")?.trim()
    || [...one.labels ?? []].map(label => label.textContent).join(" ").trim() || one.getAttribute("alt")?.trim()
    || (/^(INPUT|SELECT|TEXTAREA)$/.test(one.tagName) || one.getAttribute("tabindex") === "0" ? "" : one.textContent.trim()) || one.getAttribute("title")?.trim() || "";
const operated = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
for (const one of all(`${operated}, [role=img], [role=region], [role=group], [role=application], dialog, nav, form, table, h1, h2, h3, th, legend, fieldset`))
    if (!hidden(one) && one.tagName !== "TABLE" && !nameOf(one) && one.getAttribute("role") !== "presentation")
        fault("has no name", one);
const roles = new Set(["alert", "application", "dialog", "group", "img", "list", "listitem", "log", "main", "navigation", "note", "presentation", "region", "row", "search", "status", "tab",
    "table", "tooltip", "none"]);
const properties = new Set(["busy", "controls", "current", "describedby", "expanded", "haspopup", "hidden", "invalid", "label", "labelledby", "live", "pressed", "roledescription", "selected", "sort"]);
for (const one of all("body *")) {
    if (one.hasAttribute("role") && !roles.has(one.getAttribute("role")))
        fault("has a role that is none", one);
    for (const { name, value } of one.attributes)
        if (name.startsWith("aria-") && (!properties.has(name.slice(5)) || (/^aria-(labelledby|describedby|controls)$/.test(name) && value.split(/\s+/).some(id => !document.getElementById(id)))))
            fault(`${name}="${value}" is no such property, or leads nowhere`, one);
    if (one.tabIndex > 0)
        fault("comes before others by its tabindex", one);
}
for (const label of all("label[for]"))
    if (!document.getElementById(label.htmlFor))
        fault("is the label of nothing", label);
for (const one of all(`[aria-hidden=true] :is(${operated}), [aria-hidden=true]:is(${operated})`))
    if (seen(one))
        fault("can be focused, but is not read", one);

/* ---- structure ---- */

const ids = all("[id]").map(one => one.id);
for (const id of new Set(ids.filter((one, at) => ids.indexOf(one) !== at)))
    wrong.push(`there twice: #${id}`);
if (!/^[a-z]{2}/.test(document.documentElement.lang))
    wrong.push("the page has no language");
if (document.title.trim() === "")
    wrong.push("the page has no title");
if (all("main").length !== 1)
    wrong.push(`${all("main").length} main parts`);
if (/user-scalable\s*=\s*no|maximum-scale\s*=\s*1/.test(document.querySelector("meta[name=viewport]")?.content ?? ""))
    wrong.push("the page cannot be made larger");
const headings = all("h1, h2, h3, h4, h5, h6").filter(one => seen(one) && !one.closest("dialog"));
headings.forEach((one, at) => {
    const level = Number(one.tagName[1]), before = at === 0 ? 0 : Number(headings[at - 1].tagName[1]);
    if (level > before + 1)
        fault(`is a heading of ${level} behind one of ${before}`, one);
});
if (headings.filter(one => one.tagName === "H1").length !== 1)
    wrong.push(`${headings.filter(one => one.tagName === "H1").length} headings of 1`);
for (const one of all("li"))
    if (!/^(UL|OL|MENU)$/.test(one.parentElement.tagName))
        fault("is an item of no list", one);
for (const one of all("dt, dd"))
    if (!one.closest("dl"))
        fault("belongs to no list of terms", one);
for (const one of all("th"))
    if (!one.hasAttribute("scope"))
        fault("does not say of what it is the heading", one);
for (const one of all("img:not([alt])"))
    fault("is a picture without words", one);
for (const one of all("*"))
    if (seen(one) && one.scrollHeight > one.clientHeight + 1 && /auto|scroll/.test(getComputedStyle(one).overflowY) && one.clientHeight > 0 && one !== document.scrollingElement
        && one.tabIndex < 0 && !one.querySelector(operated))
        fault("scrolls, but not by keys", one);

/* ---- contrast ---- */

const parts = text => {
    const [r, g, b, a = 1] = (/rgba?\(([^)]+)\)/.exec(text)?.[1] ?? "0,0,0,0").split(/[\s,/]+/).filter(Boolean).map(part => part.endsWith("%") ? parseFloat(part) / 100 : Number(part));
    return { r, g, b, a };
};
const over = (top, below) => ({ r: top.r * top.a + below.r * (1 - top.a), g: top.g * top.a + below.g * (1 - top.a), b: top.b * top.a + below.b * (1 - top.a), a: 1 });
const groundOf = one => {
    const layers = [];
    for (let at = one; at; at = at.parentElement) {
        const colour = parts(getComputedStyle(at).backgroundColor);
        if (colour.a > 0)
            layers.push(colour);
        if (colour.a === 1)
            break;
    }
    return layers.reduceRight((below, top) => over(top, below), parts("rgb(255, 255, 255)"));
};
const luminance = ({ r, g, b }) => {
    const [x, y, z] = [r, g, b].map(value => value / 255).map(value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const contrast = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
};
const opacityOf = one => {
    let opacity = 1;
    for (let at = one; at; at = at.parentElement)
        opacity *= Number(getComputedStyle(at).opacity);
    return opacity;
};
const enough = (what, one, colour, ground, least) => {
    const found = contrast(over({ ...colour, a: colour.a * opacityOf(one) }, ground), ground);
    if (found < least)
        fault(`${what} has a contrast of ${found.toFixed(2)}, not ${least}`, one);
};
/* Of a text in an SVG what is drawn below it; null: it is not in the window. */
const belowOf = text => {
    const box = text.getBoundingClientRect();
    const stack = document.elementsFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    const fills = stack.filter(one => one instanceof SVGElement && one !== text && !["text", "tspan", "svg", "g"].includes(one.tagName))
        .filter(one => (text.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_PRECEDING) !== 0).map(one => {
            const style = getComputedStyle(one);
            const colour = parts(style.fill);
            return { ...colour, a: colour.a * Number(style.fillOpacity) * Number(style.opacity) };
        }).filter(colour => colour.a > 0);
    return stack.length === 0 ? null : fills.reduceRight((below, top) => over(top, below), groundOf(text.ownerSVGElement.parentElement));
};
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const looked = new Set();
for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const one = node.parentElement;
    if (node.data.trim() === "" || looked.has(one) || !seen(one) || one.closest(":disabled, .hear, .skip, script, style, option, noscript") || getComputedStyle(one).clipPath !== "none")
        continue;
    looked.add(one);
    const style = getComputedStyle(one), size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    const inSvg = one instanceof SVGElement, ground = inSvg ? belowOf(one) : groundOf(one);
    if (ground)
        enough("the text", one, parts(inSvg ? style.fill : style.color), ground, least);
}
for (const one of all("input, select, textarea").filter(field => seen(field) && !field.disabled)) {
    enough("the edge", one, parts(getComputedStyle(one).borderTopColor), groundOf(one.parentElement), 3);
    if (one.placeholder && getComputedStyle(one, "::placeholder").opacity)
        enough("what it proposes", one, parts(getComputedStyle(one, "::placeholder").color), groundOf(one), 4.5);
}
for (const one of all(".symbol path").filter(seen)) /* its edge, or what it is filled with */
    if (Math.max(...["stroke", "fill"].map(name => contrast(parts(getComputedStyle(one)[name]), groundOf(one.closest("svg").parentElement)))) < 3)
        fault("the shape cannot be told from its ground", one.parentElement);

/* ---- what one points at ---- */

const targets = all("a[href], button, input:not([type=hidden]), select, textarea, summary").filter(one => seen(one) && !one.disabled && !one.closest(".skip") && !one.matches(".skip"));
const boxes = new Map(targets.map(one => [one, one.getBoundingClientRect()]));
const middle = box => [box.left + box.width / 2, box.top + box.height / 2];
const inSentence = one => getComputedStyle(one).display === "inline" && [...one.parentElement.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim() !== "");
const isSmall = box => box.width < 24 || box.height < 24;
const near = (x, y, box) => Math.hypot(Math.max(box.left - x, 0, x - box.right), Math.max(box.top - y, 0, y - box.bottom)) < 12;
for (const one of targets) {
    const box = boxes.get(one);
    if (!isSmall(box) || inSentence(one))
        continue;
    const [x, y] = middle(box);
    for (const [other, its] of boxes)
        if (other !== one && !one.contains(other) && !other.contains(one) && (near(x, y, its) || (isSmall(its) && Math.hypot(middle(its)[0] - x, middle(its)[1] - y) < 24))) {
            fault(`is ${box.width.toFixed(0)} x ${box.height.toFixed(0)} and near to another one`, one);
            break;
        }
}

/* ---- the focus ---- */

const before = document.activeElement;
for (const one of all(operated).filter(each => seen(each) && !each.disabled)) {
    one.focus({ preventScroll: true, focusVisible: true });
    if (document.activeElement !== one)
        continue;
    const style = getComputedStyle(one);
    if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 1)
        fault("does not show that it has the focus", one);
    else
        enough("what shows its focus", one, parts(style.outlineColor), groundOf(one.parentElement), 3);
}
before?.focus?.({ preventScroll: true });
if (before === document.body)
    document.activeElement.blur();
return [...new Set(wrong)];
"""


def wrong(browser: Browser) -> List[str]:
    """What is wrong with the page that is open, in light and in dark."""
    found = []
    for theme in ("light", "dark"):
        browser.look_as(1280, theme)
        browser.run("return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        found += [f"{theme}: {line}" for line in browser.run(_LOOK)]
    browser.look_as(1280, "light")
    return found


# Of each thing that is looked at one that is wrong.
BAD = """
const add = (tag, attributes, text = "", style = {}) => {
    const one = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes))
        one.setAttribute(name, value);
    one.textContent = text;
    for (const [name, value] of Object.entries(style))
        one.style.setProperty(name, value);
    main.append(one);
    return one;
};
const main = document.querySelector("main");
add("button", {});
add("input", { placeholder: "a hint is no label" });
add("pre", { tabindex: "0" }, "what scrolls is named, not read as a name");
add("p", { role: "pragraph" }, "x");
add("p", { "aria-lable": "x" }, "x");
add("p", { "aria-describedby": "nowhere" }, "x");
add("button", { tabindex: "3" }, "first of all");
add("label", { for: "nothing" }, "x");
add("p", { "aria-hidden": "true" }).append(add("button", {}, "unread"));
add("p", { id: "main" }, "x");
add("h1", {}, "another");
add("h4", {}, "deep");
add("li", {}, "item");
add("dd", {}, "term");
add("th", {}, "head");
add("img", {});
add("p", {}, "pale", { color: "rgb(150 150 150)", background: "rgb(255 255 255)" });
add("p", {}, "half seen", { opacity: "0.4" });
add("input", { "aria-label": "edge" }, "", { "border-color": "rgb(240 240 240)", background: "rgb(255 255 255)" });
const small = [1, 2].map(() => add("button", {}, "o", { "min-height": "10px", height: "10px", "min-width": "10px", width: "10px", padding: "0", margin: "0" }));
add("button", {}, "no focus", { outline: "none" });
const box = add("div", {}, "", { overflow: "auto", height: "20px" });
box.append(Object.assign(document.createElement("p"), { textContent: "long ".repeat(500) }));
"""
FAULTS = ("has no name: <button>", "has no name: <input", "has no name: <pre", "has a role that is none", 'aria-lable="x" is no such', 'aria-describedby="nowhere"', "comes before others", "is the label of nothing", "can be focused, but is not read",
          "there twice: #main", "2 headings of 1", "is a heading of 4", "is an item of no list", "belongs to no list of terms", "does not say of what", "is a picture without words", "the text has a contrast of 2.96",
          "half seen", "the edge has a contrast of", "is 10 x 10 and near", "does not show that it has the focus", "scrolls, but not by keys")
