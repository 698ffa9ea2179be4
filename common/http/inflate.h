/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies with Content-Encoding: gzip. Pure: no clock, no sockets. */
#ifndef EZREPO_HTTP_INFLATE_H
#define EZREPO_HTTP_INFLATE_H

#include "common/arena.h"

enum inflated { INFLATED, INFLATED_TOO_LARGE, INFLATED_BROKEN, INFLATED_NO_MEMORY };

/*
 * Inflates gzip (RFC 1952), several members one after the other included, to at most max_bytes,
 * which is all the memory it takes beside zlib's own. The text lives in the arena.
 */
enum inflated inflate_gzip(struct arena *a, struct slice bytes, size_t max_bytes,
                           struct slice *text);

/* The same for zlib (RFC 1950). */
enum inflated inflate_zlib(struct arena *a, struct slice bytes, size_t max_bytes,
                           struct slice *text);

#endif
