/* SPDX-License-Identifier: Apache-2.0 */
/* What is said on standard error between two calls, for tests of what is refused and why. */
#ifndef EZREPO_TESTS_HEARD_H
#define EZREPO_TESTS_HEARD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct heard {
    char text[4096];
    FILE *file;
    int kept; /* standard error meanwhile */
};

static inline void heard_begin(struct heard *s)
{
    fflush(stderr);
    s->file = tmpfile();
    s->kept = dup(STDERR_FILENO);
    assert_true(s->file != NULL && s->kept != -1);
    dup2(fileno(s->file), STDERR_FILENO);
}

static inline void heard_end(struct heard *s)
{
    fflush(stderr);
    dup2(s->kept, STDERR_FILENO);
    close(s->kept);
    rewind(s->file);
    s->text[fread(s->text, 1, sizeof s->text - 1, s->file)] = '\0';
    fclose(s->file);
}

static inline void assert_heard(const struct heard *s, const char *expected)
{
    if (strstr(s->text, expected) == NULL) {
        fail_msg("expected \"%s\" in \"%s\"", expected, s->text);
    }
}

#endif
