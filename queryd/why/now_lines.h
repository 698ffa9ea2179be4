/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines of what is bad now: of each row of builder_now.c's statement that comes with a record
 * why that has its grade. Pure.
 */
#ifndef EZREPO_QUERYD_NOW_LINES_H
#define EZREPO_QUERYD_NOW_LINES_H

#include "queryd/why/explainer.h"

extern const struct explainer now_explainer;

#endif
