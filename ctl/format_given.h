/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a delivery beside its bytes, as the commands that read a format take it. */
#ifndef EZREPO_CTL_FORMAT_GIVEN_H
#define EZREPO_CTL_FORMAT_GIVEN_H

#include "common/formats/format.h"
#include "ctl/ctl.h"

/* --context, --received: a group for ctl_options(). */
extern const struct ctl_option format_given_options[];

/*
 * Fills the context, whose texts go into the arena: `received`, when the open file was changed, or
 * now where it is none, unless --received says another time; `file`, the name without folders (""
 * : none); what --context says. CTL_DONE, or the exit code after a complaint.
 */
int format_given_fill(struct arena *a, int fd, const char *file, struct format_context *c);

/* Whether the mapping asks for what --context says, or a door knows it of itself. 0, or -1 after a
 * complaint. */
int format_given_check(const char *name, const struct format *f);

/* What was given, behind the name of the format ("" for NULL), as a text that is the same for the
 * same; NULL when memory is out. */
const char *format_given_text(struct arena *a, const char *format);

#endif
