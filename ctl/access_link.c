/* SPDX-License-Identifier: Apache-2.0 */
/* Messages there and back. */
#include "ctl/access_link.h"

#include <stdlib.h>
#include <unistd.h>

#define ARENA_BYTES ((size_t)256 << 20)

static struct {
    const char *run_dir, *timeout;
} given = {.timeout = "60"};

const struct ctl_option access_link_options[] = {
    {"run-dir", "DIR", &given.run_dir, NULL, "where stored's socket is"},
    {"timeout", "SECONDS", &given.timeout, NULL,
     "longest time to wait for an answer; 60 unless given"},
    {NULL, NULL, NULL, NULL, NULL}};

static const struct json_limits limits = {.depth = 16, .nodes = 2000000, .string_bytes = 1 << 20};

int access_link_open(struct access_link *l)
{
    int64_t seconds;
    if (ctl_timeout(given.timeout, &seconds) == -1) {
        return CTL_USAGE;
    }
    *l = (struct access_link){.patience_ms = (int)seconds * 1000};
    int exit_code = store_link_open(&l->link, given.run_dir, ENDPOINT_ADMIN, "stored");
    if (exit_code != CTL_DONE) {
        return exit_code;
    }
    zmq_msg_init(&l->bytes);
    l->arena = arena_new(ARENA_BYTES);
    if (l->arena == NULL) {
        access_link_close(l);
        return ctl_failed("out of memory");
    }
    return CTL_DONE;
}

void access_link_close(struct access_link *l)
{
    arena_free(&l->arena);
    zmq_msg_close(&l->bytes);
    store_link_close(&l->link);
}

int access_link_ask(struct access_link *l, struct pack *p, struct slice *answer)
{
    return store_link_ask(&l->link, p, l->patience_ms, &l->bytes, answer);
}

static int unavailable(struct slice message)
{
    ctl_failed("%.*s", (int)message.len, message.at);
    return -1;
}

const struct json *access_link_tree(struct access_link *l, struct slice text)
{
    char error[200];
    const struct json *tree = json_parse(l->arena, text, &limits, error, sizeof error);
    if (tree == NULL) {
        ctl_failed("stored answered something else than expected: %s", error);
    }
    return tree;
}

const struct json *access_link_get(struct access_link *l, uint64_t *version)
{
    const struct access_get_message request = {.id = ++l->id};
    struct access_state_message m;
    struct slice answer;
    struct pack p;
    pack_init(&p);
    access_get_encode(&p, &request);
    if (access_link_ask(l, &p, &answer) == -1) {
        return NULL;
    }
    if (access_state_decode_all(answer, l->arena, &m) == -1) {
        (void)store_link_strange(&l->link);
        return NULL;
    }
    if (m.status != ANSWER_OK) {
        (void)unavailable(m.message);
        return NULL;
    }
    *version = m.version;
    return access_link_tree(l, m.document);
}

const char *access_link_author(void)
{
    const char *name = getuid() == 0 ? getenv("SUDO_USER") : NULL;
    return name != NULL ? name : ctl_user();
}

int access_link_change(struct access_link *l, uint64_t base, char *changes, bool *refused)
{
    const struct access_change_message request = {.id = ++l->id,
                                                  .author = slice_of(access_link_author()),
                                                  .base = base,
                                                  .changes = slice_of(changes)};
    struct access_changed_message m;
    struct slice answer;
    struct pack p;
    *refused = false;
    pack_init(&p);
    access_change_encode(&p, &request);
    int rc = access_link_ask(l, &p, &answer);
    free(changes);
    if (rc == -1) {
        return -1;
    }
    if (access_changed_decode_all(answer, l->arena, &m) == -1) {
        return store_link_strange(&l->link);
    }
    *refused = m.status == ANSWER_INVALID;
    if (m.status == ANSWER_OK || m.moved == 1) {
        return (int)m.moved;
    }
    for (uint32_t i = 0; i < m.faults_count; i++) {
        ctl_failed("%.*s", (int)m.faults[i].len, m.faults[i].at);
    }
    return unavailable(m.message);
}

int access_link_past(struct access_link *l, uint64_t before, uint64_t count,
                     struct access_history_message *m)
{
    const struct access_past_message request = {.id = ++l->id, .before = before, .count = count};
    struct slice answer;
    struct pack p;
    pack_init(&p);
    access_past_encode(&p, &request);
    if (access_link_ask(l, &p, &answer) == -1) {
        return -1;
    }
    if (access_history_decode_all(answer, l->arena, m) == -1 ||
        m->changed_us_count != m->versions_count || m->authors_count != m->versions_count ||
        m->actions_count != m->versions_count || m->kinds_count != m->versions_count ||
        m->names_count != m->versions_count || m->bodies_count != m->versions_count) {
        return store_link_strange(&l->link);
    }
    return m->status == ANSWER_OK ? 0 : unavailable(m->message);
}
