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
    const char *length = NULL, *coding = NULL, *encoding = NULL, *host = NULL;
    for (const struct evkeyval *h = headers->tqh_first; h != NULL; h = h->next.tqe_next) {
        const char **found = strcasecmp(h->key, "Content-Length") == 0      ? &length
                             : strcasecmp(h->key, "Transfer-Encoding") == 0 ? &coding
                             : strcasecmp(h->key, "Content-Encoding") == 0  ? &encoding
                             : strcasecmp(h->key, "Host") == 0              ? &host
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

/* The next line, without its end; .at NULL: none, or the blank one behind the headers. */
static struct slice next_line(struct slice *rest)
{
    const char *end = memchr(rest->at, '\n', rest->len);
    size_t n = end == NULL ? rest->len : (size_t)(end - rest->at);
    struct slice line = {rest->at, n};
    rest->at += end == NULL ? n : n + 1;
    rest->len -= end == NULL ? n : n + 1;
    line.len -= line.len > 0 && line.at[line.len - 1] == '\r';
    return line.len == 0 ? (struct slice){NULL, 0} : line;
}

/* Whether it is a Content-Length beyond `most`, also one that no integer holds. */
static bool is_endless(struct slice line, uint64_t most)
{
    static const char name[] = "Content-Length:";
    uint64_t length = 0;
    if (line.len < sizeof name - 1 || strncasecmp(line.at, name, sizeof name - 1) != 0) {
        return false;
    }
    for (size_t i = sizeof name - 1; i < line.len && length <= most; i++) {
        bool digit = line.at[i] >= '0' && line.at[i] <= '9';
        length = digit ? 10 * length + (uint64_t)(line.at[i] - '0') : length;
    }
    return length > most;
}

enum framing_head framing_look(struct slice bytes, uint64_t most)
{
    for (struct slice line = next_line(&bytes); line.at != NULL; line = next_line(&bytes)) {
        if (memchr(line.at, '\0', line.len) != NULL) {
            return FRAMING_NUL;
        }
        if (is_endless(line, most)) {
            return FRAMING_ENDLESS;
        }
    }
    return FRAMING_GOOD;
}
