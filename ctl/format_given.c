/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/format_given.h"

#include <sys/stat.h>

#include "common/clock.h"
#include "common/formats/format_about.h"
#include "common/when_time.h"
#include "schemas/messages.h"

#define CONTEXT_NAME_BYTES 64 /* as in `deliver` */

static struct ctl_texts context;
static const char *received;
static bool any;

const struct ctl_option format_given_options[] = {
    {"context", "NAME=VALUE", NULL, NULL,
     "what the mapping asks for as #NAME; may be given several times", &context},
    {"received", "TIME", &received, NULL,
     "when it was received; the time the file was changed unless given"},
    {"any-context", NULL, NULL, &any, "takes also what the mapping does not ask for", NULL},
    {NULL, NULL, NULL, NULL, NULL}};

static int set(struct arena *a, struct format_context *c, struct slice name, const char *value)
{
    struct slice copy = arena_copy(a, name), text = arena_copy(a, slice_of(value));
    if (name.len > CONTEXT_NAME_BYTES || strlen(value) > LIMIT_DIMENSION_BYTES) {
        return ctl_usage("--context: expected names of at most %d bytes and values of at most %d",
                         CONTEXT_NAME_BYTES, LIMIT_DIMENSION_BYTES);
    }
    return copy.at == NULL || text.at == NULL || format_context_set(c, copy, text) == -1
               ? ctl_failed("--context: expected at most %d names, and less in all",
                            FORMAT_CONTEXT_NAMES)
               : CTL_DONE;
}

/* When the file was changed; of what is no file, now. */
static int64_t changed_us(int fd)
{
    struct stat s;
    return fstat(fd, &s) == 0 && S_ISREG(s.st_mode)
               ? (int64_t)s.st_mtim.tv_sec * 1000000 + s.st_mtim.tv_nsec / 1000
               : clock_utc_us();
}

static int set_given(struct arena *a, struct format_context *c, const char *text)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text) {
        return ctl_usage("--context: expected NAME=VALUE, found \"%s\"", text);
    }
    return set(a, c, (struct slice){text, (size_t)(equals - text)}, equals + 1);
}

int format_given_fill(struct arena *a, int fd, const char *file, struct format_context *c)
{
    char time[WHEN_TEXT];
    int64_t us = changed_us(fd);
    if (received != NULL && ctl_time(received, &us) == -1) {
        return ctl_usage("--received: expected a time, found \"%s\"", received);
    }
    when_time_text(us, time);
    int code = set(a, c, slice_of("received"), time);
    if (code == CTL_DONE && file[0] != '\0') {
        const char *slash = strrchr(file, '/');
        code = set(a, c, slice_of("file"), slash == NULL ? file : slash + 1);
    }
    for (int i = 0; i < context.count && code == CTL_DONE; i++) {
        code = set_given(a, c, context.text[i]);
    }
    return code;
}

int format_given_check(const char *name, const struct format *f)
{
    for (int i = 0; i < context.count && !any; i++) {
        const char *text = context.text[i], *equals = strchr(text, '=');
        struct slice given = {text, equals == NULL ? 0 : (size_t)(equals - text)};
        if (given.len > 0 && !format_asks(f, given)) {
            ctl_failed("--context: the format %s asks for no \"%.*s\"; format check tells for what",
                       name, (int)given.len, given.at);
            return -1;
        }
    }
    return 0;
}

const char *format_given_text(struct arena *a, const char *format)
{
    const char *text = arena_printf(a, "%s", format == NULL ? "" : format);
    if (text != NULL && received != NULL) {
        text = arena_printf(a, "%s received=%s", text, received);
    }
    for (int i = 0; i < context.count && text != NULL; i++) {
        text = arena_printf(a, "%s %s", text, context.text[i]);
    }
    return text;
}
