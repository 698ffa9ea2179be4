/* SPDX-License-Identifier: Apache-2.0 */
/* By the code that stored checks with, and without asking it. */
#include "webd/api/check_grading.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/capability_rows.h"
#include "common/daemon.h"
#include "common/grading_lint.h"
#include "common/json.h"
#include "webd/api/api_body.h"
#include "webd/api/api_question.h"
#include "webd/api/api_reply.h"
#include "webd/api/grading_faults.h"

#define ERROR_BYTES 2048

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

static void write_good(FILE *f, struct arena *a, struct slice document, const struct grading *g)
{
    struct told_warnings warnings = {.arena = a};
    fprintf(f, "{\"blocks\":%u,\"names\":[", g->block_count);
    for (uint32_t i = 0; i < g->name_count; i++) {
        fputs(i == 0 ? "" : ",", f);
        json_print_slice(f, g->names[i]);
    }
    fputs("],\"faults\":[],\"more\":0,\"warnings\":", f);
    grading_lint(g, NULL, keep_warning, &warnings);
    grading_faults_write(f, document, warnings.text, warnings.count);
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
    fprintf(f, ",\"more\":%u,\"warnings\":[]}\n", found->count - found->kept);
}

static void check(struct web *w, struct evhttp_request *request, struct connection *c,
                  struct arena *a, struct slice document)
{
    struct grading_faults faults = {0};
    const struct grading *g = grading_read(a, document, &faults);
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (f != NULL && g != NULL) {
        write_good(f, a, document, g);
    } else if (f != NULL) {
        write_faulty(f, document, &faults);
    }
    if (f == NULL || fclose(f) == EOF) {
        web_count(w, COUNT_QUESTIONS_BUSY);
        api_refuse(request, c, HTTP_SERVUNAVAIL, "busy", "out of memory");
    } else {
        web_count(w, COUNT_QUESTIONS_ANSWERED);
        api_reply(request, c, "application/json", (struct slice){text, size});
    }
    free(text);
}

void check_grading(struct web *w, struct evhttp_request *request, struct connection *c,
                   const struct visitor *v)
{
    const enum capability_kind kind = CAPABILITY_SET_GRADING;
    char error[ERROR_BYTES];
    struct gateway_question q;
    const char *denied = visitor_denied(w, v, kind, slice_of(capability_rows[kind].label));
    struct arena *a = denied != NULL ? NULL : arena_new(GRADING_ARENA_BYTES);
    if (denied != NULL) {
        web_count(w, COUNT_QUESTIONS_DENIED);
        api_refuse(request, c, API_FORBIDDEN, "denied",
                   "check-grading: only who may use SetGrading may have one checked%s", denied);
    } else if (!api_body_is_json(request)) {
        web_count(w, COUNT_QUESTIONS_INVALID);
        api_refuse(request, c, API_OTHER_TYPE, "invalid",
                   "Content-Type: expected application/json");
    } else if (a == NULL) {
        web_count(w, COUNT_QUESTIONS_BUSY);
        api_refuse(request, c, HTTP_SERVUNAVAIL, "busy", "out of memory");
    } else if (api_change_read(a, kind, api_body_of(request), daemon_now_us(), &q, error,
                               sizeof error) == -1) {
        web_count(w, COUNT_QUESTIONS_INVALID);
        api_refuse(request, c, HTTP_BADREQUEST, "invalid", "%s", error);
    } else {
        check(w, request, c, a, q.publication.document);
    }
    arena_free(&a);
}
