/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /api/v1/write/FORMAT?name=value: Prometheus remote write 1.0. Answered with 204 once the
 * samples are on disk, or else so that Prometheus sends again exactly what is worth it.
 */
#ifndef EZREPO_INGEST_GW_REMOTE_DOOR_H
#define EZREPO_INGEST_GW_REMOTE_DOOR_H

#include "ingest-gw/doors.h"

/* Takes the request over. */
void remote_door_post(const struct door_request *r);

/* Opens what came before and is not delivered, where the settings name a folder for it. -1 after an
 * error was logged. */
int remote_door_open(struct ingest *g);

#endif
