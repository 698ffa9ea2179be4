/* SPDX-License-Identifier: Apache-2.0 */
/* Cells into JSON and CSV. */
#include "webd/api/api_answer.h"

#include <ctype.h>
#include <strings.h>

#include "common/answer_rows.h"
#include "common/capability_rows.h"
#include "common/json.h"

const char *const api_content_types[] = {[API_JSON] = "application/json",
                                         [API_NDJSON] = "application/x-ndjson",
                                         [API_CSV] = "text/csv; charset=utf-8"};

/* ---- which form ---- */

static bool is_range(struct slice range, const char *name)
{
    return range.len == strlen(name) && strncasecmp(range.at, name, range.len) == 0;
}

static int form_of_range(struct slice range)
{
    return is_range(range, "application/json") || is_range(range, "*/*") ||
                   is_range(range, "application/*")
               ? API_JSON
           : is_range(range, "application/x-ndjson")                  ? API_NDJSON
           : is_range(range, "text/csv") || is_range(range, "text/*") ? API_CSV
                                                                      : -1;
}

int api_form_of(const char *accept)
{
    if (accept == NULL) {
        return API_JSON;
    }
    while (*accept != '\0') {
        accept += strspn(accept, " \t,");
        struct slice range = {accept, strcspn(accept, " \t,;")};
        int form = form_of_range(range);
        if (form != -1) {
            return form;
        }
        accept += strcspn(accept, ",");
    }
    return -1;
}

/* ---- values ---- */

bool api_is_document(struct slice name)
{
    static const char *const elements[] = {JSON_ELEMENTS};
    for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++) {
        if (slice_is(name, elements[i])) {
            return true;
        }
    }
    return false;
}

/* As RFC 8259, 6 has them: what else a number may be (NaN) is told as a text. */
static bool is_json_number(struct slice s)
{
    size_t i = s.len > 0 && s.at[0] == '-' ? 1 : 0, begin = i;
    while (i < s.len && isdigit((unsigned char)s.at[i])) {
        i++;
    }
    if (i == begin || (s.at[begin] == '0' && i - begin > 1)) {
        return false;
    }
    if (i < s.len && s.at[i] == '.') {
        size_t point = i++;
        while (i < s.len && isdigit((unsigned char)s.at[i])) {
            i++;
        }
        if (i == point + 1) {
            return false;
        }
    }
    if (i < s.len && (s.at[i] == 'e' || s.at[i] == 'E')) {
        i += i + 1 < s.len && (s.at[i + 1] == '+' || s.at[i + 1] == '-') ? 2 : 1;
        size_t digits = i;
        while (i < s.len && isdigit((unsigned char)s.at[i])) {
            i++;
        }
        if (i == digits) {
            return false;
        }
    }
    return i == s.len;
}

/* The text with what RFC 3339 has between date and time, and behind it; false: it is none. */
static bool time_of(struct slice cell, char text[WHEN_TEXT + 2])
{
    int64_t us;
    char when[WHEN_TEXT];
    if (when_time_parse(cell, &us) == -1) {
        return false;
    }
    when_time_text(us, when);
    snprintf(text, WHEN_TEXT + 2, "%.10sT%sZ", when, when + 11);
    return true;
}

void api_write_time(FILE *f, int64_t us)
{
    char when[WHEN_TEXT];
    if (us == WHEN_PAST || us == WHEN_FUTURE) {
        fputs(us == WHEN_PAST ? "\"past\"" : "\"future\"", f);
        return;
    }
    when_time_text(us, when);
    fprintf(f, "\"%.10sT%sZ\"", when, when + 11);
}

/* A document, on one line: line ends are blanks between its values, since those in texts are
 * escaped. */
static void write_document(FILE *f, struct slice cell)
{
    for (size_t i = 0; i < cell.len; i++) {
        putc_unlocked(cell.at[i] == '\n' || cell.at[i] == '\r' ? ' ' : cell.at[i], f);
    }
}

#define NOWHERE UINT32_MAX /* null: a queryd of before does not tell it */

struct api_column {
    struct slice name;
    uint32_t at; /* in the answer */
    enum primitive primitive;
    bool document;
};

static void write_value(FILE *f, const struct api_column *c, struct slice cell)
{
    char text[WHEN_TEXT + 2];
    if (cell.at == NULL) {
        fputs("null", f);
    } else if (c->document && cell.len > 0) {
        write_document(f, cell);
    } else if ((c->primitive == PRIMITIVE_NATURAL || c->primitive == PRIMITIVE_REAL) &&
               is_json_number(cell)) {
        fwrite(cell.at, 1, cell.len, f);
    } else if (c->primitive == PRIMITIVE_BOOLEAN) {
        bool yes = slice_is(cell, "True") || slice_is(cell, "true") || slice_is(cell, "1");
        fputs(yes ? "true" : "false", f);
    } else if (c->primitive == PRIMITIVE_TIME && time_of(cell, text)) {
        fprintf(f, "\"%s\"", text);
    } else {
        json_print_slice(f, cell);
    }
}

static void write_csv_value(FILE *f, const struct api_column *c, struct slice cell)
{
    char text[WHEN_TEXT + 2];
    if (cell.at == NULL) {
        return;
    }
    if (c->primitive == PRIMITIVE_TIME && time_of(cell, text)) {
        cell = slice_of(text);
    }
    bool plain = true;
    for (size_t i = 0; plain && i < cell.len; i++) {
        plain = strchr(",\"\r\n", cell.at[i]) == NULL || cell.at[i] == '\0';
    }
    if (plain && cell.len > 0) {
        fwrite(cell.at, 1, cell.len, f);
        return;
    }
    putc_unlocked('"', f);
    for (size_t i = 0; i < cell.len; i++) {
        if (cell.at[i] == '"') {
            putc_unlocked('"', f);
        }
        putc_unlocked(cell.at[i], f);
    }
    putc_unlocked('"', f);
}

/* ---- rows ---- */

static uint32_t find_columns(const struct capability_row *row, const struct answer_message *m,
                             const struct registry *r, struct api_column *columns)
{
    uint32_t count = 0;
    for (; row->columns[count] != NULL; count++) {
        struct slice name = slice_of(row->columns[count]);
        uint32_t at = 0;
        while (at < m->columns_count && !slice_equal(m->columns[at], name)) {
            at++;
        }
        if (at == m->columns_count && !capability_column_was_added(name)) {
            return 0;
        }
        columns[count] = (struct api_column){name, at == m->columns_count ? NOWHERE : at,
                                             registry_primitive(r, name), api_is_document(name)};
    }
    return count;
}

static struct slice cell_of(const struct api_column *column, const struct slice *cells)
{
    return column->at == NOWHERE ? (struct slice){NULL, 0} : cells[column->at];
}

static void write_object(FILE *f, const struct api_column *columns, uint32_t count,
                         const struct slice *cells)
{
    for (uint32_t i = 0; i < count; i++) {
        fprintf(f, "%s\"%.*s\":", i == 0 ? "{" : ",", (int)columns[i].name.len, columns[i].name.at);
        write_value(f, &columns[i], cell_of(&columns[i], cells));
    }
    putc_unlocked('}', f);
}

static void write_csv_row(FILE *f, const struct api_column *columns, uint32_t count,
                          const struct slice *cells)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) {
            putc_unlocked(',', f);
        }
        if (cells == NULL) {
            fwrite(columns[i].name.at, 1, columns[i].name.len, f);
        } else {
            write_csv_value(f, &columns[i], cell_of(&columns[i], cells));
        }
    }
    fputs("\r\n", f);
}

/* The cursor of the last row, where more may follow; .at NULL where none does. */
static struct slice next_of(enum capability_kind kind, const struct query_message *q,
                            const struct api_column *columns, uint32_t count,
                            const struct answer_message *m)
{
    uint32_t rows = answer_rows(m);
    bool follows = kind == CAPABILITY_CHANGES || kind == CAPABILITY_ARRIVALS;
    bool full = rows > 0 && (q->limit == 0 || rows >= q->limit);
    return slice_is(columns[count - 1].name, "list.cursor") && rows > 0 && (full || follows)
               ? answer_row(m, rows - 1)[columns[count - 1].at]
               : (struct slice){NULL, 0};
}

static void write_head(FILE *f, const struct capability_row *row, const struct query_message *q)
{
    fprintf(f, "{\"question\":\"%s\",", row->label);
    fputs(q->instant ? "\"at\":" : "\"from\":", f);
    api_write_time(f, q->from_us);
    if (!q->instant) {
        fputs(",\"to\":", f);
        api_write_time(f, q->to_us);
    }
    fputs(",\"rows\":[", f);
}

int api_answer_write(FILE *f, enum api_form form, enum capability_kind kind,
                     const struct query_message *q, const struct answer_message *m,
                     const struct registry *r)
{
    const struct capability_row *row = &capability_rows[kind];
    struct api_column columns[CAPABILITY_NAMES];
    uint32_t count = find_columns(row, m, r, columns);
    if (count == 0 || m->cells_count % m->columns_count != 0) {
        return -1;
    }
    if (form == API_JSON) {
        write_head(f, row, q);
    } else if (form == API_CSV) {
        write_csv_row(f, columns, count, NULL);
    }
    for (uint32_t i = 0; i < answer_rows(m); i++) {
        if (form == API_CSV) {
            write_csv_row(f, columns, count, answer_row(m, i));
            continue;
        }
        fputs(form == API_JSON && i > 0 ? ",\n" : "", f);
        write_object(f, columns, count, answer_row(m, i));
        fputs(form == API_NDJSON ? "\n" : "", f);
    }
    if (form == API_JSON) {
        struct slice next = next_of(kind, q, columns, count, m);
        fputs("]", f);
        if (next.at != NULL) {
            fputs(",\"next\":", f);
            json_print_slice(f, next);
        }
        fputs("}\n", f);
    }
    return 0;
}

int api_answer_write_rows(FILE *f, enum capability_kind kind, const struct answer_message *m,
                          uint32_t rows, const struct registry *r)
{
    struct api_column columns[CAPABILITY_NAMES];
    uint32_t count = find_columns(&capability_rows[kind], m, r, columns);
    for (uint32_t i = 0; count > 0 && i < rows; i++) {
        fputs(i > 0 ? "," : "", f);
        write_object(f, columns, count, answer_row(m, i));
    }
    return count == 0 ? -1 : 0;
}
