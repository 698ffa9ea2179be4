/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Export URLs that are given to others: what specifications of Collect capabilities, and their
 * redemptions and interrupts, are answered with; and the file that keeps the URLs over restarts.
 */
#ifndef EZREPO_GW_DELEGATE_H
#define EZREPO_GW_DELEGATE_H

#include "mplane-gw/desk_reply.h"

/* Reads the file. -1 after an error was logged. */
int delegate_start(struct gateway *g);
void delegate_stop(struct gateway *g);

/* A specification that fulfils the Collect capability k, which the identity may use. */
void delegate_specification(const struct desk_request *r, const struct mplane_message *m,
                            const struct capability *k, struct desk_reply *reply);

/* Answers a redemption or an interrupt (which revokes) of an export of the identity's; false: the
 * message means something else. */
bool delegate_redemption(const struct desk_request *r, const struct mplane_message *m,
                         struct desk_reply *reply);

/*
 * The label of the capability for which this identity may post to the URL of this token now; no
 * value when there is none, whatever the reason: who asked for it was revoked, say. *owner: the
 * identity that asked for it, whose right it is. Both live as long as nothing is revoked.
 */
struct slice delegate_label(const struct gateway *g, struct slice url_token, struct slice identity,
                            struct slice *owner);

/* Once a second. */
void delegate_tick(struct gateway *g);

#endif
