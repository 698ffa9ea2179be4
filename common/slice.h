/* SPDX-License-Identifier: Apache-2.0 */
/* A run of bytes that somebody else owns; not terminated by a NUL. */
#ifndef EZREPO_SLICE_H
#define EZREPO_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *at; /* NULL: no value at all (SQL's NULL, JSON's null); "" is a value */
    size_t len;
};

/* The bytes of a C string, without its NUL; NULL gives the slice that is no value. */
static inline struct slice slice_of(const char *s)
{
    return (struct slice){s, s == NULL ? 0 : strlen(s)};
}

/* A literal, in a table of slices. */
#define SLICE(literal)                                                                             \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

/* For "%.*s" in a message: the slice, or its first `most` bytes of something that is longer. */
#define SLICE_SHOWN(s, most)                                                                       \
    (int)((s).len < (most) ? (s).len : (most)), ((s).len == 0 ? "" : (s).at)

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.at == NULL) == (b.at == NULL) &&
           (a.len == 0 || (*a.at == *b.at && memcmp(a.at, b.at, a.len) == 0));
}

/* Byte by byte, what begins the other first: less than, equal to or greater than 0. */
static inline int slice_order(struct slice a, struct slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n == 0 ? 0 : memcmp(a.at, b.at, n);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static inline bool slice_is(struct slice a, const char *s)
{
    return slice_equal(a, slice_of(s));
}

static inline bool slice_starts(struct slice a, const char *prefix)
{
    size_t n = strlen(prefix);
    return a.len >= n && memcmp(a.at, prefix, n) == 0;
}

#endif
