/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an mPlane message: what is read is written, and what is written is read as the same
 * message and written alike, as is a copy; tokens, answers and matching take whatever was read.
 */
#include <stdint.h>
#include <stdlib.h>

#include "common/mplane/mplane_message.h"
#include "common/mplane/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One element of each type, under short names that a fuzzer finds, and some of the corpus's. */
static const char registry_text[] =
    "{\"registry-format\":\"mplane-0\",\"registry-uri\":\"r\",\"elements\":["
    "{\"name\":\"s\",\"prim\":\"string\"},{\"name\":\"n\",\"prim\":\"natural\"},"
    "{\"name\":\"r\",\"prim\":\"real\"},{\"name\":\"b\",\"prim\":\"boolean\"},"
    "{\"name\":\"t\",\"prim\":\"time\"},{\"name\":\"a\",\"prim\":\"address\"},"
    "{\"name\":\"u\",\"prim\":\"url\"},{\"name\":\"time\",\"prim\":\"time\"},"
    "{\"name\":\"start\",\"prim\":\"time\"},{\"name\":\"cpuload\",\"prim\":\"real\"},"
    "{\"name\":\"source.ip4\",\"prim\":\"address\"},{\"name\":\"source.ip6\",\"prim\":\"address\"},"
    "{\"name\":\"destination.ip4\",\"prim\":\"address\"},"
    "{\"name\":\"source.port\",\"prim\":\"natural\"},"
    "{\"name\":\"destination.port\",\"prim\":\"natural\"},"
    "{\"name\":\"source.interface\",\"prim\":\"string\"},"
    "{\"name\":\"connectivity.ip\",\"prim\":\"boolean\"},"
    "{\"name\":\"octets.ip\",\"prim\":\"natural\"},{\"name\":\"content.url\",\"prim\":\"url\"},"
    "{\"name\":\"System_type\",\"prim\":\"string\"},"
    "{\"name\":\"location.latitude\",\"prim\":\"real\"},"
    "{\"name\":\"measurement.revision\",\"prim\":\"natural\"},"
    "{\"name\":\"delay.twoway.icmp.us\",\"prim\":\"natural\"},"
    "{\"name\":\"delay.twoway.icmp.us.min\",\"prim\":\"natural\"},"
    "{\"name\":\"delay.twoway.icmp.us.mean\",\"prim\":\"natural\"},"
    "{\"name\":\"delay.twoway.icmp.us.max\",\"prim\":\"natural\"},"
    "{\"name\":\"delay.twoway.icmp.count\",\"prim\":\"natural\"}]}";

static struct registry *registry;

static const struct mplane_message *read_bytes(struct arena *a, struct slice bytes,
                                               const struct registry *r)
{
    char error[200];
    const struct json *tree = json_parse(a, bytes, &mplane_limits, error, sizeof error);
    return tree == NULL ? NULL : mplane_message_read(a, tree, r, error, sizeof error);
}

/* Every statement is put to what a gateway does with it. */
static void use(struct arena *a, const struct mplane_message *m)
{
    char token[TOKEN_TEXT], error[200];
    for (uint32_t i = 0; i < m->content_count; i++) {
        use(a, &m->contents[i]);
    }
    if (m->kind == MPLANE_ENVELOPE || m->kind == MPLANE_EXCEPTION) {
        return;
    }
    token_of_specification(a, m, token);
    token_of_statement(a, m, m, registry, token);
    struct mplane_message capability = mplane_message_answer(MPLANE_CAPABILITY, m);
    if (m->kind == MPLANE_CAPABILITY || m->kind == MPLANE_SPECIFICATION) {
        bool constrained = true;
        for (uint32_t i = 0; i < m->parameter_count; i++) {
            constrained = constrained && !m->parameters[i].list && m->parameters[i].values[0].at;
        }
        if (constrained) {
            mplane_message_fulfils(a, m, &capability, registry, 0, error, sizeof error);
        }
    }
}

static void check(struct slice bytes, const struct registry *r)
{
    struct arena *a = arena_new(64 << 20);
    const struct mplane_message *first = a == NULL ? NULL : read_bytes(a, bytes, r);
    if (first != NULL) {
        struct slice once = mplane_message_write(a, first, r);
        if (once.at == NULL) {
            abort();
        }
        const struct mplane_message *second = read_bytes(a, once, r);
        const struct mplane_message *copy = mplane_message_copy(a, first);
        if (second == NULL || !slice_equal(mplane_message_write(a, second, r), once) ||
            copy == NULL || !slice_equal(mplane_message_write(a, copy, r), once)) {
            abort();
        }
        use(a, first);
    }
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = {(const char *)data, size};
    if (registry == NULL) {
        struct document d = {0};
        registry = registry_new();
        if (registry == NULL || registry_add(registry, &d, slice_of(registry_text)) == -1) {
            abort();
        }
    }
    if (size <= 65536) {
        check(bytes, registry);
        check(bytes, NULL);
    }
    return 0;
}
