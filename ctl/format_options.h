/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of the command format share: where the formats are. */
#ifndef EZREPO_CTL_FORMAT_OPTIONS_H
#define EZREPO_CTL_FORMAT_OPTIONS_H

#include "common/formats/format_files.h"
#include "ctl/ctl.h"

/* --schemas, --own: a group for ctl_options(). */
extern const struct ctl_option format_options[];

/* The folder of the contracts that was given, or the programs' own. */
const char *format_options_schemas(void);

/* The folder of one's own; "": none. */
const char *format_options_own(void);

/* The format of that name alone, one's own before a delivered one; what is wrong with others is no
 * matter. NULL after a complaint. The caller owns it. */
struct format *format_options_one(const char *name);

/* The formats of these folders; NULL after all faults were told. The caller owns them. */
struct format_files *format_options_read(void);

#endif
