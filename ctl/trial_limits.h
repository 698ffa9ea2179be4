/* SPDX-License-Identifier: Apache-2.0 */
/* What a door would take at once of what is tried. */
#ifndef EZREPO_CTL_TRIAL_LIMITS_H
#define EZREPO_CTL_TRIAL_LIMITS_H

#include "common/formats/format.h"
#include "ctl/ctl.h"

extern const struct ctl_option trial_limits_options[];

struct trial_limits {
    struct format_limits of_document;
    size_t bytes;     /* at once */
    uint64_t records; /* likewise */
    /* The options of ingestd that these two are. */
    const char *bytes_of, *records_of;
    bool datagram; /* else a body */
};

/* Those that were given, else ingestd's presets. 0; -1 after a complaint. */
int trial_limits_read(struct trial_limits *l);

#endif
