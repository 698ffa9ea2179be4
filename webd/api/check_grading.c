/* SPDX-License-Identifier: Apache-2.0 */
/* By the code that stored checks with, and without asking it. */
#include "webd/api/check_grading.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/daemon.h"
#include "common/grading_seen.h"
#include "common/json.h"
#include "common/log.h"
#include "webd/api/api_body.h"
#include "webd/api/api_question.h"
#include "webd/api/api_reply.h"
#include "webd/api/api_waits.h"
#include "webd/api/grading_faults.h"
#include "webd/api/store_look.h"
#include "webd/workers.h"

#define UNDER_WAY  16 /* each has a document in memory */
#define OF_ONE     4  /* of them, those of one identity */
#define BODY_BYTES ((size_t)8 << 20)

/* Record types that several checks may go by. */
struct shared_types {
    unsigned users; /* of the loop only */
    struct record_types *types;
};

/* One that is under way. What stands below `work` is the thread's while it is at it. */
struct grading_check {
    struct api_wait wait;
    bool looking; /* it waits for what the store has seen */
    struct work work;
    struct shared_types *types;
    struct store_seen *seen; /* NULL: nobody could say */
    struct slice body;
    int64_t now_us;
    char *text; /* the answer; NULL: `error` says why there is none */
    size_t size;
    bool invalid;
    char error[API_WAIT_ERROR_BYTES];
};

struct grading_checks {
    struct workers *workers;
    struct store_look *look;
    struct shared_types *types;
    struct api_waits waits;
};

size_t grading_checks_count(const struct grading_checks *g)
{
    return g->waits.count;
}

/* ---- in the thread ---- */

/* What grading_lint() tells, as far as it is kept. */
struct told_warnings {
    struct arena *arena;
    struct slice text[DOCUMENT_FAULTS];
    uint32_t count;
};

static void keep_warning(void *context, const char *text)
{
    struct told_warnings *w = context;
    struct slice copy = w->count == DOCUMENT_FAULTS ? (struct slice){NULL, 0}
                                                    : arena_copy(w->arena, slice_of(text));
    if (copy.at != NULL) {
        w->text[w->count++] = copy;
    }
}

static void write_good(FILE *f, const struct grading_check *k, struct arena *a,
                       struct slice document, const struct grading *g)
{
    struct told_warnings warnings = {.arena = a}, hints = {.arena = a};
    fprintf(f, "{\"blocks\":%u,\"names\":[", g->block_count);
    for (uint32_t i = 0; i < g->name_count; i++) {
        fputs(i == 0 ? "" : ",", f);
        json_print_slice(f, g->names[i]);
    }
    fputs("],\"faults\":[],\"more\":0,\"warnings\":", f);
    grading_lint(g, k->types->types, keep_warning, &warnings);
    grading_faults_write(f, document, warnings.text, warnings.count);
    if (k->seen != NULL) {
        grading_lint_seen(g, k->types->types, &k->seen->seen, keep_warning, &hints);
    }
    fprintf(f, ",\"compared\":%s,\"hints\":", k->seen == NULL ? "false" : "true");
    grading_faults_write(f, document, hints.text, hints.count);
    fputs("}\n", f);
}

static void write_faulty(FILE *f, struct slice document, const struct grading_faults *found)
{
    struct slice faults[DOCUMENT_FAULTS];
    for (uint32_t i = 0; i < found->kept; i++) {
        faults[i] = slice_of(found->text[i]);
    }
    fputs("{\"blocks\":null,\"names\":[],\"faults\":", f);
    grading_faults_write(f, document, faults, found->kept);
    fprintf(f, ",\"more\":%u,\"warnings\":[],\"compared\":false,\"hints\":[]}\n",
            found->count - found->kept);
}

static void check(struct grading_check *k, struct arena *a, struct slice document)
{
    struct grading_faults faults = {0};
    const struct grading *g = grading_read(a, document, &faults);
    FILE *f = open_memstream(&k->text, &k->size);
    if (f != NULL && g != NULL) {
        write_good(f, k, a, document, g);
    } else if (f != NULL) {
        write_faulty(f, document, &faults);
    }
    if (f != NULL && fclose(f) == EOF) {
        free(k->text);
        k->text = NULL;
    }
}

static struct grading_check *check_of(struct work *work)
{
    return (struct grading_check *)((char *)work - offsetof(struct grading_check, work));
}

static void run(struct work *work)
{
    struct grading_check *k = check_of(work);
    struct gateway_question q;
    struct arena *a = arena_new(GRADING_ARENA_BYTES);
    snprintf(k->error, sizeof k->error, "out of memory");
    if (a != NULL && api_change_read(a, CAPABILITY_SET_GRADING, k->body, k->now_us, &q, k->error,
                                     sizeof k->error) == -1) {
        k->invalid = true;
    } else if (a != NULL) {
        check(k, a, q.publication.document);
    }
    arena_free(&a);
}

/* ---- on the loop ---- */

static void leave_types(struct shared_types **t)
{
    if (*t != NULL && --(*t)->users == 0) {
        record_types_free(&(*t)->types);
        free(*t);
    }
    *t = NULL;
}

static void leave_shared(struct grading_check *k)
{
    leave_types(&k->types);
    store_seen_leave(&k->seen);
}

static void done(struct work *work)
{
    struct grading_check *k = check_of(work);
    leave_shared(k);
    if (k->text != NULL) {
        api_wait_end(&k->wait, HTTP_OK, "answered", 1, "application/json", k->text, k->size,
                     COUNT_QUESTIONS_ANSWERED);
    } else if (k->invalid) {
        api_wait_refuse(&k->wait, HTTP_BADREQUEST, "invalid", k->error, COUNT_QUESTIONS_INVALID);
    } else {
        api_wait_refuse(&k->wait, HTTP_SERVUNAVAIL, "busy", k->error, COUNT_QUESTIONS_BUSY);
    }
}

/* The wait, which it is a part of, is forgotten with the others. */
static void drop(struct work *work)
{
    struct grading_check *k = check_of(work);
    leave_shared(k);
    free(k->text);
    k->text = NULL;
}

static void begin(struct grading_check *k)
{
    struct grading_checks *g = k->wait.web->checks;
    k->looking = false;
    k->types = g->types;
    k->types->users++;
    k->seen = store_look_use(g->look);
    if (workers_begin(g->workers, &k->work) == -1) {
        leave_shared(k);
        api_wait_refuse(&k->wait, HTTP_SERVUNAVAIL, "busy", "out of memory", COUNT_QUESTIONS_BUSY);
    }
}

/* What the store has seen is known, or will not be. */
static void looked(void *context)
{
    struct grading_checks *g = context;
    struct api_wait *next;
    for (struct api_wait *k = g->waits.first; k != NULL; k = next) {
        next = k->next;
        if (((struct grading_check *)k)->looking) {
            begin((struct grading_check *)k);
        }
    }
}

void check_grading(struct web *w, struct evhttp_request *request, struct connection *c,
                   const struct visitor *v)
{
    struct api_wait *wait = api_wait_new(&w->checks->waits, w, request, c, v,
                                         CAPABILITY_SET_GRADING, UNDER_WAY, OF_ONE);
    if (wait == NULL) {
        return;
    }
    wait->label = "check-grading";
    if (!api_wait_may(wait, v)) {
        return;
    }
    struct grading_check *k = (struct grading_check *)wait;
    if (!api_body_is_json(request)) {
        api_wait_refuse(wait, API_OTHER_TYPE, "invalid", "Content-Type: expected application/json",
                        COUNT_QUESTIONS_INVALID);
        return;
    }
    k->body = arena_copy(wait->arena, api_body_of(request));
    k->now_us = daemon_now_us();
    k->work = (struct work){.run = run, .done = done, .drop = drop};
    if (k->body.at == NULL || !workers_have_room(w->checks->workers)) {
        api_wait_refuse(wait, HTTP_SERVUNAVAIL, "busy", "out of memory", COUNT_QUESTIONS_BUSY);
        return;
    }
    api_wait_begin(wait);
    k->looking = store_look_begin(w->checks->look);
    if (!k->looking) {
        begin(k);
    }
}

/* ---- around ---- */

int grading_checks_use(struct grading_checks *g, struct record_types **types)
{
    struct shared_types *t = calloc(1, sizeof *t);
    if (t == NULL) {
        log_error("checks.types", "error=\"out of memory\"");
        return -1;
    }
    *t = (struct shared_types){1, *types};
    *types = NULL;
    leave_types(&g->types);
    g->types = t;
    return 0;
}

void grading_checks_tick(struct grading_checks *g)
{
    store_look_tick(g->look);
}

struct grading_checks *grading_checks_new(struct web *w, struct record_types **types)
{
    struct grading_checks *g = calloc(1, sizeof *g);
    if (g == NULL) {
        log_error("checks.start", "error=\"out of memory\"");
        return NULL;
    }
    g->waits = (struct api_waits){.bytes = sizeof(struct grading_check),
                                  .arena_bytes = BODY_BYTES,
                                  .what = "checks",
                                  .verb = "do"};
    g->workers = workers_new(w->base, "checks", 1, UNDER_WAY);
    g->look = store_look_new(w->base, &w->counters[COUNT_ANSWERS_MALFORMED], looked, g);
    if (g->workers == NULL || g->look == NULL || grading_checks_use(g, types) == -1) {
        grading_checks_free(&g);
    }
    return g;
}

void grading_checks_free(struct grading_checks **g)
{
    if (*g == NULL) {
        return;
    }
    workers_free(&(*g)->workers);
    api_waits_forget(&(*g)->waits);
    store_look_free(&(*g)->look);
    leave_types(&(*g)->types);
    free(*g);
    *g = NULL;
}
