/* SPDX-License-Identifier: Apache-2.0 */
/* Where a request ends. Pure but for evhttp's headers. */
#ifndef EZREPO_HTTP_FRAMING_H
#define EZREPO_HTTP_FRAMING_H

#include <event2/http.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"

/*
 * Whether evhttp and all that the request came by agree on how long its body is: RFC 9112, sections
 * 5.1 and 6.3. Not where its length is said twice, or in two ways, or is no number; where its
 * coding is another than "chunked"; where it is said twice how the body is encoded; and where there
 * is a body that evhttp does not read, by its method. What follows on the connection may then be a
 * part of it.
 */
bool framing_is_certain(struct evhttp_request *request);

/* What evhttp does not tell of the beginning of a request. */
enum framing_head {
    FRAMING_GOOD,
    FRAMING_NUL,    /* in a header, which evhttp takes for its end */
    FRAMING_ENDLESS /* a Content-Length beyond `most`, of which evhttp would read all */
};

/* Looks at these first bytes of a request; what is behind its headers is not looked at. */
enum framing_head framing_look(struct slice bytes, uint64_t most);

#endif
