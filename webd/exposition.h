/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the processes count as metrics in Prometheus' text format, version 0.0.4: base units, each
 * metric once with its help and type and all of its samples behind one another. Which process a
 * sample is of says its label `process`. Pure.
 */
#ifndef EZREPO_EXPOSITION_H
#define EZREPO_EXPOSITION_H

#include <stdio.h>

#include "webd/process_status.h"

#define EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Writes a label's value, without the quotes around it. */
void exposition_text_write(FILE *f, struct slice text);

/* 0, or -1: memory is out, and what was written is not all. `healthy`: what health.h says. */
int exposition_write(FILE *f, struct arena *a, const struct process_statuses *all, bool healthy);

#endif
