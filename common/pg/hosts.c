/* SPDX-License-Identifier: Apache-2.0 */
/* Lists with commas. */
#include "common/pg/hosts.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

static unsigned count_of(const char *list)
{
    unsigned n = list != NULL;
    for (; list != NULL && *list != '\0'; list++) {
        n += *list == ',';
    }
    return n;
}

/* A copy of what the string says of it; NULL: nothing. */
static char *value_of(const PQconninfoOption *options, const char *keyword)
{
    for (; options->keyword != NULL; options++) {
        if (strcmp(options->keyword, keyword) == 0 && options->val != NULL &&
            options->val[0] != '\0') {
            return strdup(options->val);
        }
    }
    return NULL;
}

int hosts_read(struct hosts *h, const char *conninfo)
{
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    *h = (struct hosts){.count = 1};
    if (options == NULL) {
        return -1;
    }
    h->host = value_of(options, "host");
    h->hostaddr = value_of(options, "hostaddr");
    h->port = value_of(options, "port");
    PQconninfoFree(options);
    unsigned hosts = count_of(h->host), addresses = count_of(h->hostaddr);
    unsigned count = hosts > addresses ? hosts : addresses;
    h->count = count > 1 ? count : 1;
    return 0;
}

void hosts_release(struct hosts *h)
{
    free(h->host);
    free(h->hostaddr);
    free(h->port);
    *h = (struct hosts){0};
}

char *hosts_rotate(const char *list, unsigned by)
{
    unsigned count = count_of(list);
    if (count < 2) {
        return NULL;
    }
    size_t length = strlen(list);
    const char *rest = list;
    for (unsigned i = 0; i < by % count; i++) {
        rest = strchr(rest, ',') + 1;
    }
    char *rotated = malloc(length + 1);
    if (rotated == NULL) {
        return NULL;
    }
    size_t moved = (size_t)(rest - list), kept = length - moved;
    memcpy(rotated, rest, kept);
    if (moved > 0) { /* what is moved ends with a comma, which goes between */
        rotated[kept] = ',';
        memcpy(rotated + kept + 1, list, moved - 1);
    }
    rotated[length] = '\0';
    return rotated;
}
