/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /api/v1/report/, as GLIMPSE's clients have it: reports in their own wrapping, a token as the
 * API key, and the numbers of the tasks that are kept as the answer. By it they forget a report.
 */
#ifndef EZREPO_GLIMPSE_DOOR_H
#define EZREPO_GLIMPSE_DOOR_H

#include "ingest-gw/doors.h"

#define GLIMPSE_FORMAT "glimpse" /* what is in the wrapping is read by it */

/* Takes the request over. */
void glimpse_door_post(const struct door_request *r);

#endif
