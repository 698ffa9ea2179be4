/* SPDX-License-Identifier: Apache-2.0 */
/* What a webhook is sent, and how that is signed. Pure. */
#ifndef EZREPO_ALERTD_WEBHOOK_TEXT_H
#define EZREPO_ALERTD_WEBHOOK_TEXT_H

#include <stdio.h>

#include "alertd/alert_batch.h"

#define WEBHOOK_HEADER          "EZRepo-Signature"
#define WEBHOOK_SIGNATURE_BYTES 128

/* The body: as Alertmanager's of version 4, of a batch that is told once. */
void webhook_print(FILE *f, const struct alert_batch *batch, const char *receiver,
                   const char *page_url);

/*
 * "t=SECONDS,v1=HEX": when it was signed, since 1970, and HMAC-SHA-256 by the secret over these
 * seconds in decimal, a dot and the body. 0, or -1: the library failed.
 */
int webhook_sign(struct slice secret, int64_t seconds, struct slice body,
                 char signature[WEBHOOK_SIGNATURE_BYTES]);

#endif
