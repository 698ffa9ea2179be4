/* SPDX-License-Identifier: Apache-2.0 */
/* Which questions of the page that is shown failed, and have had no answer since. `document` gets "failchange". */

const failing = new Set(); /* labels */

const changed = () => document.dispatchEvent(new Event("failchange"));

/* Whether what is shown may lack something, since what was asked failed. */
export function fails() {
    return failing.size > 0;
}

export function failed(label) {
    failing.add(label);
    changed();
}

export function answered(label) {
    if (failing.delete(label))
        changed();
}

/* Another page is shown. */
export function forget() {
    if (fails())
        failing.clear();
}
