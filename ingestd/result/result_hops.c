/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hops of a traceroute, where a value holds all of them: a list, or addresses apart by blanks,
 * commas and the like. What stands in a row for each hop stays rows. Pure.
 */
#include "ingestd/result/result_reader.h"

#include "common/address.h"

bool result_may_hold_hops(struct slice name)
{
    return slice_is(name, "hops") || slice_starts(name, "hops.") || slice_is(name, "record.hops") ||
           slice_starts(name, "intermediate.") || slice_starts(name, "traceroute.hops");
}

static bool no_answer(struct slice text)
{
    return text.len == 0 || slice_is(text, "*") || slice_is(text, "?") || slice_is(text, "???");
}

/* A hop as it is kept: no value where none answered. 0; 1: this is no hop; -1: memory is out. */
static int keep_hop(struct arena *a, struct slice text, struct slice *hop)
{
    struct address address;
    *hop = (struct slice){NULL, 0};
    if (no_answer(text)) {
        return 0;
    }
    if (text.len > LIMIT_NAME_BYTES || address_of_host(text, &address) == -1) {
        return 1;
    }
    *hop = address_host(a, text);
    return hop->at == NULL ? -1 : 0;
}

static bool is_delimiter(char c)
{
    return c == ' ' || c == ',' || c == ';' || c == '|' || c == '>' || c == '\t';
}

/* The next word of a delimited list; the end of it is where the next one is looked for. */
static bool next_word(struct slice *rest, struct slice *word)
{
    while (rest->len > 0 && is_delimiter(*rest->at)) {
        rest->at++;
        rest->len--;
    }
    *word = (struct slice){rest->at, 0};
    while (rest->len > 0 && !is_delimiter(*rest->at)) {
        rest->at++;
        rest->len--;
        word->len++;
    }
    if (word->len > 0 && word->at[word->len - 1] == '-' && rest->len > 0 && *rest->at == '>') {
        word->len--; /* "->" is one delimiter */
        return word->len > 0 || next_word(rest, word);
    }
    return word->len > 0;
}

/* Room for the most hops there may be; given back in part by nobody: it is small. */
static struct slice *room_for_hops(struct result_reader *r, uint32_t count)
{
    return arena_alloc(r->arena, (count > 0 ? count : 1) * sizeof(struct slice));
}

static int read_delimited(struct result_reader *r, struct slice value, struct result_hops *hops)
{
    struct slice rest = value, word;
    uint32_t count = 0, answered = 0;
    while (next_word(&rest, &word)) {
        count++;
    }
    if (count < 2 || count > LIMIT_HOPS) {
        return 0; /* one address is a hop's own row */
    }
    struct slice *hop = room_for_hops(r, count);
    if (hop == NULL) {
        return result_refuse_memory(r);
    }
    rest = value;
    for (uint32_t i = 0; next_word(&rest, &word); i++) {
        int rc = keep_hop(r->arena, word, &hop[i]);
        if (rc != 0) {
            return rc == 1 ? 0 : result_refuse_memory(r);
        }
        answered += hop[i].at != NULL;
    }
    if (answered > 0) {
        *hops = (struct result_hops){hop, count};
    }
    return 0;
}

static int read_list(struct result_reader *r, struct slice value, struct result_hops *hops)
{
    char error[256];
    uint32_t count = 0;
    const struct json *list = json_parse(r->arena, value, &r->limits->json, error, sizeof error);
    if (list == NULL || list->type != JSON_ARRAY || list->count == 0 || list->count > LIMIT_HOPS) {
        return 0;
    }
    struct slice *hop = room_for_hops(r, list->count);
    if (hop == NULL) {
        return result_refuse_memory(r);
    }
    for (const struct json *n = list->first; n != NULL; n = n->next, count++) {
        bool text = n->type == JSON_STRING;
        int rc = text || n->type == JSON_NULL ? keep_hop(r->arena, n->text, &hop[count]) : 1;
        if (rc != 0) {
            return rc == 1 ? 0 : result_refuse_memory(r);
        }
    }
    *hops = (struct result_hops){hop, count};
    return 0;
}

int result_read_hops(struct result_reader *r, struct slice value, struct result_hops *hops)
{
    if (value.len == 0) {
        return 0;
    }
    return *value.at == '[' ? read_list(r, value, hops) : read_delimited(r, value, hops);
}

int result_read_row_hops(struct result_reader *r, const struct result_reading *g,
                         struct record_message *m)
{
    struct result_hops hops = {m->hops, m->hops_count};
    for (uint32_t i = 0; i < g->schema.results_count; i++) {
        if (result_may_hold_hops(g->schema.results[i]) &&
            result_read_hops(r, m->values[i], &hops) == -1) {
            return -1;
        }
    }
    m->hops = hops.hop;
    m->hops_count = hops.count;
    return 0;
}
