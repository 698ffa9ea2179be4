/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/role_criteria.h"

#include <stdlib.h>

#include "common/record_dimensions.h"
#include "ctl/ctl.h"

/* The dimension that is named here, in front of a '='; -1: none. */
static int dimension_named(const char *text)
{
    for (enum dimension d = 0; d < DIMENSION_COUNT; d++) {
        size_t n = strlen(dimension_rows[d].name);
        if (strncmp(text, dimension_rows[d].name, n) == 0 && text[n] == '=') {
            return (int)d;
        }
    }
    return -1;
}

/* Copies a pattern up to its comma or the end of the text; where it ends. */
static const char *take_pattern(const char *text, char *pattern)
{
    while (*text != '\0' && *text != ',') {
        text += text[0] == '\\' && text[1] == ',';
        *pattern++ = *text++;
    }
    *pattern = '\0';
    return text;
}

int role_criteria_read(FILE *f, const char *option, const char *text)
{
    bool named[DIMENSION_COUNT] = {false};
    char *pattern = malloc(strlen(text) + 1);
    const char *at = text, *between = "{";
    while (pattern != NULL) {
        int d = dimension_named(at);
        if (d == -1 || named[d]) {
            ctl_usage(
                "--%s: expected DIMENSION=PATTERN[,DIMENSION=PATTERN...] of " DIMENSION_COLUMNS
                ", each at most once, found \"%s\"",
                option, text);
            break;
        }
        named[d] = true;
        at = take_pattern(at + strlen(dimension_rows[d].name) + 1, pattern);
        fprintf(f, "%s\"%s\": ", between, dimension_rows[d].name);
        json_print_string(f, pattern);
        between = ", ";
        if (*at == '\0') {
            fputc('}', f);
            free(pattern);
            return 0;
        }
        at++;
    }
    if (pattern == NULL) {
        ctl_failed("out of memory");
    }
    free(pattern);
    return -1;
}

void role_criteria_show(FILE *f, const struct json *criteria)
{
    char *text = NULL;
    size_t size;
    FILE *t = open_memstream(&text, &size);
    if (t == NULL) {
        fputs("null", f);
        return;
    }
    for (const struct json *m = criteria->first; m != NULL; m = m->next) {
        fprintf(t, "%s%.*s=", m == criteria->first ? "" : ",", (int)m->key.len, m->key.at);
        for (size_t i = 0; i < m->text.len; i++) {
            fprintf(t, "%s%c", m->text.at[i] == ',' ? "\\" : "", m->text.at[i]);
        }
    }
    if (fclose(t) == EOF) {
        fputs("null", f);
    } else {
        json_print_slice(f, (struct slice){text, size});
    }
    free(text);
}
