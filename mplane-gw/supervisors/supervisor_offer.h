/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which capabilities a supervisor is registered, and the envelopes that say so. Pure.
 */
#ifndef EZREPO_GW_SUPERVISOR_OFFER_H
#define EZREPO_GW_SUPERVISOR_OFFER_H

#include "common/access/access.h"
#include "mplane-gw/capabilities.h"

/* More capabilities than this are not registered. */
#define OFFER_MAX 128

struct offer;

/*
 * What this identity may use of them, without those that collect: a supervisor hands on questions,
 * and programs that export need a URL. All is copied. NULL when memory is out; the caller owns it.
 */
struct offer *offer_new(const struct capabilities *c, const struct access *a,
                        struct slice identity);
void offer_free(struct offer **o);

/* NULL has none. */
size_t offer_count(const struct offer *o);

/* Whether both have the same tokens; NULL has none. */
bool offer_same(const struct offer *a, const struct offer *b);

/*
 * The envelope that leads from the one to the other, either of which may be NULL: withdrawals of
 * what only the former has, then capabilities that only the latter has, from the table it was made
 * of. They have no link: the supervisor puts its own there, so that its clients go through it.
 * Withdrawals have neither parameters nor results, which peers could not read. .at NULL when memory
 * is out.
 */
struct slice offer_envelope(struct arena *a, const struct offer *from, const struct offer *to,
                            const struct capabilities *c, const struct registry *r);

#endif
