/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The time zones that a document names, each once. They come from the system, or from what was kept
 * of them beside the document: a zone's rules change, and what was decided by them stays.
 */
#ifndef EZREPO_ZONES_H
#define EZREPO_ZONES_H

#include "common/zone.h"

#define ZONES_MAX 64

struct zones;

/* Of the system, in the arena. NULL: memory. */
struct zones *zones_new(struct arena *a);

/* Of what zones_keep() made. What is wrong with it shows when one is asked for. */
struct zones *zones_of_kept(struct arena *a, struct slice kept);

/*
 * A zone by its name. NULL, and *why says what was expected of the name ("a time zone that ..."):
 * there is no such zone, there are more than ZONES_MAX, or memory is out.
 */
const struct zone *zones_find(struct zones *z, struct slice name, const char **why);

/*
 * The JSON object `kept` (or "") with the member "zones" behind all others: of each zone that was
 * found its offset, then when each other one begins and which it is: {"Etc/GMT+3": [-10800]}.
 * `kept` itself where none was, or `z` is NULL. In the arena; .at NULL: memory.
 */
struct slice zones_keep(struct arena *a, const struct zones *z, struct slice kept);

#endif
