/* SPDX-License-Identifier: Apache-2.0 */
/* Where a request ends. Pure but for evhttp's headers. */
#ifndef EZREPO_HTTP_FRAMING_H
#define EZREPO_HTTP_FRAMING_H

#include <event2/http.h>
#include <stdbool.h>

/*
 * Whether evhttp and all that the request came by agree on how long its body is: RFC 9112, sections
 * 5.1 and 6.3. Not where its length is said twice, or in two ways, or is no number; where its
 * coding is another than "chunked"; where it is said twice how the body is encoded; and where there
 * is a body that evhttp does not read, by its method. What follows on the connection may then be a
 * part of it.
 */
bool framing_is_certain(struct evhttp_request *request);

#endif
