/* SPDX-License-Identifier: Apache-2.0 */
/* diff reads both from files in memory that it inherits. */
#include "ctl/grading_difference.h"

#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/json.h"
#include "ctl/ctl.h"
#include "schemas/messages.h"

#define LINE_MOST   100 /* characters of what stands on one line */
#define DEPTH_RULES 3   /* of the document, its blocks, a block: what is below may be on one line */

extern char **environ;

/* ---- layout ---- */

static bool has_members(const struct json *node)
{
    return (node->type == JSON_ARRAY || node->type == JSON_OBJECT) && node->first != NULL;
}

static void print_key(FILE *f, const struct json *node, const struct json *member)
{
    if (node->type == JSON_OBJECT) {
        json_print_slice(f, member->key);
        fputs(": ", f);
    }
}

static void print_inline(FILE *f, struct arena *a, const struct json *node)
{
    if (!has_members(node)) {
        struct slice text = json_text(a, node);
        fwrite(text.at, 1, text.len, f);
        return;
    }
    fputc(node->type == JSON_ARRAY ? '[' : '{', f);
    for (const struct json *m = node->first; m != NULL; m = m->next) {
        print_key(f, node, m);
        print_inline(f, a, m);
        fputs(m->next == NULL ? "" : ", ", f);
    }
    fputc(node->type == JSON_ARRAY ? ']' : '}', f);
}

/* How long it is on one line; more than LINE_MOST is not counted on. */
static size_t inline_length(const struct json *node)
{
    size_t length = node->type < JSON_STRING ? 8 : node->text.len + 2;
    for (const struct json *m = node->first; has_members(node) && m != NULL && length <= LINE_MOST;
         m = m->next) {
        length += (node->type == JSON_OBJECT ? m->key.len + 6 : 2) + inline_length(m);
    }
    return length;
}

/*
 * Laid out, whatever its own layout: two spaces a level, and from the third level of nesting on,
 * where the rules are, what fits into a line on one. Members stay in their order, numbers as they
 * are written.
 */
static void print_at(FILE *f, struct arena *a, const struct json *node, int depth)
{
    if (!has_members(node) || (depth >= DEPTH_RULES && inline_length(node) <= LINE_MOST)) {
        print_inline(f, a, node);
        return;
    }
    fputs(node->type == JSON_ARRAY ? "[\n" : "{\n", f);
    for (const struct json *m = node->first; m != NULL; m = m->next) {
        fprintf(f, "%*s", 2 * (depth + 1), "");
        print_key(f, node, m);
        print_at(f, a, m, depth + 1);
        fputs(m->next == NULL ? "\n" : ",\n", f);
    }
    fprintf(f, "%*s%c", 2 * depth, "", node->type == JSON_ARRAY ? ']' : '}');
}

/* ---- difference ---- */

/* A file in memory with the document, which children inherit; -1 after a complaint. */
static int lay_out(struct arena *a, const struct grading_edition_text *edition)
{
    static const struct json_limits limits = {
        .depth = JSON_DEPTH, .nodes = LIMIT_DOCUMENT_BYTES, .string_bytes = LIMIT_DOCUMENT_BYTES};
    char error[256];
    const struct json *document = json_parse(a, edition->document, &limits, error, sizeof error);
    if (document == NULL) {
        ctl_failed("%s: %s", edition->label, error);
        return -1;
    }
    int fd = memfd_create("grading", 0);
    int own = fd == -1 ? -1 : dup(fd);
    FILE *f = own == -1 ? NULL : fdopen(own, "w");
    if (f != NULL) {
        print_at(f, a, document, 0);
        fputc('\n', f);
    }
    if (f == NULL || fclose(f) != 0) {
        ctl_failed("%s: %s", edition->label, strerror(errno));
        close(fd);
        return -1;
    }
    return fd;
}

/* What diff ended with: 0 nothing differs, 1 something does; -1 after a complaint. */
static int run_diff(int before, int after, const char *before_label, const char *after_label)
{
    char paths[2][32], labels[2][64];
    snprintf(paths[0], sizeof paths[0], "/dev/fd/%d", before);
    snprintf(paths[1], sizeof paths[1], "/dev/fd/%d", after);
    snprintf(labels[0], sizeof labels[0], "--label=%s", before_label);
    snprintf(labels[1], sizeof labels[1], "--label=%s", after_label);
    char program[] = "diff", unified[] = "-u";
    char *const words[] = {program, unified, labels[0], labels[1], paths[0], paths[1], NULL};
    pid_t pid;
    int status;
    fflush(stdout);
    int rc = posix_spawnp(&pid, program, NULL, NULL, words, environ);
    if (rc != 0) {
        ctl_failed("diff: %s; install diffutils", strerror(rc));
        return -1;
    }
    while (waitpid(pid, &status, 0) == -1 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) > 1) {
        ctl_failed("diff did not find the difference"); /* it said why */
        return -1;
    }
    return WEXITSTATUS(status);
}

int grading_difference(struct arena *a, const struct grading_edition_text *before,
                       const struct grading_edition_text *after)
{
    int fd[2] = {lay_out(a, before), -1}, rc = -1;
    if (fd[0] != -1) {
        fd[1] = lay_out(a, after);
    }
    if (fd[1] != -1) {
        rc = run_diff(fd[0], fd[1], before->label, after->label);
    }
    if (rc == 0) {
        printf("%s and %s say the same\n", before->label, after->label);
    }
    for (int i = 0; i < 2; i++) {
        if (fd[i] != -1) {
            close(fd[i]);
        }
    }
    return rc == -1 ? -1 : 0;
}
