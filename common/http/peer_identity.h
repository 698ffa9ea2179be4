/* SPDX-License-Identifier: Apache-2.0 */
/* Who a peer is: its certificate's subject as mPlane programs compute it. Pure. */
#ifndef EZREPO_HTTP_PEER_IDENTITY_H
#define EZREPO_HTTP_PEER_IDENTITY_H

#include <openssl/x509.h>

#include "common/arena.h"
#include "common/slice.h"

/* A longer identity is refused. */
#define PEER_IDENTITY_BYTES 1024

/*
 * The values of the subject's attributes in the order of the certificate, joined by dots, as UTF-8
 * in the arena with a NUL behind: "org.mplane.SSB.Clients.Client-1". Of a relative name with
 * several attributes the first counts. {NULL, 0} when the subject is empty or too long, holds a
 * NUL, or memory is out.
 */
struct slice peer_identity_of(struct arena *a, const X509_NAME *subject);

#endif
