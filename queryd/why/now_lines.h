/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines of what is bad now: of each row of builder_now.c's statement that comes with a record
 * why that has its grade. Pure.
 */
#ifndef EZREPO_QUERYD_NOW_LINES_H
#define EZREPO_QUERYD_NOW_LINES_H

#include "queryd/why/explainer.h"

/* Behind a row of either statement: what a record has of facts, here without one. */
#define NOW_NO_FACTS ", NULL::text, NULL::text, NULL::text, NULL::text, NULL::text, NULL::text"

extern const struct explainer now_explainer;

/* The same of builder_alerts.c's, of which only the line is told. */
extern const struct explainer telling_explainer;

#endif
