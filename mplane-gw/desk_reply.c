/* SPDX-License-Identifier: Apache-2.0 */
/* What is done with a reply of the desk, whoever sends it. */
#include "mplane-gw/desk_reply.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>

#include "mplane-gw/audit.h"
#include "mplane-gw/gateway.h"
#include "mplane-gw/jobs/answer.h"

#define REFUSAL_BYTES 2048

void desk_refuse(const struct desk_request *r, struct desk_reply *reply, const char *format, ...)
{
    char text[REFUSAL_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    reply->job = NULL;
    reply->message = answer_exception(r->arena, reply->token, "%s%s", r->place, text);
}

void desk_count(struct gateway *g, const struct mplane_message *reply)
{
    if (reply->kind == MPLANE_RESULT) {
        gateway_count(g, COUNT_ANSWERED_RESULT);
    } else if (reply->kind == MPLANE_RECEIPT) {
        gateway_count(g, COUNT_ANSWERED_RECEIPT);
    } else if (reply->kind == MPLANE_EXCEPTION) {
        gateway_count(g, COUNT_ANSWERED_EXCEPTION);
    } else if (reply->kind == MPLANE_ENVELOPE) {
        gateway_count(g, COUNT_ANSWERED_ENVELOPE);
    } else if (reply->kind == MPLANE_WITHDRAWAL) {
        gateway_count(g, COUNT_ANSWERED_WITHDRAWAL);
    }
}

void desk_audit(struct gateway *g, const struct desk_reply *reply, const char *identity,
                const char *peer, const char *outcome, int64_t begun_us)
{
    struct audit line = {.identity = identity,
                         .peer = peer,
                         .door = reply->door,
                         .verb = reply->verb,
                         .label = reply->label,
                         .token = reply->token,
                         .outcome = outcome != NULL ? outcome
                                    : reply->outcome != NULL
                                        ? reply->outcome
                                        : mplane_kind_name(reply->message.kind),
                         .begun_us = begun_us,
                         .rows = reply->message.row_count};
    if (reply->capability != NULL) {
        line.capability = reply->capability->label;
    }
    audit_write(g, &line);
}

struct slice desk_fallback_token(struct arena *a, struct slice bytes)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    size_t size = 0;
    char *text = arena_alloc(a, TOKEN_TEXT);
    if (text == NULL ||
        EVP_Q_digest(NULL, "SHA256", NULL, bytes.at, bytes.len, digest, &size) != 1) {
        return slice_of("unreadable");
    }
    token_text(digest, text);
    return slice_of(text);
}
