/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the set does, for what stands on every page: asked by one question every ten seconds while the page is
 * seen, where who asks may know it. While the server does not answer it is asked sooner, whoever asks.
 * `document` gets "statuschange" when another answer came, and when it is not known any more.
 */
import { me, reached, status } from "./api.js";
import { fill, h } from "./dom.js";
import { count, span } from "./format.js";

const lookEvery = 10000;  /* ms */
const awayEvery = 2000;   /* ms, while there is no answer */
const waitsMost = 10000;  /* ms that a record may wait and is still on its way */

let known = null;
let allowed = false;
let looking = false;

function set(answer) {
    known = answer;
    document.dispatchEvent(new Event("statuschange"));
}

async function look() {
    if (looking || document.visibilityState === "hidden")
        return;
    looking = true;
    try {
        if (allowed)
            set(await status());
        else if (!reached())
            await me();
    } catch {
        if (known !== null)
            set(null);
    } finally {
        looking = false;
    }
}

/* Whose page it is: whether that one may ask for the status. Nothing of it is known to another one. */
export function watchFor(may) {
    const was = allowed;
    allowed = may.includes("LedgerLosses");
    if (!allowed && known !== null)
        set(null);
    if (allowed && !was)
        look();
}

/* An answer that a page got by itself. */
export function statusIs(answer) {
    if (allowed)
        set(answer);
}

/* For how long, in ms, the oldest record waits to be stored, where that is longer than usual; else 0, also where it is not known. */
export function waiting() {
    const lags = (known?.processes ?? []).filter(one => one.process === "ingestd").map(one => Number(one.counters?.lag_ms ?? 0));
    const longest = Math.max(0, ...lags);
    return longest > waitsMost ? longest : 0;
}

/* What is told beside pictures of records that wait. */
export const waitingWords = ms => `newest records may be missing: the oldest waits to be stored for ${span(ms)}`;

/* The link to Health as it is now: with what is wrong, as sign and word. */
function mark(link) {
    const troubles = known?.troubles.length ?? 0;
    link.classList.toggle("ill", troubles > 0);
    fill(link, "Health", troubles > 0 ? [" ", h("span", { "aria-hidden": "true" }, "✗ "), count(troubles, "trouble")] : null);
}

/* Marks what `find()` returns, the link to Health, now and whenever it is known otherwise. */
export function markHealth(find) {
    document.addEventListener("statuschange", () => find() && mark(find()));
    let next = 0;
    const tick = async () => {
        await look();
        next = setTimeout(tick, reached() ? lookEvery : awayEvery);
    };
    document.addEventListener("reachchange", () => {
        clearTimeout(next);
        next = setTimeout(tick, reached() ? 0 : awayEvery);
    });
    next = setTimeout(tick, lookEvery);
    return () => find() && mark(find());
}
