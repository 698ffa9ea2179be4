/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Criteria of a role as they are typed and shown, "dest=192.0.2.0/24,type=ping": a pattern for each
 * dimension that is named; a comma within a pattern is "\,".
 */
#ifndef EZREPO_CTL_ROLE_CRITERIA_H
#define EZREPO_CTL_ROLE_CRITERIA_H

#include <stdio.h>

#include "common/json.h"

/* The JSON object that the text says, to f. -1 after a complaint about this option, without its
 * dashes. What the patterns are worth is stored's to say. */
int role_criteria_read(FILE *f, const char *option, const char *text);

/* The other way: a JSON string. */
void role_criteria_show(FILE *f, const struct json *criteria);

#endif
