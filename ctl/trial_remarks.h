/* SPDX-License-Identifier: Apache-2.0 */
/* Values that no metric could take, by place in the mapping: of each what was found first, and how
 * often there was such a one. */
#ifndef EZREPO_CTL_TRIAL_REMARKS_H
#define EZREPO_CTL_TRIAL_REMARKS_H

#include <stdio.h>

#include "common/formats/format.h"

#define TRIAL_REMARKS 256 /* places; what is said of others is counted */

struct trial_remarks {
    struct place_remark {
        const char *place; /* the mapping's own text: one for each place */
        const char *text;  /* a line */
        uint64_t count;
    } of[TRIAL_REMARKS];
    uint64_t others;
};

/* Those of a document, whose first record is the one of this number. Texts go into the arena. */
void trial_remarks_keep(struct trial_remarks *t, struct arena *a, const struct format_remark *r,
                        uint64_t first_record);

/* A heading and a line each; nothing when there are none. */
void trial_remarks_tell(const struct trial_remarks *t, FILE *out);

#endif
