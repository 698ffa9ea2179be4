/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and tokens into who asks. Answers nothing. */
#include "ingest-gw/guest.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/daemon.h"
#include "common/log.h"
#include "common/quote.h"

/* The token in the header; .at NULL: there is none of this scheme. */
static struct slice token_of(struct evhttp_request *request, enum guest_scheme scheme)
{
    static const char *const names[] = {[GUEST_BEARER] = "Bearer", [GUEST_APIKEY] = "ApiKey"};
    const struct slice none = {NULL, 0};
    size_t n = strlen(names[scheme]);
    const char *text =
        evhttp_find_header(evhttp_request_get_input_headers(request), "Authorization");
    if (text == NULL || strncasecmp(text, names[scheme], n) != 0 || text[n] != ' ') {
        return none;
    }
    text += n + strspn(text + n, " ");
    const char *colon = scheme == GUEST_APIKEY ? strrchr(text, ':') : NULL;
    struct slice token = slice_of(colon == NULL ? text : colon + 1);
    while (token.len > 0 && token.at[token.len - 1] == ' ') {
        token.len--;
    }
    return token;
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

/* For whoever looks after tokens: the name is known only when there is such a one. */
static void tell_refused(const struct connection *c, const struct access_grant *grant)
{
    static struct log_limit said;
    if (log_allowed(&said, 10)) {
        log_info("token.refused", "peer=%s reason=%s token=%s", connection_peer(c), grant->reason,
                 QUOTED(grant->name.at == NULL ? slice_of("") : grant->name));
    }
}

static bool know_token(struct ingest *g, struct slice token, struct connection *c,
                       struct guest_found *found)
{
    struct access_grant grant;
    char identity[LIMIT_SENDER_BYTES + 1];
    const struct address *from = connection_address(c);
    found->tried = token.at != NULL;
    if (token.at == NULL || from == NULL) {
        return false;
    }
    if (!access_token(g->access, token, from, daemon_now_us(), &grant)) {
        tell_refused(c, &grant);
        return false;
    }
    snprintf(found->token, sizeof found->token, "%.*s", (int)grant.name.len, grant.name.at);
    snprintf(identity, sizeof identity, "%.*s", (int)grant.identity.len, grant.identity.at);
    if (connection_set_known(c, found->token, identity, (int64_t)grant.per_second) == -1) {
        found->wait_us = 1000000; /* it has too many connections */
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
