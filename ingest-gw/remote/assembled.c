/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest-gw/remote/assembled.h"

#include <stdlib.h>

#include "common/grow.h"
#include "ingest-gw/remote/sample_text.h"

/* ---- memory ---- */

size_t assembled_closed_bytes(const struct assembled *g)
{
    return sizeof *g + g->marks_size * sizeof *g->marks;
}

size_t assembled_bytes(const struct assembled *g)
{
    return sizeof *g + g->text_size + g->marks_size * sizeof *g->marks;
}

void assembled_free(struct assembled *g)
{
    free(g->text);
    free(g->marks);
    free(g->rows);
    free(g);
}

void assembled_reduce(struct assembled *g)
{
    free(g->text);
    free(g->rows);
    g->text = NULL;
    g->rows = NULL;
    g->text_size = g->text_used = g->header_bytes = 0;
    g->row_count = g->rows_size = 0;
    g->group.format = g->group.door = g->group.text = (struct slice){"", 0};
}

static void point_into_text(struct assembled *g)
{
    g->group.format.at = g->text;
    g->group.door.at = g->text + g->group.format.len;
    g->group.text = (struct slice){g->text + g->header_bytes, g->text_used - g->header_bytes};
}

int assembled_make_room(struct assembled *g, size_t more, size_t *bytes)
{
    size_t size = g->text_size == 0 ? ASSEMBLED_FIRST_BYTES : g->text_size;
    while (size < g->text_used + more) {
        size *= 2;
    }
    if (size > g->text_size) {
        char *text = realloc(g->text, size);
        if (text == NULL) {
            return -1;
        }
        *bytes += size - g->text_size;
        g->text = text;
        g->text_size = size;
        point_into_text(g);
    }
    return 0;
}

/* What Prometheus adds to each scrape by itself. */
static bool is_of_scrape(struct slice metric)
{
    return slice_is(metric, "up") || slice_starts(metric, "scrape_");
}

static void count_sample(struct assembled *g, const struct assemble_rule *rule,
                         const struct remote_sample *s)
{
    for (uint32_t i = 0; i < rule->require_count; i++) {
        g->seen |= slice_equal(rule->require[i], s->metric) ? UINT32_C(1) << i : 0;
    }
    g->measured += is_of_scrape(s->metric) ? 0 : 1;
    if (rule->count.len > 0 && slice_equal(rule->count, s->metric)) {
        g->expects = true;
        g->expected = s->value;
    }
}

bool assembled_is_complete(const struct assembled *g, const struct assembly_door *d)
{
    const struct assemble_rule *rule = d->rule;
    uint32_t all = (uint32_t)((UINT64_C(1) << rule->require_count) - 1);
    return g->rule_version == d->rule_version && g->seen == all &&
           (rule->count.len > 0 ? g->expects && g->measured >= g->expected
                                : rule->require_count > 0);
}

uint64_t assembled_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

const struct assembly_mark *assembled_mark(const struct assembled *g, uint64_t series)
{
    for (uint32_t i = 0; i < g->group.count; i++) {
        if (g->marks[i].series == series) {
            return &g->marks[i];
        }
    }
    return NULL;
}

int assembled_add(struct assembled *g, const struct assemble_rule *rule,
                  const struct remote_sample *s, uint64_t series, size_t *bytes)
{
    uint32_t before = g->marks_size;
    struct assembly_mark *marks = grow(g->marks, g->group.count, &g->marks_size, sizeof *marks);
    if (marks == NULL) {
        return -1;
    }
    *bytes += (g->marks_size - before) * sizeof *marks;
    g->marks = marks;
    g->group.marks = marks;
    if (assembled_make_room(g, sample_text_most(s), bytes) == -1) {
        return -1;
    }
    marks[g->group.count++] = (struct assembly_mark){series, assembled_bits(s->value)};
    g->text_used += sample_text(s, g->text + g->text_used);
    g->group.text.len = g->text_used - g->header_bytes;
    count_sample(g, rule, s);
    return 0;
}

int assembled_hold_row(struct assembled *g, struct assembly_row *row)
{
    if (g->row_count > 0 && g->rows[g->row_count - 1] == row) {
        return 0;
    }
    struct assembly_row **rows = grow(g->rows, g->row_count, &g->rows_size, sizeof(void *));
    if (rows == NULL) {
        return -1;
    }
    g->rows = rows;
    rows[g->row_count++] = row;
    row->groups++;
    return 0;
}
