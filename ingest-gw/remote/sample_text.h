/* SPDX-License-Identifier: Apache-2.0 */
/* Samples as lines of Prometheus' text format, and what tells one series from another. Pure. */
#ifndef EZREPO_INGEST_GW_SAMPLE_TEXT_H
#define EZREPO_INGEST_GW_SAMPLE_TEXT_H

#include "ingest-gw/remote/remote_read.h"

/* Whether a metric has a name that the text format can say: letters, digits, '_' and ':'. */
bool sample_is_plain(struct slice metric);

/* The most bytes that sample_text() writes of it. */
size_t sample_text_most(const struct remote_sample *s);

/*
 * Writes the sample's line with its time, the newline included, to room of sample_text_most()
 * bytes, without a NUL; how many bytes there are. Labels whose names the text format cannot say are
 * left out. The value is written with as few digits as mean it exactly.
 */
size_t sample_text(const struct remote_sample *s, char *room);

/* A digest of all labels, the metric's name among them: always the same for the same series. */
uint64_t sample_series(const struct remote_sample *s);

/* The value of a label; "" without it. */
struct slice sample_label(const struct remote_sample *s, struct slice name);

#endif
