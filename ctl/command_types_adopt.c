/* SPDX-License-Identifier: Apache-2.0 */
/* The verb `types adopt`: which gaps a store keeps of the release before; with --yes it does no
 * more. */
#include <inttypes.h>
#include <stdio.h>

#include "ctl/ctl.h"
#include "ctl/store_link.h"
#include "ctl/table.h"

#define ARENA_BYTES ((size_t)32 << 20)
#define PATIENCE_MS 120000 /* series are counted, and may be a million */
#define REQUEST_ID  1

static struct {
    const char *run_dir;
    bool yes, json;
} given;

static const struct ctl_option options[] = {
    {"run-dir", "DIR", &given.run_dir, NULL, "where stored's socket is"},
    {"yes", NULL, NULL, &given.yes, "do it; without it only what would change is shown"},
    {"json", NULL, NULL, &given.json, "the result as a JSON object"},
    {NULL, NULL, NULL, NULL, NULL}};

/* Seconds; a gap has whole ones or halves. */
static const char *seconds(uint64_t us, char text[32])
{
    if (us % 1000000 == 0) {
        snprintf(text, 32, "%" PRIu64, us / 1000000);
    } else {
        snprintf(text, 32, "%" PRIu64 ".%06" PRIu64, us / 1000000, us % 1000000);
    }
    return text;
}

static void print_json(const struct adopted_message *m)
{
    char now[32], then[32];
    printf("{\"adopted\": %s, \"types\": [", given.yes ? "true" : "false");
    for (uint32_t i = 0; i < m->types_count; i++) {
        fputs(i == 0 ? "{\"type\": " : ", {\"type\": ", stdout);
        json_print_slice(stdout, m->types[i]);
        printf(", \"gap_s\": %s, \"becomes_s\": %s, \"series\": %" PRIu64 "}",
               seconds(m->gaps_us[i], now), seconds(m->become_us[i], then), m->series[i]);
    }
    printf("], \"grading\": {\"version\": %" PRIu64 ", \"becomes\": %" PRIu64 "}}\n",
           m->grading_version, m->grading_becomes);
}

static int print_text(struct arena *a, const struct adopted_message *m)
{
    static const char *const headings[] = {"type", "gap, s", "becomes", "series"};
    struct slice *cells = arena_calloc(a, (size_t)m->types_count + 1, 4 * sizeof *cells);
    char(*texts)[3][32] = arena_calloc(a, (size_t)m->types_count + 1, sizeof *texts);
    if (cells == NULL || texts == NULL) {
        return ctl_failed("out of memory");
    }
    for (uint32_t i = 0; i < m->types_count; i++) {
        cells[4 * i] = m->types[i].len > 0 ? m->types[i] : slice_of("(all others)");
        cells[4 * i + 1] = slice_of(seconds(m->gaps_us[i], texts[i][0]));
        cells[4 * i + 2] = slice_of(seconds(m->become_us[i], texts[i][1]));
        snprintf(texts[i][2], sizeof texts[i][2], "%" PRIu64, m->series[i]);
        cells[4 * i + 3] = slice_of(texts[i][2]);
    }
    if (m->types_count == 0 && m->grading_version == 0) {
        puts("The store keeps nothing of the release before.");
        return CTL_DONE;
    }
    if (m->types_count > 0) {
        table_print(stdout, headings, 4, cells, m->types_count);
    }
    if (m->grading_version > 0) {
        printf("grading: version %" PRIu64 " is the default of before%s\n", m->grading_version,
               given.yes ? "; that of this release took its place"
                         : ", that of this release is another");
    }
    puts(given.yes
             ? "Done; their periods are computed again, `ezrepo status` shows how far that is."
             : "Nothing was changed; --yes does it, and has their periods computed again.");
    return CTL_DONE;
}

static int print(struct arena *a, const struct adopted_message *m)
{
    if (m->status != ANSWER_OK) {
        return ctl_failed("%.*s", (int)m->message.len, m->message.at);
    }
    if (given.json) {
        print_json(m);
        return CTL_DONE;
    }
    return print_text(a, m);
}

static int ask(const struct store_link *link, struct arena *a, zmq_msg_t *bytes)
{
    const struct adopt_message request = {.id = REQUEST_ID, .yes = given.yes};
    struct adopted_message m;
    struct slice frame;
    struct pack p;
    pack_init(&p);
    adopt_encode(&p, &request);
    int rc = store_link_ask(link, &p, PATIENCE_MS, bytes, &frame);
    if (rc == 0 && adopted_decode_all(frame, a, &m) == 0 && m.gaps_us_count == m.types_count &&
        m.become_us_count == m.types_count && m.series_count == m.types_count) {
        return print(a, &m);
    }
    if (rc == 0) {
        (void)store_link_strange(link);
    }
    return CTL_FAILED;
}

int ctl_types_adopt(const struct ctl_command *self, int argc, char **argv)
{
    const struct ctl_option *const groups[CTL_GROUPS] = {options, NULL};
    struct store_link link;
    zmq_msg_t bytes;
    int count, exit_code;
    if (ctl_options(self, groups, argc, argv, NULL, 0, 0, &count, &exit_code) == -1) {
        return exit_code;
    }
    exit_code = store_link_open(&link, given.run_dir, ENDPOINT_STORE, "stored");
    if (exit_code != CTL_DONE) {
        return exit_code;
    }
    struct arena *a = arena_new(ARENA_BYTES);
    zmq_msg_init(&bytes);
    exit_code = a == NULL ? ctl_failed("out of memory") : ask(&link, a, &bytes);
    zmq_msg_close(&bytes);
    arena_free(&a);
    store_link_close(&link);
    return exit_code;
}
