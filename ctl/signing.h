/* SPDX-License-Identifier: Apache-2.0 */
/* A key out of its file, and where its sender's sequence is: contents become envelopes. */
#ifndef EZREPO_CTL_SIGNING_H
#define EZREPO_CTL_SIGNING_H

#include "common/signed_envelope.h"
#include "ctl/ctl.h"

struct signing {
    struct signed_key *key;
    struct signed_head head; /* of the last one */
};

/*
 * Reads the file of a key, as `ezrepo key issue` writes it. With `kept`, a file that
 * signing_end() of a sender before wrote: goes on with its sequence, and takes it away, so that
 * nobody else does. CTL_DONE, or the exit code after a complaint.
 */
int signing_begin(struct signing *s, const char *key_file, const char *kept);
void signing_free(struct signing *s);

/* The envelope around the content, signed at now_us: its bytes in `out`; 0: see signed_write(). */
size_t signing_make(struct signing *s, struct slice content, int64_t now_us,
                    char out[SIGNED_CONTENT_BYTES + SIGNED_FRAME_BYTES]);

/* With `kept`: where the sequence is is written there. 0, or -1 after a complaint. */
int signing_end(const struct signing *s, const char *kept);

#endif
