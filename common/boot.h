/* SPDX-License-Identifier: Apache-2.0 */
/* Which start of the machine this is. */
#ifndef EZREPO_BOOT_H
#define EZREPO_BOOT_H

#define BOOT_ID_BYTES 36

/*
 * The UUID that the kernel made when the machine started, as text and without an end: 0; -1 when it
 * does not tell: then nothing is known to be of this start, and the text is all '0'.
 */
int boot_id(char id[BOOT_ID_BYTES]);

#endif
