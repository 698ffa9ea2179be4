/* SPDX-License-Identifier: Apache-2.0 */
#include "common/formats/format_about.h"

#include "common/formats/mapping.h"

static const char *const decoders[] = {[FORMAT_JSON] = "json",
                                       [FORMAT_LINES] = "lines",
                                       [FORMAT_BLOCKS] = "blocks",
                                       [FORMAT_PROMETHEUS] = "prometheus",
                                       [FORMAT_INFLUX] = "influx"};

static void add(struct slice names[FORMAT_ABOUT_NAMES], uint32_t *count, struct slice name)
{
    for (uint32_t i = 0; i < *count; i++) {
        if (slice_equal(names[i], name)) {
            return;
        }
    }
    if (*count < FORMAT_ABOUT_NAMES) {
        names[(*count)++] = name;
    }
}

/* What an expression for a type can be: what stands in it, wherever. */
static void add_types(struct format_about *about, const struct expression *e)
{
    if (e == NULL) {
        return;
    }
    if (e->source == SOURCE_CONSTANT && e->constant.kind == VALUE_TEXT) {
        add(about->types, &about->type_count, e->constant.text);
    }
    if (e->source == SOURCE_PATH || e->source == SOURCE_PATHS) {
        for (uint32_t i = 0; i < e->path_count; i++) {
            add(about->types, &about->type_count, e->paths[i].text);
        }
    }
    if (e->source == SOURCE_FIRST || e->source == SOURCE_IF) {
        for (uint32_t i = 0; i < e->part_count; i++) {
            add_types(about, e->parts[i]);
        }
    }
    if (e->source == SOURCE_TEXT) {
        for (uint32_t i = 0; i < e->piece_count; i++) {
            add_types(about, e->pieces[i].value);
        }
    }
}

/* Of "#name.steps", perhaps with ~ before it; .at NULL: another path. */
static struct slice context_name(struct slice path)
{
    size_t from = path.len > 0 && path.at[0] == '~' ? 1 : 0, end = from + 1;
    if (path.len <= from || path.at[from] != '#') {
        return (struct slice){NULL, 0};
    }
    while (end < path.len && path.at[end] != '.' && path.at[end] != '[') {
        end++;
    }
    return (struct slice){path.at + from + 1, end - from - 1};
}

void format_about(const struct format *f, struct format_about *about)
{
    const struct format_mapping *m = format_mapping_of(f);
    *about = (struct format_about){.comment = m->comment,
                                   .decoder = decoders[m->input->decoder],
                                   .rule_count = m->rule_count,
                                   .path_count = m->path_count};
    for (uint32_t i = 0; i < m->rule_count; i++) {
        add_types(about, m->rules[i].dimensions[DIMENSION_type]);
    }
    for (uint32_t i = 0; i < m->path_count; i++) {
        struct slice name = context_name(m->paths[i]);
        if (name.at != NULL) {
            add(about->context, &about->context_count, name);
        }
    }
}

bool format_asks(const struct format *f, struct slice name)
{
    const struct format_mapping *m = format_mapping_of(f);
    bool asked = slice_is(name, "sender") || slice_is(name, "received") || slice_is(name, "file");
    for (uint32_t i = 0; i < m->path_count && !asked; i++) {
        struct slice one = context_name(m->paths[i]);
        asked = one.at != NULL && slice_equal(one, name);
    }
    return asked;
}
