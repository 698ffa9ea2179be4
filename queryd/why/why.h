/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what builder_why.c's statement gathered to the rows of an answer: each record is graded
 * again by the version that graded it, with a trace. Pure: who has the store gives the versions.
 */
#ifndef EZREPO_QUERYD_WHY_H
#define EZREPO_QUERYD_WHY_H

#include "queryd/why/explainer.h"

#define WHY_SERIES_COUNTED  1000 /* that fit; more are told as one more */
#define WHY_SERIES_SHOWN    20
#define WHY_RETRACTED_SHOWN 20
#define WHY_COLUMNS         2 /* of the statement: what it is, a JSON object */

extern const struct explainer why_explainer;

#endif
