/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks stored something by its ROUTER socket, and hears what came of it. */
#ifndef EZREPO_STORED_ASKER_H
#define EZREPO_STORED_ASKER_H

#include "common/bus.h"
#include "common/log.h"
#include "common/pack.h"

/*
 * Sends what was packed to the peer, without waiting, and releases it. That the peer is gone, or
 * the message could not be packed, is logged under the event as often as `said` lets it.
 */
void asker_tell(zsock_t *socket, struct slice peer, struct pack *p, const char *event,
                struct log_limit *said);

#endif
