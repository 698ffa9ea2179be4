/* SPDX-License-Identifier: Apache-2.0 */
#include "webd/people/proxy_header.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Which say something else already. */
static bool is_taken(struct slice name)
{
    static const char *const taken[] = {
        "Authorization", "Cookie",         "Host",         "Origin",
        "Connection",    "Content-Length", "Content-Type", "Transfer-Encoding",
        "X-EZRepo-CSRF"};
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        if (name.len == strlen(taken[i]) && strncasecmp(name.at, taken[i], name.len) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_header(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-')) {
            return false;
        }
    }
    return !is_taken(name);
}

static void read_from(const struct document_place *list, struct proxy_header *p)
{
    if (!document_is_list(list, PROXY_PREFIXES)) {
        return;
    }
    if (list->node->count == 0) {
        document_fault(list, "expected at least one prefix");
    }
    for (struct document_place e = document_first(list); e.node != NULL; document_next(&e)) {
        struct slice text = document_text(&e, 1, 64);
        if (text.at != NULL && prefix_parse(text, &p->from[p->count]) == -1) {
            document_expected(&e, "an address or a prefix");
        } else if (text.at != NULL) {
            p->count++;
        }
    }
}

int proxy_header_read(struct document *d, const char *option, const struct json *given,
                      struct proxy_header *p)
{
    static const char *const keys[] = {"from", "header", NULL};
    struct document_place at = document_part(d, option, given);
    uint32_t before = d->faults;
    *p = (struct proxy_header){.count = 0};
    if (given == NULL) {
        return 0;
    }
    if (document_is_object_of(&at, keys)) {
        struct document_place from = document_member(&at, "from");
        struct document_place header = document_member(&at, "header");
        struct slice name = document_text(&header, 1, PROXY_HEADER_BYTES);
        read_from(&from, p);
        if (name.at != NULL && !is_header(name)) {
            document_expected(&header, "the name of a header of its own");
        } else if (name.at != NULL) {
            snprintf(p->header, sizeof p->header, "%.*s", (int)name.len, name.at);
        }
    }
    return d->faults == before ? 0 : -1;
}

bool proxy_header_is_from(const struct proxy_header *p, const struct address *address)
{
    for (uint32_t i = 0; address != NULL && i < p->count; i++) {
        if (prefix_contains(&p->from[i], address)) {
            return true;
        }
    }
    return false;
}
