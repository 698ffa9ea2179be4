/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and tokens into who asks. Answers nothing. */
#include "ingest-gw/guest.h"

#include <string.h>

#include "common/door/token_guest.h"
#include "common/http/reply.h"

/* The token in the header; .at NULL: there is none of this scheme. */
static struct slice token_of(struct evhttp_request *request, enum guest_scheme scheme)
{
    static const char *const names[] = {[GUEST_BEARER] = "Bearer", [GUEST_APIKEY] = "ApiKey"};
    struct slice token = request_credentials(request, names[scheme]);
    const char *colon =
        scheme == GUEST_APIKEY && token.len > 0 ? memrchr(token.at, ':', token.len) : NULL;
    return colon == NULL ? token
                         : (struct slice){colon + 1, token.len - (size_t)(colon + 1 - token.at)};
}

/* Of so many labels, -1 of too many: what his roles bind his deliveries to. */
static void find_bound(const struct ingest *g, bool credential, int labels,
                       struct guest_found *found)
{
    struct door_guest *guest = &found->guest;
    guest->allowed_count = labels == -1 ? 0 : (uint32_t)labels;
    int rows = access_delivers(g->access, slice_of(guest->identity), credential, found->rows);
    guest->delivers = found->rows;
    guest->delivers_count = rows == -1 ? 0 : (uint32_t)rows * DELIVERS_ROW;
    guest->denied = access_denied(labels, rows);
}

static void know_certificate(struct ingest *g, struct connection *c, struct guest_found *found)
{
    found->known = true;
    found->guest.identity = connection_identity(c);
    found->guest.allowed = found->labels;
    find_bound(g, false,
               access_globs(g->access, slice_of(found->guest.identity), LABEL_COLLECT,
                            found->labels, LIMIT_ALLOWED),
               found);
}

static bool know_token(struct ingest *g, struct slice token, struct connection *c,
                       struct guest_found *found)
{
    struct access_grant grant;
    found->tried = token.at != NULL;
    if (!token_guest_find(g->access, token, c, &grant, found->token, sizeof found->token,
                          &found->wait_us)) {
        return false;
    }
    found->guest = (struct door_guest){
        .identity = connection_identity(c), .token = found->token, .allowed = grant.labels};
    find_bound(g, true, (int)grant.types_count, found);
    return true;
}

void guest_find(struct ingest *g, struct evhttp_request *request, struct connection *c,
                enum guest_scheme scheme, struct guest_found *found)
{
    found->guest.identity = "";
    if (!connection_is_anonymous(c)) {
        know_certificate(g, c, found);
    } else {
        connection_set_known(c, NULL, NULL, 0);
        found->known = know_token(g, token_of(request, scheme), c, found);
    }
    int64_t wait_us = connection_charge(c);
    found->wait_us = wait_us > found->wait_us ? wait_us : found->wait_us;
}
