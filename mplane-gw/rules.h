/* SPDX-License-Identifier: Apache-2.0 */
/* The rules in force: what is configured, and what stored keeps for all (common/access/). */
#ifndef EZREPO_GW_RULES_H
#define EZREPO_GW_RULES_H

struct gateway;
struct access;

/* Both, read anew from the settings and the last copy. NULL after a fault was told. The caller owns
 * them. */
struct access *rules_read(const struct gateway *g);

/* Puts others into force, which are taken over; what was asked by those before is looked at by
 * these. */
void rules_use(struct gateway *g, struct access *a);

/* Puts the last copy that is on disk into force, and asks stored for its own from now on. -1 after
 * an error was logged. */
int rules_start(struct gateway *g);
void rules_stop(struct gateway *g);
void rules_tick(struct gateway *g);

#endif
