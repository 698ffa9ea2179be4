/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/signing.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <unistd.h>

#include "common/access/credential_text.h"
#include "common/json.h"
#include "common/kept_file.h"

#define KEY_FILE_BYTES ((size_t)16 << 10)

/* ---- the key ---- */

static struct slice text_of(const struct json *key, const char *name)
{
    const struct json *member = key == NULL ? NULL : json_get(key, name);
    return member == NULL || member->type != JSON_STRING ? slice_of("") : member->text;
}

static int take_key(struct signing *s, struct arena *a, const char *file)
{
    static const struct json_limits limits = {.depth = 4, .nodes = 1000, .string_bytes = 4096};
    uint8_t secret[ACCESS_SECRET];
    char error[200] = "expected an object";
    struct slice bytes = ctl_read_file(a, file, KEY_FILE_BYTES);
    if (bytes.at == NULL) {
        return CTL_FAILED;
    }
    const struct json *key = json_parse(a, bytes, &limits, error, sizeof error);
    if (key == NULL || key->type != JSON_OBJECT) {
        return ctl_failed("%s: %s", file, error);
    }
    if (credential_unhex(text_of(key, "id"), s->head.key_id, sizeof s->head.key_id) == -1 ||
        credential_unbase64(text_of(key, "secret"), secret) == -1) {
        return ctl_failed("%s: expected the members id and secret of a key", file);
    }
    s->key = signed_key_new(secret);
    OPENSSL_cleanse(secret, sizeof secret);
    return s->key == NULL ? ctl_failed("out of memory") : CTL_DONE;
}

static int read_key(struct signing *s, const char *file)
{
    struct arena *a = arena_new((size_t)1 << 20);
    int code = a == NULL ? ctl_failed("out of memory") : take_key(s, a, file);
    arena_free(&a);
    return code;
}

/* ---- the sequence ---- */

/* A file that is not there is none yet. It is taken away before it is read: of two senders one has
 * it. */
static int go_on(struct signing *s, const char *kept)
{
    char own[4096];
    snprintf(own, sizeof own, "%s.%ld", kept, (long)getpid());
    if (rename(kept, own) == -1) {
        return errno == ENOENT ? CTL_DONE : ctl_failed("%s: %s", kept, strerror(errno));
    }
    FILE *f = fopen(own, "r");
    int n = f == NULL ? 0 : fscanf(f, "%" SCNu64 " %" SCNu64, &s->head.epoch, &s->head.sequence);
    if (f != NULL) {
        fclose(f);
    }
    unlink(own);
    return n == 2 && s->head.sequence < SIGNED_SEQUENCE_MOST
               ? CTL_DONE
               : ctl_failed("%s: expected an epoch and a sequence; it is taken away", kept);
}

int signing_begin(struct signing *s, const char *key_file, const char *kept)
{
    *s = (struct signing){.key = NULL};
    int code = read_key(s, key_file);
    return code == CTL_DONE && kept != NULL ? go_on(s, kept) : code;
}

void signing_free(struct signing *s)
{
    signed_key_free(&s->key);
}

size_t signing_make(struct signing *s, struct slice content, int64_t now_us,
                    char out[SIGNED_CONTENT_BYTES + SIGNED_FRAME_BYTES])
{
    if (s->head.epoch == 0) {
        s->head.epoch = (uint64_t)now_us;
    }
    s->head.time_us = now_us;
    s->head.sequence++;
    size_t size = signed_write(s->key, &s->head, content, out);
    s->head.sequence -= size == 0; /* it was not used */
    return size;
}

int signing_end(const struct signing *s, const char *kept)
{
    if (kept == NULL || s->head.epoch == 0) {
        return 0;
    }
    FILE *f = kept_file_begin(kept);
    bool written =
        f != NULL && fprintf(f, "%" PRIu64 " %" PRIu64 "\n", s->head.epoch, s->head.sequence) > 0;
    if (f == NULL || kept_file_end(f, kept, written) == -1) {
        ctl_failed("%s: %s", kept, strerror(errno));
        return -1;
    }
    return 0;
}
