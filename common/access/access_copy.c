/* SPDX-License-Identifier: Apache-2.0 */
/* One question at a time, which stored holds until it has something to say; a file. */
#include "common/access/access_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/bus.h"
#include "common/daemon.h"
#include "common/file.h"
#include "common/kept_file.h"
#include "common/log.h"
#include "common/message.h"

#define ARENA_BYTES ((size_t)64 << 10)
#define FILE_BYTES  (LIMIT_DOCUMENT_BYTES + LIMIT_TEXT_BYTES + 256)
#define PATH_BYTES  4096
#define HIGH_WATER  4
#define AGAIN_US    INT64_C(1000000) /* what stored could not answer is asked again */
#define SILENCE_US  (ACCESS_HELD_MS * INT64_C(1000) + 2 * AGAIN_US)
#define TOUCH_US    INT64_C(60000000)

struct access_copy {
    struct access_copy_options options;
    zsock_t *socket;
    char path[PATH_BYTES];
    char *document; /* NULL: none was ever taken */
    size_t size;
    uint64_t version;                   /* of the document */
    uint64_t told_version, told_digest; /* of what stored said last, taken or not */
    bool refused;                       /* it was not taken */
    uint64_t id;                        /* of the last question */
    bool asked;                         /* it has no answer yet */
    bool greeted;                       /* stored, as it runs now, has answered */
    int64_t asked_at_us, ask_at_us;     /* by the clock; not before the latter is asked again */
    int64_t confirmed_us;               /* of day: so long stored is known to have had it */
    int64_t touched_us;                 /* what of that the file tells */
};

/* ---- the file ---- */

static int keep(struct access_copy *c, const struct access_state_message *m, struct slice bytes)
{
    char *document = malloc(bytes.len + 1);
    if (document == NULL) {
        return -1;
    }
    memcpy(document, bytes.at, bytes.len);
    document[bytes.len] = '\0';
    free(c->document);
    c->document = document;
    c->size = bytes.len;
    c->version = m->version;
    return 0;
}

static void write_file(struct access_copy *c, const struct access_state_message *m)
{
    struct pack p;
    pack_init(&p);
    access_state_encode(&p, m);
    FILE *f = pack_ok(&p) ? kept_file_begin(c->path) : NULL;
    struct slice bytes = pack_bytes(&p);
    if (f == NULL ||
        kept_file_end(f, c->path, fwrite(bytes.at, 1, bytes.len, f) == bytes.len) == -1) {
        log_errno("access.file", "file=%s effect=\"no copy for the next start\"", c->path);
    }
    c->touched_us = c->confirmed_us;
    pack_release(&p);
}

/* When it was written or touched, stored had it. */
static void touch_file(struct access_copy *c)
{
    if (c->confirmed_us - c->touched_us >= TOUCH_US) {
        (void)utimensat(AT_FDCWD, c->path, NULL, 0);
        c->touched_us = c->confirmed_us;
    }
}

static void take_file(struct access_copy *c, struct arena *a, struct slice bytes)
{
    struct access_state_message m;
    struct stat about;
    if (access_state_decode_all(bytes, a, &m) == -1 || m.document.len == 0) {
        log_warn("access.file", "file=%s error=\"not of this version\" effect=\"done without\"",
                 c->path);
        return;
    }
    if (stat(c->path, &about) == 0 && c->options.take(c->options.context, m.document) == 0 &&
        keep(c, &m, m.document) == 0) {
        c->told_version = m.version;
        c->told_digest = m.digest;
        c->confirmed_us = c->touched_us = (int64_t)about.st_mtime * 1000000;
    }
}

static void read_file(struct access_copy *c)
{
    size_t size;
    char *bytes = file_read(c->path, FILE_BYTES, &size);
    struct arena *a = bytes == NULL ? NULL : arena_new(ARENA_BYTES);
    if (a != NULL) {
        take_file(c, a, (struct slice){bytes, size});
    } else if (bytes != NULL || errno != ENOENT) {
        log_errno("access.file", "file=%s effect=\"done without\"", c->path);
    }
    arena_free(&a);
    free(bytes);
}

/* ---- stored ---- */

/* The first time so that it answers at once. */
static void ask(struct access_copy *c, int64_t clock_us)
{
    struct pack p;
    const struct access_get_message m = {
        .id = ++c->id, .version = c->told_version, .digest = c->greeted ? c->told_digest : 0};
    pack_init(&p);
    access_get_encode(&p, &m);
    struct slice bytes = pack_bytes(&p);
    c->asked = pack_ok(&p) && bus_send(c->socket, &bytes, 1) == 0;
    c->asked_at_us = clock_us;
    c->ask_at_us = clock_us + AGAIN_US;
    pack_release(&p);
}

/* Another document. The one before stays where it cannot be used, and is not asked for again. */
static void take_document(struct access_copy *c, const struct access_state_message *m)
{
    c->told_version = m->version;
    c->told_digest = m->digest;
    c->refused =
        c->options.take(c->options.context, m->document) == -1 || keep(c, m, m->document) == -1;
    if (c->refused) {
        log_error("access.refused",
                  "version=%llu error=\"it cannot be used\" effect=\"the one before stays\"",
                  (unsigned long long)m->version);
        return;
    }
    log_info("access.in_force", "version=%llu", (unsigned long long)m->version);
    c->confirmed_us = daemon_now_us();
    write_file(c, m);
}

static void take_answer(struct access_copy *c, const struct access_state_message *m)
{
    if (!c->asked || m->id != c->id) {
        return; /* of a question that was given up */
    }
    c->asked = false;
    if (m->status != ANSWER_OK) {
        return;
    }
    c->ask_at_us = 0;
    c->greeted = true;
    if (m->version != c->told_version || m->digest != c->told_digest) {
        take_document(c, m);
    } else if (!c->refused) {
        c->confirmed_us = daemon_now_us();
        touch_file(c);
    }
}

static void receive(struct access_copy *c, struct arena *a)
{
    static struct log_limit said;
    struct access_state_message state;
    struct bus_message m;
    int rc;
    while ((rc = bus_receive(c->socket, &m)) != 1) {
        if (rc == -1) {
            continue;
        }
        if (m.count == 1 && access_state_decode_all(m.frames[0], a, &state) == 0) {
            take_answer(c, &state);
        } else if (log_allowed(&said, 5)) {
            log_warn("access.answer", "error=\"not an access_state message\"");
        }
        bus_release(&m);
        arena_reset(a);
    }
}

/* Whom a question went to that ended is not waited for. */
static void ask_if_due(struct access_copy *c)
{
    int64_t clock_us = daemon_clock_us();
    if ((zsock_events(c->socket) & ZMQ_POLLOUT) == 0) {
        c->asked = c->greeted = false;
        c->ask_at_us = 0;
    } else if (c->asked ? clock_us - c->asked_at_us >= SILENCE_US : clock_us >= c->ask_at_us) {
        ask(c, clock_us);
    }
}

/* ---- the status ---- */

static void note(const struct access_copy *c)
{
    int64_t age_us = daemon_now_us() - c->confirmed_us;
    long long age_s = age_us < 0 ? 0 : (long long)(age_us / 1000000);
    bool away = age_us >= SILENCE_US + AGAIN_US;
    if (c->document == NULL) {
        daemon_note("access", "no copy yet: stored did not answer; what is configured holds");
    } else {
        daemon_note("access", "version %llu, %lld s old%s", (unsigned long long)c->version, age_s,
                    c->refused ? "; a newer one cannot be used, the log says why"
                    : away     ? "; the store is away, and it holds"
                               : "");
    }
}

void access_copy_go_on(struct access_copy *c)
{
    struct arena *a = arena_new(ARENA_BYTES);
    if (a == NULL) {
        return;
    }
    receive(c, a);
    ask_if_due(c);
    receive(c, a); /* news may have come while it was asked */
    arena_free(&a);
    note(c);
}

/* ---- the whole ---- */

struct access_copy *access_copy_new(const struct access_copy_options *options)
{
    struct access_copy *c = calloc(1, sizeof *c);
    if (c == NULL) {
        log_error("access.start", "error=\"out of memory\"");
        return NULL;
    }
    c->options = *options;
    int n = snprintf(c->path, sizeof c->path, "%s/%s", daemon_own_dir(), options->name);
    c->socket = n < 0 || (size_t)n >= sizeof c->path
                    ? NULL
                    : bus_connect_present(ZMQ_DEALER, options->endpoint, HIGH_WATER);
    if (c->socket == NULL) {
        log_error("access.start", "endpoint=%s error=\"cannot connect\"", options->endpoint);
        access_copy_free(&c);
        return NULL;
    }
    read_file(c);
    note(c);
    return c;
}

void access_copy_free(struct access_copy **c)
{
    if (*c != NULL) {
        zsock_destroy(&(*c)->socket);
        free((*c)->document);
        free(*c);
        *c = NULL;
    }
}

zsock_t *access_copy_socket(const struct access_copy *c)
{
    return c->socket;
}

struct slice access_copy_document(const struct access_copy *c)
{
    return (struct slice){c->document, c->size};
}

uint64_t access_copy_version(const struct access_copy *c)
{
    return c->told_version;
}
