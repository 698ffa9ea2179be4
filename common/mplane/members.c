/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of messages, and which member has which. Each datagram comes by here. */
#include "common/mplane/members.h"

#define MPLANE_KEY_SLICE(constant, text) SLICE(text),
static const struct slice keys[MPLANE_KEY_COUNT] = {MPLANE_KEYS(MPLANE_KEY_SLICE)};
#undef MPLANE_KEY_SLICE

static const enum mplane_key kind_keys[MPLANE_KINDS] = {
    [MPLANE_CAPABILITY] = MPLANE_KEY_CAPABILITY, [MPLANE_SPECIFICATION] = MPLANE_KEY_SPECIFICATION,
    [MPLANE_RESULT] = MPLANE_KEY_RESULT,         [MPLANE_RECEIPT] = MPLANE_KEY_RECEIPT,
    [MPLANE_REDEMPTION] = MPLANE_KEY_REDEMPTION, [MPLANE_INTERRUPT] = MPLANE_KEY_INTERRUPT,
    [MPLANE_WITHDRAWAL] = MPLANE_KEY_WITHDRAWAL, [MPLANE_EXCEPTION] = MPLANE_KEY_EXCEPTION,
    [MPLANE_ENVELOPE] = MPLANE_KEY_ENVELOPE,
};

const char *mplane_key_name(enum mplane_key key)
{
    return keys[key].at;
}

enum mplane_key mplane_kind_key(enum mplane_kind kind)
{
    return kind_keys[kind];
}

const char *mplane_kind_name(enum mplane_kind kind)
{
    return mplane_key_name(mplane_kind_key(kind));
}

/* MPLANE_KEY_COUNT when it is none. The lengths are constants: each comparison is a few
 * instructions.
 */
static enum mplane_key key_of(struct slice name)
{
#define MPLANE_KEY_IF(constant, text)                                                              \
    if (name.len == sizeof text - 1 && memcmp(name.at, text, sizeof text - 1) == 0) {              \
        return MPLANE_KEY_##constant;                                                              \
    }
    MPLANE_KEYS(MPLANE_KEY_IF)
#undef MPLANE_KEY_IF
    return MPLANE_KEY_COUNT;
}

void mplane_members_sort(const struct json *message, struct mplane_members *m)
{
    *m = (struct mplane_members){.message = message};
    if (message == NULL || message->type != JSON_OBJECT) {
        return;
    }
    for (const struct json *member = message->first; member != NULL; member = member->next) {
        enum mplane_key key = key_of(member->key);
        if (key != MPLANE_KEY_COUNT) {
            m->at[key] = member;
        }
    }
    for (size_t i = 0; i < MPLANE_KINDS; i++) {
        if (m->at[kind_keys[i]] != NULL) {
            m->kind = (enum mplane_kind)i;
            m->kinds++;
        }
    }
}

bool mplane_version_is_known(const struct mplane_members *m)
{
    const struct json *version = m->at[MPLANE_KEY_VERSION];
    return version == NULL || slice_is(version->text, "0") || slice_is(version->text, "1");
}

struct slice mplane_members_text(const struct mplane_members *m, enum mplane_key key)
{
    const struct json *member = m->at[key];
    return member != NULL && member->type == JSON_STRING ? member->text : (struct slice){NULL, 0};
}
