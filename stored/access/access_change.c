/* SPDX-License-Identifier: Apache-2.0 */
/* A change is written, read back as a whole and judged before it is committed. */
#include "stored/access/access_change.h"

#include <stdlib.h>

#include "common/access/access.h"
#include "common/log.h"
#include "common/quote.h"
#include "stored/access/people.h"

#define CHANGES     1000 /* at once */
#define FAULTS_KEPT 100

static const struct json_limits limits = {.depth = 16, .nodes = 200000, .string_bytes = 8192};

/* What is done to one entry. */
struct entry_change {
    const char *kind;
    struct slice name;
    struct slice body; /* JSON text; .at NULL: it is removed */
    bool must_be_new, must_be_there;
    const char *action; /* what that was, once it is done */
};

struct changes {
    struct entry_change *at;
    uint32_t count;
};

/* What is told of a change, in the answer. */
struct teller {
    struct arena *arena;
    struct access_changed_message *answer;
};

static void tell_fault(void *context, const char *fault)
{
    struct teller *t = context;
    struct slice kept = arena_copy(t->arena, slice_of(fault));
    if (kept.at != NULL && t->answer->faults_count < FAULTS_KEPT) {
        t->answer->faults[t->answer->faults_count++] = kept;
    }
}

/* ---- reading ---- */

static void read_change(const struct document_place *at, struct arena *a, struct entry_change *c)
{
    static const char *const keys[] = {"kind", "name", "body", "new", NULL};
    static const char *const kinds[] = {"role", "authorization", "token", "key", "user", NULL};
    if (!document_is_object_of(at, keys)) {
        return;
    }
    struct document_place kind = document_member(at, "kind"), name = document_member(at, "name"),
                          body = document_member(at, "body"), fresh = document_member(at, "new");
    int chosen = document_choice(&kind, kinds);
    c->kind = kinds[chosen == -1 ? 0 : chosen];
    c->name = document_text(&name, 1, LIMIT_DIMENSION_BYTES);
    c->must_be_new = fresh.node != NULL && fresh.node->type == JSON_TRUE;
    c->must_be_there = fresh.node != NULL && fresh.node->type == JSON_FALSE;
    if (body.node == NULL) {
        document_fault(at, "expected a body, or null");
    } else if (body.node->type != JSON_NULL) {
        c->body = json_text(a, body.node);
        if (c->body.at == NULL) {
            document_fault(&body, "out of memory");
        }
    }
    if (chosen != -1 && strcmp(c->kind, "user") == 0) {
        people_check(&name, &body);
    }
}

/* 0, or -1 after each fault was told. */
static int read_changes(struct document *d, struct arena *a, struct slice text, struct changes *cs)
{
    struct document_place list = document_parse(d, a, text, &limits);
    if (list.node == NULL || !document_is_list(&list, CHANGES)) {
        return -1;
    }
    cs->at = document_take(&list, a, list.node->count, sizeof *cs->at);
    for (struct document_place e = document_first(&list); cs->at != NULL && e.node != NULL;
         document_next(&e)) {
        read_change(&e, a, &cs->at[cs->count++]);
    }
    return d->faults == 0 ? 0 : -1;
}

/* ---- writing ---- */

/* 0; 1: it is, or is not, there, and that was told; -1: the database. */
static int write_change(struct store *s, struct document *d, struct entry_change *c)
{
    pg_params_begin(&s->params);
    pg_add_bytes(&s->params, slice_of(c->kind));
    pg_add_bytes(&s->params, c->name);
    if (c->body.at != NULL) {
        pg_add_bytes(&s->params, c->body);
    }
    PGresult *r =
        pg_rows(&s->pg, c->body.at == NULL ? SQL_ACCESS_REMOVE : SQL_ACCESS_PUT, &s->params);
    if (r == NULL) {
        return -1;
    }
    bool added = PQntuples(r) != 0 && pg_cell_bool(r, 0, 0);
    bool none = PQntuples(r) == 0 || (added && c->must_be_there);
    PQclear(r);
    if (none || (c->must_be_new && !added)) {
        document_fault_in(d, c->kind,
                          none ? "there is none with the name %s"
                               : "there is one with the name %s already",
                          QUOTED(c->name));
        return 1;
    }
    c->action = c->body.at == NULL ? "removed" : added ? "added" : "changed";
    return strcmp(c->kind, "user") != 0 ? 0
           : added                      ? people_added(s, d)
                                        : people_throw_out(s, c->name);
}

static int note_change(struct store *s, const struct access_change_message *m, uint64_t version,
                       uint32_t item, const struct entry_change *c)
{
    pg_params_begin(&s->params);
    pg_add_64(&s->params, (int64_t)version);
    pg_add_32(&s->params, (int32_t)item);
    pg_add_bytes(&s->params, m->author);
    pg_add_bytes(&s->params, slice_of(c->action));
    pg_add_bytes(&s->params, slice_of(c->kind));
    pg_add_bytes(&s->params, c->name);
    return pg_run(&s->pg, SQL_ACCESS_NOTE, &s->params);
}

/* What they are to be, as who goes by them reads it. 0; 1: it cannot be; -1: the database. */
static int judge(struct store *s, struct document *d, struct access_table *fresh)
{
    if (access_table_load(fresh, &s->pg) == -1) {
        return -1;
    }
    struct access *rules =
        access_read(d, "", NULL, (struct slice){fresh->whole.at, fresh->whole.len});
    int rc = rules == NULL ? 1 : 0;
    access_free(&rules);
    return rc;
}

static int write_all(struct store *s, struct document *d, const struct access_change_message *m,
                     const struct changes *cs, struct access_table *fresh)
{
    int rc = 0, told = 0;
    for (uint32_t i = 0; i < cs->count && rc != -1; i++) {
        rc = write_change(s, d, &cs->at[i]);
        told |= rc == 1;
    }
    if (rc != -1 && told == 0) {
        rc = judge(s, d, fresh);
    }
    for (uint32_t i = 0; i < cs->count && rc == 0 && told == 0; i++) {
        rc = note_change(s, m, s->access.version + 1, i, &cs->at[i]);
    }
    return rc == -1 ? -1 : told != 0 ? 1 : rc;
}

/* In a transaction; then *fresh is in force. 0; 1: faults were told; -1: the database. */
static int change_all(struct store *s, struct document *d, const struct access_change_message *m,
                      const struct changes *cs, struct access_table *fresh)
{
    int rc = pg_do(&s->pg, "BEGIN");
    if (rc == 0) {
        rc = write_all(s, d, m, cs, fresh);
    }
    if (rc == 0) {
        fresh->version = s->access.version + 1;
        rc = pg_commit(&s->pg);
    }
    if (rc != 0) {
        pg_rollback(&s->pg);
    }
    return rc;
}

/* ---- the answer ---- */

static void say(struct access_changed_message *answer, enum answer_status status, const char *text)
{
    answer->status = status;
    answer->message = slice_of(text);
}

/* Who, what, to which; never what the entry says. */
static void audit(const struct store *s, const struct access_change_message *m,
                  const struct changes *cs)
{
    for (uint32_t i = 0; i < cs->count; i++) {
        const struct entry_change *c = &cs->at[i];
        log_audit("access.changed", "version=%llu author=%s action=%s kind=%s name=%s",
                  (unsigned long long)s->access.version, QUOTED(m->author), c->action, c->kind,
                  QUOTED(c->name));
    }
}

static void say_failure(struct store *s, struct access_changed_message *answer)
{
    log_error("access.write", "sqlstate=%s error=\"%s\"", s->pg.sqlstate, s->pg.message);
    if (s->pg.fault == PG_DATA) {
        say(answer, ANSWER_INVALID, "the database refuses this text");
    } else {
        pg_close(&s->pg); /* what is in force is read again with the next connection */
        say(answer, ANSWER_UNAVAILABLE,
            "the database failed; `ezrepo access history` tells whether it was done");
    }
}

static bool try(struct store *s, struct document *d, const struct access_change_message *m,
                const struct changes *cs, struct access_changed_message *answer)
{
    struct access_table fresh = {0};
    int rc = change_all(s, d, m, cs, &fresh);
    if (rc == 0) {
        access_table_release(&s->access);
        s->access = fresh;
        count_add(COUNT_ACCESS_CHANGES, 1);
        audit(s, m, cs);
        say(answer, ANSWER_OK, "in force");
        return true;
    }
    access_table_release(&fresh);
    if (rc == 1) {
        say(answer, ANSWER_INVALID, "nothing was changed");
    } else {
        say_failure(s, answer);
    }
    return false;
}

bool access_change_do(struct store *s, struct arena *a, const struct access_change_message *m,
                      struct access_changed_message *answer)
{
    struct changes cs = {0};
    struct teller teller = {a, answer};
    struct document d = {.tell = tell_fault, .context = &teller};
    bool done = false;
    answer->faults = arena_calloc(a, FAULTS_KEPT, sizeof *answer->faults);
    if (answer->faults == NULL) {
        say(answer, ANSWER_UNAVAILABLE, "out of memory");
    } else if (!pg_is_open(&s->pg) || s->access.version == 0) {
        say(answer, ANSWER_UNAVAILABLE, "the database is away");
    } else if (m->base != 0 && m->base != s->access.version) {
        answer->moved = 1;
        say(answer, ANSWER_INVALID, "somebody else changed it meanwhile: nothing was done");
    } else if (read_changes(&d, a, m->changes, &cs) == -1) {
        say(answer, ANSWER_INVALID, "nothing was changed");
    } else {
        done = try(s, &d, m, &cs, answer);
    }
    if (!done) {
        count_add(COUNT_ACCESS_REFUSED, 1);
        log_warn("access.change_refused", "author=%s faults=%u error=\"%.*s\"", QUOTED(m->author),
                 d.faults, (int)answer->message.len, answer->message.at);
    }
    answer->version = s->access.version;
    return done;
}

/* ---- what was changed ---- */

static void list_row(const PGresult *r, int i, struct access_history_message *answer)
{
    answer->versions[i] = (uint64_t)pg_cell_64(r, i, 0);
    answer->changed_us[i] = (uint64_t)pg_cell_time(r, i, 1);
    answer->authors[i] = pg_cell_text(r, i, 2);
    answer->actions[i] = pg_cell_text(r, i, 3);
    answer->kinds[i] = pg_cell_text(r, i, 4);
    answer->names[i] = pg_cell_text(r, i, 5);
    answer->bodies[i] = PQgetisnull(r, i, 6) ? (struct slice){NULL, 0} : pg_cell_text(r, i, 6);
}

static void list_rows(struct arena *a, const PGresult *r, struct access_history_message *answer)
{
    uint32_t n = (uint32_t)PQntuples(r);
    answer->versions = arena_calloc(a, n + 1, sizeof *answer->versions);
    answer->changed_us = arena_calloc(a, n + 1, sizeof *answer->changed_us);
    answer->authors = arena_calloc(a, n + 1, sizeof *answer->authors);
    answer->actions = arena_calloc(a, n + 1, sizeof *answer->actions);
    answer->kinds = arena_calloc(a, n + 1, sizeof *answer->kinds);
    answer->names = arena_calloc(a, n + 1, sizeof *answer->names);
    answer->bodies = arena_calloc(a, n + 1, sizeof *answer->bodies);
    if (answer->bodies == NULL) {
        answer->status = ANSWER_UNAVAILABLE;
        answer->message = slice_of("out of memory");
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        list_row(r, (int)i, answer);
    }
    answer->versions_count = answer->changed_us_count = answer->authors_count =
        answer->actions_count = answer->kinds_count = answer->names_count = answer->bodies_count =
            n;
}

void access_change_list(struct store *s, struct arena *a, const struct access_past_message *m,
                        struct access_history_message *answer, PGresult **rows)
{
    pg_params_begin(&s->params);
    pg_add_64(&s->params, m->before == 0 ? INT64_MAX : (int64_t)m->before);
    pg_add_64(&s->params, (int64_t)m->count);
    *rows = pg_is_open(&s->pg) ? pg_rows(&s->pg, SQL_ACCESS_PAST, &s->params) : NULL;
    answer->status = *rows == NULL ? ANSWER_UNAVAILABLE : ANSWER_OK;
    answer->message = slice_of(*rows == NULL ? "the database is away" : "");
    if (*rows != NULL) {
        list_rows(a, *rows, answer);
    }
}
