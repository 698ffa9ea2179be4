/* SPDX-License-Identifier: Apache-2.0 */
/* evhttp takes more than the standard does: what is said twice, or is no number, is looked for. */
#include "common/http/framing.h"

#include <event2/keyvalq_struct.h>
#include <string.h>
#include <strings.h>

static bool may_have_body(enum evhttp_cmd_type method)
{
    return method == EVHTTP_REQ_POST || method == EVHTTP_REQ_PUT || method == EVHTTP_REQ_PATCH;
}

/* Whether a blank stands before the colon: others may read such a name without it. */
static bool ends_blank(const char *name)
{
    size_t n = strlen(name);
    return n > 0 && (name[n - 1] == ' ' || name[n - 1] == '\t');
}

static bool is_number(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

bool framing_is_certain(struct evhttp_request *request)
{
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    const char *length = NULL, *coding = NULL, *encoding = NULL;
    for (const struct evkeyval *h = headers->tqh_first; h != NULL; h = h->next.tqe_next) {
        const char **found = strcasecmp(h->key, "Content-Length") == 0      ? &length
                             : strcasecmp(h->key, "Transfer-Encoding") == 0 ? &coding
                             : strcasecmp(h->key, "Content-Encoding") == 0  ? &encoding
                                                                            : NULL;
        if (ends_blank(h->key) || (found != NULL && *found != NULL)) {
            return false;
        }
        if (found != NULL) {
            *found = h->value;
        }
    }
    if (!may_have_body(evhttp_request_get_command(request))) { /* evhttp reads none */
        return coding == NULL && (length == NULL || strcmp(length, "0") == 0);
    }
    return coding == NULL ? length == NULL || is_number(length)
                          : length == NULL && strcasecmp(coding, "chunked") == 0;
}
