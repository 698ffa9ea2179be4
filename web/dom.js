/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elements from JavaScript. Whatever comes from records gets onto the page through here and only as
 * text nodes and attributes that cannot run anything: there is no way in for markup.
 */

const svgNamespace = "http://www.w3.org/2000/svg";
const addresses = new Set(["href", "src", "action", "xlink:href"]);

/* Only to ourselves, or to the web; never javascript: and its kin. */
function harmless(address) {
    const url = new URL(address, document.baseURI);
    if (!["http:", "https:", "blob:"].includes(url.protocol))
        throw new TypeError(`no address for a link: ${url.protocol}`);
    return address;
}

/* What is not seen, and turns round or hides what stands beside it, as its escape in JavaScript and JSON. */
const unseen = /[\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/* A text as all of it is seen: controls of direction and other characters without a width are escaped, as "\\u202e". */
export function visible(text) {
    return String(text).replace(unseen, one => `\\u${one.codePointAt(0).toString(16).padStart(4, "0")}`);
}

const spoken = new Set(["title", "aria-label", "placeholder"]);

function setAttribute(element, name, value) {
    if (value === null || value === undefined || value === false)
        return;
    if (name.startsWith("on")) {
        if (typeof value !== "function")
            throw new TypeError(`${name}: expected a function`);
        element.addEventListener(name.slice(2), value);
    } else if (name === "style") {
        for (const [property, text] of Object.entries(value))
            element.style.setProperty(property, text);
    } else if (name === "srcdoc" || name === "innerHTML") {
        throw new TypeError(`${name} would be markup`);
    } else {
        element.setAttribute(name, value === true ? "" : addresses.has(name) ? harmless(value) : spoken.has(name) ? visible(value) : String(value));
    }
}

function append(element, children) {
    for (const child of children.flat(Infinity)) {
        if (child === null || child === undefined || child === false)
            continue;
        element.append(child instanceof Node ? child : document.createTextNode(element.tagName === "TEXTAREA" ? String(child) : visible(child)));
    }
}

/*
 * h("a", {href: "/grid", class: "quiet", onclick: event => ...}, "text", element, [more]): an HTML
 * element. Attributes: on... is a listener, `style` an object of properties, null and false leave one
 * out, true is one without a value. Children: nodes, texts, numbers, lists of these; null and false are
 * left out.
 */
export function h(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes ?? {}))
        setAttribute(element, name, value);
    append(element, children);
    return element;
}

/* The same of SVG. */
export function svg(tag, attributes = {}, ...children) {
    const element = document.createElementNS(svgNamespace, tag);
    for (const [name, value] of Object.entries(attributes ?? {}))
        setAttribute(element, name, value);
    append(element, children);
    return element;
}

/* What is in the element is replaced by these; returns it. */
export function fill(element, ...children) {
    element.replaceChildren();
    append(element, children);
    return element;
}

/*
 * A list that is drawn again and again: what is the same stays, so that who reads or has the focus there
 * is not disturbed. items: any; keyOf(item): its name; signature(item): when this is another, make(item) makes its
 * element anew, with the class `fresh` unless all of the list is new. Returns how many were made.
 */
export function keep(container, items, keyOf, signature, make) {
    const before = container.kept ?? new Map();
    const after = new Map();
    let made = 0;
    items.forEach((item, at) => {
        const key = keyOf(item), signed = signature(item), old = before.get(key);
        const same = old?.signed === signed;
        const element = same ? old.element : make(item);
        if (!same) {
            made++;
            const focused = old?.element.contains(document.activeElement) ? [...old.element.querySelectorAll("a, button")].indexOf(document.activeElement) : -1;
            element.classList.toggle("fresh", container.kept !== undefined);
            old?.element.replaceWith(element);
            [...element.querySelectorAll("a, button")][focused]?.focus();
        }
        if (container.children[at] !== element)
            container.insertBefore(element, container.children[at] ?? null);
        after.set(key, { signed, element });
    });
    for (const [key, { element }] of before)
        if (!after.has(key))
            element.remove();
    container.kept = after;
    return made;
}
