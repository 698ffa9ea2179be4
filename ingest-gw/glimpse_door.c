/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of GLIMPSE's clients to ingestd, and the answer they look for. */
#include "ingest-gw/glimpse_door.h"

#include <stdlib.h>

#include "common/json.h"
#include "ingest-gw/delivery_door.h"
#include "ingest-gw/format_names.h"
#include "ingest-gw/glimpse_report.h"

/* Beside a body and what is wrapped in it: the trees of both. */
#define TREES_BYTES ((size_t)96 << 20)

/* What is kept is named; else there is an "error", as its own controller has one. */
static void reply(struct post *p, int status, const struct ingest_answer *answer)
{
    const struct delivery_about *d = p->about;
    const struct json text = {
        .type = JSON_STRING, .key = slice_of("error"), .text = answer->detail};
    const struct json object = {.type = JSON_OBJECT, .count = 1, .first = &text};
    struct slice error = status == HTTP_OK ? d->body : json_text(p->arena, &object);
    post_reply(p, status, "application/json", error.at == NULL ? slice_of("{}") : error);
}

static void take_report(struct post *p, const struct door_request *r, struct arena *a)
{
    struct delivery_about *d = p->about;
    struct slice body, report, taken;
    const char *why = NULL;
    int fault = post_body(p, a, &body, &why);
    if (fault == 0) {
        why = glimpse_report_read(a, body, (size_t)r->gateway->settings.posts.post_bytes, &report,
                                  &taken);
        fault = why == NULL ? 0 : HTTP_BADREQUEST;
    }
    if (fault == 0) {
        d->body = arena_copy(p->arena, taken);
        fault = d->body.at == NULL ? 1 : 0;
    }
    if (fault == 1) {
        delivery_busy(p, "out of memory");
    } else if (fault != 0) {
        delivery_refuse(p, fault, "body", why);
    } else {
        delivery_send(p, r->guest, slice_of(GLIMPSE_FORMAT), NULL, report);
    }
}

void glimpse_door_post(const struct door_request *r)
{
    struct post *p = delivery_begin(r, "glimpse", GLIMPSE_FORMAT, reply);
    if (p == NULL) {
        return;
    }
    if (!format_names_has(r->gateway->formats, slice_of(GLIMPSE_FORMAT))) {
        delivery_refuse(p, HTTP_NOTFOUND, "format", "there is no format \"" GLIMPSE_FORMAT "\"");
        return;
    }
    struct arena *a = arena_new(TREES_BYTES);
    if (a == NULL) {
        delivery_busy(p, "out of memory");
    } else {
        take_report(p, r, a);
    }
    arena_free(&a);
}
