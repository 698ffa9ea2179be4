/* SPDX-License-Identifier: Apache-2.0 */
#include "webd/page_hosts.h"

#include <string.h>
#include <strings.h>

#include "common/address.h"

static bool is_name(struct slice host, const char *name)
{
    return host.len == strlen(name) && strncasecmp(host.at, name, host.len) == 0;
}

static bool is_localhost(struct slice host)
{
    static const char below[] = ".localhost";
    size_t length = sizeof below - 1;
    return is_name(host, below + 1) ||
           (host.len > length &&
            is_name((struct slice){host.at + host.len - length, length}, below));
}

/* The host without brackets, port and a trailing dot. */
static struct slice host_of(const char *text)
{
    if (text[0] == '[') {
        const char *end = strchr(text, ']');
        return end == NULL ? slice_of("") : (struct slice){text + 1, (size_t)(end - text) - 1};
    }
    size_t length = strcspn(text, ":");
    length -= length > 0 && text[length - 1] == '.';
    return (struct slice){text, length};
}

bool page_host_is_ours(const char *text, const struct config_strings *names)
{
    struct address address;
    if (text == NULL) {
        return true;
    }
    struct slice host = host_of(text);
    if (is_localhost(host) || address_parse(host, &address) == 0) {
        return true;
    }
    for (size_t i = 0; i < names->count; i++) {
        if (is_name(host, names->item[i])) {
            return true;
        }
    }
    return false;
}
