/* SPDX-License-Identifier: Apache-2.0 */
#include "webd/api/me.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/capability_rows.h"
#include "common/json.h"
#include "webd/api/api_question.h"
#include "webd/api/api_reply.h"
#include "webd/api/openapi.h"

#define PUBLISHERS_MOST 1000 /* identities */

static void write_me(FILE *f, const struct web *w, const struct visitor *v)
{
    bool first = true;
    fputs("{\"identity\":", f);
    json_print_string(f, v->identity);
    fprintf(f, ",\"how\":\"%s\",\"may\":[", v->how);
    for (enum capability_kind kind = 0; kind < CAPABILITY_COLLECT; kind++) {
        struct slice label = slice_of(capability_rows[kind].label);
        bool there = api_question_kind(label) == kind || api_change_kind(label) == kind ||
                     api_posted_kind(label) == kind;
        if (there && visitor_denied(w, v, kind, label) == NULL) {
            fprintf(f, "%s\"%s\"", first ? "" : ",", capability_rows[kind].label);
            first = false;
        }
    }
    fputs("],\"csrf\":", f);
    if (v->csrf[0] == '\0') {
        fputs("null", f);
    } else {
        json_print_string(f, v->csrf);
    }
    fputs(",\"version\":\"" EZREPO_VERSION "\"}\n", f);
}

/* Answers with what the writer writes. */
static void answer_with(struct web *w, struct evhttp_request *request, struct connection *c,
                        const struct visitor *v,
                        void (*write)(FILE *f, const struct web *w, const struct visitor *v))
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (f != NULL) {
        write(f, w, v);
    }
    if (f == NULL || fclose(f) == EOF) {
        web_count(w, COUNT_FAILED);
        api_refuse(request, c, HTTP_SERVUNAVAIL, "busy", "out of memory");
    } else {
        api_reply(request, c, "application/json", (struct slice){text, size});
    }
    free(text);
}

void me_tell(struct web *w, struct evhttp_request *request, struct connection *c,
             const struct visitor *v)
{
    answer_with(w, request, c, v, write_me);
}

/* ---- who may publish ---- */

struct publishers {
    FILE *f;
    struct slice role;
    bool began, any; /* a role; an identity of it */
    uint32_t count, more;
};

static void tell_publisher(void *context, struct slice role, struct slice identity)
{
    struct publishers *p = context;
    if (p->count == PUBLISHERS_MOST) {
        p->more++;
        return;
    }
    p->count++;
    if (!p->began || !slice_equal(role, p->role)) {
        fputs(p->began ? "]},\n{\"role\":" : "{\"role\":", p->f);
        json_print_slice(p->f, role);
        fputs(",\"identities\":[", p->f);
        p->role = role;
        p->began = true;
        p->any = false;
    }
    if (identity.at != NULL) {
        fputs(p->any ? "," : "", p->f);
        json_print_slice(p->f, identity);
        p->any = true;
    }
}

static void write_publishers(FILE *f, const struct web *w, const struct visitor *v)
{
    struct publishers p = {.f = f};
    (void)v;
    fputs("{\"roles\":[", f);
    access_holders(w->access, slice_of(capability_rows[CAPABILITY_SET_GRADING].label),
                   tell_publisher, &p);
    fprintf(f, "%s],\"more\":%u}\n", p.began ? "]}" : "", p.more);
}

void publishers_tell(struct web *w, struct evhttp_request *request, struct connection *c,
                     const struct visitor *v)
{
    const enum capability_kind kind = CAPABILITY_SET_GRADING;
    const char *denied = visitor_denied(w, v, kind, slice_of(capability_rows[kind].label));
    if (denied != NULL) {
        web_count(w, COUNT_QUESTIONS_DENIED);
        api_refuse(request, c, API_FORBIDDEN, "denied",
                   "publishers: only who may use SetGrading may see who else does%s", denied);
    } else {
        answer_with(w, request, c, v, write_publishers);
    }
}

/* ---- what there is ---- */

static void write_openapi(FILE *f, const struct web *w, const struct visitor *v)
{
    (void)v;
    openapi_write(f, w->registry, w->cookie_name);
}

void openapi_tell(struct web *w, struct evhttp_request *request, struct connection *c,
                  const struct visitor *v)
{
    answer_with(w, request, c, v, write_openapi);
}
