/* SPDX-License-Identifier: Apache-2.0 */
/* Looking again when something changed, however often that is. */

/*
 * A function that looks when it is called; not while it looks, nor sooner than `pause` (ms) after: then once
 * more at the end of that. Its promise is that of the look that began with it, if one did.
 */
export function bounded(look, pause = 1000) {
    let looking = false, wanted = false;
    return async () => {
        wanted = true;
        if (looking)
            return;
        looking = true;
        try {
            while (wanted) {
                wanted = false;
                await look();
                await new Promise(resolve => setTimeout(resolve, pause));
            }
        } finally {
            looking = false;
        }
    };
}
