/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /ingest/FORMAT?name=value: a body in the format that is named, and what is known beside it.
 * It goes to ingestd, which reads it; the answer tells how many records are kept on disk, and what
 * was refused.
 */
#ifndef EZREPO_FORMAT_DOOR_H
#define EZREPO_FORMAT_DOOR_H

#include "ingest-gw/context_query.h"
#include "ingest-gw/doors.h"

/* Takes the request over. */
void format_door_post(const struct door_request *r);

/*
 * What is wrong with the parameters of the URL for this format, in the arena; NULL: nothing. One
 * that the format does not ask for is a fault: it would be dropped, as a misspelled one.
 */
const char *format_door_parameters(const struct door_request *r, struct arena *a,
                                   struct context_query *context);

#endif
