/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is seen as a file, made in the page: PNG of a canvas or an SVG, SVG, CSV. Nothing is asked, and
 * nothing sent.
 */
import { h } from "./dom.js";
import { SvgPen } from "./svg_pen.js";

const captionHeight = 26; /* px, below a canvas */

const shownOfSvg = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "opacity", "font-family", "font-size",
    "font-weight", "text-anchor", "dominant-baseline"];

/* Hands a file to who looks. */
export function download(name, blob) {
    const link = h("a", { href: URL.createObjectURL(blob), download: name, hidden: true });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

/* "ezrepo-grid-2026-11-30T08-00-00Z.csv": of when it was made, and nothing of what may be in records. */
export function fileName(page, kind) {
    return `ezrepo-${page}-${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}Z.${kind}`;
}

/*
 * A cell of CSV (RFC 4180). What a spreadsheet would take for a formula is text: it begins with an
 * apostrophe there.
 */
function cell(value) {
    const text = value === null || value === undefined ? "" : String(value);
    const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) && !/^-?\d+(\.\d+)?$/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll("\"", "\"\"")}"` : safe;
}

/* Rows, each a list as long as `columns`. */
export function csv(columns, rows) {
    return new Blob([[columns, ...rows].map(row => row.map(cell).join(",") + "\r\n").join("")], { type: "text/csv;charset=utf-8" });
}

/* A canvas with this background and a caption below: what it shows, of when. */
export function pngOfCanvas(canvas, caption, { page, quiet, font }) {
    const ratio = devicePixelRatio || 1;
    const copy = h("canvas", { width: canvas.width, height: canvas.height + captionHeight * ratio });
    const pen = copy.getContext("2d");
    pen.fillStyle = page;
    pen.fillRect(0, 0, copy.width, copy.height);
    pen.drawImage(canvas, 0, 0);
    pen.scale(ratio, ratio);
    pen.font = `12px ${font}`;
    pen.fillStyle = quiet;
    pen.fillText(caption, 6, canvas.height / ratio + 17, canvas.width / ratio - 12);
    return new Promise((resolve, reject) => copy.toBlob(blob => blob ? resolve(blob) : reject(new Error("the picture is too large for a PNG")), "image/png"));
}

/* The same as shapes and texts: what is seen in a Viewport of draw.js. */
export function svgOfCanvas(port, caption, { page, quiet, font }) {
    const { width, height } = port;
    const pen = new SvgPen(width, height + captionHeight);
    pen.fillStyle = page;
    pen.fillRect(0, 0, width, height + captionHeight);
    pen.save();
    port.paintWith(pen);
    pen.restore();
    pen.font = `12px ${font}`;
    pen.fillStyle = quiet;
    pen.fillText(caption, 6, height + 17, width - 12);
    return pen.blob(caption);
}

/* A copy that needs no style sheet: what the page's says stands in each element. */
export function svgOf(picture, caption) {
    const copy = picture.cloneNode(true);
    const [from, to] = [picture.querySelectorAll("*"), copy.querySelectorAll("*")];
    from.forEach((element, at) => {
        const style = getComputedStyle(element);
        for (const name of shownOfSvg)
            if (!["", "none", "normal", "auto"].includes(style.getPropertyValue(name)) || ["fill", "stroke"].includes(name))
                to[at].setAttribute(name, style.getPropertyValue(name));
        to[at].removeAttribute("class");
        to[at].removeAttribute("tabindex");
    });
    const { width, height } = picture.getBoundingClientRect();
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    copy.setAttribute("width", width);
    copy.setAttribute("height", height);
    const ground = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [name, value] of Object.entries({ width: "100%", height: "100%", fill: getComputedStyle(document.documentElement).backgroundColor }))
        ground.setAttribute(name, value);
    copy.prepend(ground);
    const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
    title.textContent = caption;
    copy.prepend(title);
    return new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" });
}

/* The same as pixels. */
export async function pngOfSvg(picture, caption) {
    const address = URL.createObjectURL(svgOf(picture, caption));
    try {
        const image = new Image();
        image.src = address;
        await image.decode();
        const ratio = devicePixelRatio || 1;
        const canvas = h("canvas", { width: Math.round(image.width * ratio), height: Math.round(image.height * ratio) });
        canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
        return await new Promise((resolve, reject) => canvas.toBlob(blob => blob ? resolve(blob) : reject(new Error("the picture is too large for a PNG"))));
    } finally {
        URL.revokeObjectURL(address);
    }
}

/* Buttons, one for each kind: makers is { png: async () => Blob, csv: ... }. */
export function exportButtons(view, makers) {
    const save = kind => view.run((async () => download(fileName(view.page, kind), await makers[kind]()))());
    return h("div", { class: "row exports", role: "group", "aria-label": "Save what is seen" }, h("span", { class: "quiet-text" }, "Save"),
        Object.keys(makers).map(kind => h("button", { type: "button", class: "quiet", "data-kind": kind, onclick: () => save(kind) }, kind.toUpperCase())));
}
