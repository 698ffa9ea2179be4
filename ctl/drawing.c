/* SPDX-License-Identifier: Apache-2.0 */
/* Marks and cells as characters. What is drawn are digits: nothing that outsiders wrote. */
#include "ctl/drawing.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/number.h"
#include "schemas/messages.h"

const struct json *drawing_json(struct arena *a, struct slice text)
{
    static const struct json_limits limits = {
        .depth = 8, .nodes = 200000, .string_bytes = LIMIT_DIMENSION_BYTES, .comments = false};
    char error[200];
    return text.at == NULL ? NULL : json_parse(a, text, &limits, error, sizeof error);
}

/* A member that is a whole number of 0 ... max; -1 when it is none. */
static int64_t member(const struct json *object, const char *name, int64_t max)
{
    const struct json *node = json_get(object, name);
    int64_t value;
    return node != NULL && node->type == JSON_NUMBER &&
                   number_integer(node->text, 0, max, &value) == 0
               ? value
               : -1;
}

/* Columns of nothing; NULL: no memory. */
static char *nothing(struct arena *a, uint32_t columns)
{
    char *text = arena_alloc(a, (size_t)columns + 1);
    if (text != NULL) {
        memset(text, DRAWING_NOTHING, columns);
        text[columns] = '\0';
    }
    return text;
}

const char *drawing_lane(struct arena *a, struct slice marks, uint32_t columns)
{
    const struct json *list = drawing_json(a, marks);
    char *text = nothing(a, columns);
    if (text == NULL || list == NULL || list->type != JSON_ARRAY) {
        return NULL;
    }
    for (const struct json *m = list->first; m != NULL; m = m->next) {
        int64_t first = member(m, "first", (int64_t)columns - 1);
        int64_t last = member(m, "last", (int64_t)columns - 1), grade = member(m, "grade", 5);
        if (first == -1 || last < first || grade == -1) {
            return NULL;
        }
        memset(text + first, (char)('0' + grade), (size_t)(last - first + 1));
    }
    return text;
}

const char *drawing_row(struct arena *a, struct slice cells, uint32_t columns)
{
    const struct json *list = drawing_json(a, cells);
    char *text = nothing(a, columns);
    if (text == NULL || list == NULL || list->type != JSON_ARRAY) {
        return NULL;
    }
    for (const struct json *c = list->first; c != NULL; c = c->next) {
        int64_t column = member(c, "column", (int64_t)columns - 1), worst = member(c, "worst", 5);
        if (column == -1) {
            return NULL;
        }
        text[column] = worst == -1 ? DRAWING_UNRATED : (char)('0' + worst);
    }
    return text;
}

static bool in_colour(void)
{
    const char *no = getenv("NO_COLOR");
    return (no == NULL || no[0] == '\0') && isatty(STDOUT_FILENO) == 1;
}

void drawing_paint(FILE *f, struct slice text)
{
    /* Black on a background that tells them apart also to who does not see red and green. */
    static const char *const colours[] = {[1] = "\x1b[30;41m",
                                          [2] = "\x1b[30;45m",
                                          [3] = "\x1b[30;43m",
                                          [4] = "\x1b[30;46m",
                                          [5] = "\x1b[30;42m"};
    bool coloured = in_colour();
    char before = '\0';
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        bool grade = coloured && c >= '1' && c <= '5';
        if (c != before && before != '\0' && coloured) {
            fputs("\x1b[0m", f);
        }
        if (grade && c != before) {
            fputs(colours[c - '0'], f);
        }
        fputc(c, f);
        before = c;
    }
    fputs(coloured && text.len > 0 ? "\x1b[0m" : "", f);
}
