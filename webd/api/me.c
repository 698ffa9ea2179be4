/* SPDX-License-Identifier: Apache-2.0 */
#include "webd/api/me.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/capability_rows.h"
#include "common/json.h"
#include "webd/api/api_question.h"
#include "webd/api/api_reply.h"
#include "webd/api/openapi.h"

static void write_me(FILE *f, const struct web *w, const struct visitor *v)
{
    bool first = true;
    fputs("{\"identity\":", f);
    json_print_string(f, v->identity);
    fprintf(f, ",\"how\":\"%s\",\"may\":[", v->how);
    for (enum capability_kind kind = 0; kind < CAPABILITY_COLLECT; kind++) {
        struct slice label = slice_of(capability_rows[kind].label);
        bool there = api_question_kind(label) == kind || api_change_kind(label) == kind;
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
