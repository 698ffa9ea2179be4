/* SPDX-License-Identifier: Apache-2.0 */
/* The grading in force, as the gateway tells it. */
#ifndef EZREPO_CTL_GRADING_IN_FORCE_H
#define EZREPO_CTL_GRADING_IN_FORCE_H

#include "common/grading.h"
#include "ctl/mplane_client.h"

struct grading_in_force {
    uint64_t version;
    struct slice document; /* as it was published */
    const struct grading *grading;
};

/* Of this document, after each fault in it was named in a complaint -1; the version stays. */
int grading_in_force_read(struct arena *a, struct slice document, struct grading_in_force *g);

/* All of it in the arena. -1 after a complaint. */
int grading_in_force(struct arena *a, struct mplane_client *client, struct grading_in_force *g);

#endif
