/* SPDX-License-Identifier: Apache-2.0 */
/* Who a reverse proxy says that asks: by a header that is taken from its addresses only. Pure. */
#ifndef EZREPO_PROXY_HEADER_H
#define EZREPO_PROXY_HEADER_H

#include "common/address.h"
#include "common/document.h"

#define PROXY_PREFIXES     16
#define PROXY_HEADER_BYTES 64

struct proxy_header {
    struct prefix from[PROXY_PREFIXES];
    uint32_t count; /* 0: there is no such proxy */
    char header[PROXY_HEADER_BYTES + 1];
};

/* {"from": [PREFIX, ...], "header": NAME} of this option; NULL: there is none. 0, or -1 after each
 * fault was told. */
int proxy_header_read(struct document *d, const char *option, const struct json *given,
                      struct proxy_header *p);

/* Whether what comes from this address may say who asks. */
bool proxy_header_is_from(const struct proxy_header *p, const struct address *address);

#endif
