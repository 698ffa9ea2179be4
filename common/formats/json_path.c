/* SPDX-License-Identifier: Apache-2.0 */
/* Paths: read when a mapping is loaded, walked for each of its values. */
#include "common/formats/json_path.h"

#include <inttypes.h>

/* ---- reading ---- */

struct path_reader {
    const struct document_place *at;
    struct arena *arena;
    struct slice rest, whole;
};

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static void skip(struct path_reader *r, size_t n)
{
    r->rest.at += n;
    r->rest.len -= n;
}

/* A name of letters, digits, '_', and '-' where hyphens are; "" when none is there. */
static struct slice take_word(struct path_reader *r, bool hyphens)
{
    struct slice word = {r->rest.at, 0};
    while (word.len < r->rest.len &&
           (is_word(word.at[word.len]) || (hyphens && word.at[word.len] == '-'))) {
        word.len++;
    }
    skip(r, word.len);
    return word;
}

static int expected(struct path_reader *r, const char *what)
{
    document_fault(r->at, "expected %s at character %zu of the path, found %s", what,
                   (size_t)(r->rest.at - r->whole.at) + 1,
                   r->rest.len == 0 ? "its end" : DOCUMENT_SHOWN(r->rest));
    return -1;
}

/* What stands before the closing text, which is passed; -1 when it is not closed. */
static int take_until(struct path_reader *r, const char *close, struct slice *text)
{
    size_t n = strlen(close);
    for (size_t i = 0; i + n <= r->rest.len; i++) {
        if (memcmp(r->rest.at + i, close, n) == 0) {
            *text = (struct slice){r->rest.at, i};
            skip(r, i + n);
            return 0;
        }
    }
    return expected(r, close);
}

/* Behind "[?". */
static int read_where(struct path_reader *r, struct json_step *step)
{
    static const struct {
        const char *text;
        enum json_relation relation;
    } relations[] = {{"<", JSON_LESS}, {">", JSON_GREATER}, {"=", JSON_EQUAL}, {"!=", JSON_OTHER}};
    step->kind = JSON_STEP_WHERE;
    step->key = take_word(r, true);
    if (step->key.len == 0) {
        return expected(r, "a key");
    }
    size_t i = 0;
    while (i < 4 && !slice_starts(r->rest, relations[i].text)) {
        i++;
    }
    if (i == 4) {
        return expected(r, "one of < > = !=");
    }
    skip(r, strlen(relations[i].text));
    step->relation = relations[i].relation;
    if (take_until(r, "]", &step->operand) == -1) {
        return -1;
    }
    if (step->relation <= JSON_GREATER && number_parse(step->operand, &step->number) == -1) {
        document_fault(r->at, "expected a number behind < and > in a path, found %s",
                       DOCUMENT_SHOWN(step->operand));
        return -1;
    }
    return 0;
}

/* Behind "[". */
static int read_bracket(struct path_reader *r, struct json_step *step)
{
    struct slice text;
    int64_t index;
    if (slice_starts(r->rest, "'")) {
        skip(r, 1);
        step->kind = JSON_STEP_KEY;
        return take_until(r, "']", &step->key);
    }
    if (slice_starts(r->rest, "*]")) {
        skip(r, 2);
        step->kind = JSON_STEP_ALL;
        return 0;
    }
    if (slice_starts(r->rest, "?")) {
        skip(r, 1);
        return read_where(r, step);
    }
    struct path_reader before = *r;
    if (take_until(r, "]", &text) == -1 ||
        number_integer(text, INT32_MIN, INT32_MAX, &index) == -1) {
        return expected(&before, "'key', *, ?key or a whole number behind [");
    }
    step->kind = JSON_STEP_INDEX;
    step->index = (int32_t)index;
    return 0;
}

static int read_step(struct path_reader *r, struct json_step *step)
{
    if (slice_starts(r->rest, "[")) {
        skip(r, 1);
        return read_bracket(r, step);
    }
    if (slice_starts(r->rest, ".*")) {
        skip(r, 2);
        step->kind = JSON_STEP_ALL;
        return 0;
    }
    if (!slice_starts(r->rest, ".")) {
        return expected(r, ".key or [");
    }
    skip(r, 1);
    step->kind = JSON_STEP_KEY;
    step->key = take_word(r, true);
    return step->key.len > 0 ? 0
                             : expected(r, "a key of letters, digits, _ and - (others as ['key'])");
}

static int read_steps(struct path_reader *r, struct json_path *path)
{
    struct json_step steps[JSON_PATH_STEPS];
    while (r->rest.len > 0) {
        if (path->count == JSON_PATH_STEPS) {
            document_fault(r->at, "expected a path of at most %d steps", JSON_PATH_STEPS);
            return -1;
        }
        steps[path->count] = (struct json_step){0};
        if (read_step(r, &steps[path->count]) == -1) {
            return -1;
        }
        path->several = path->several || steps[path->count].kind > JSON_STEP_INDEX;
        path->count++;
    }
    if (path->count == 0) {
        return 0;
    }
    struct json_step *kept = document_take(r->at, r->arena, path->count, sizeof *kept);
    if (kept == NULL) {
        return -1;
    }
    memcpy(kept, steps, path->count * sizeof *kept);
    path->steps = kept;
    return 0;
}

bool json_path_is(struct slice text)
{
    return text.len > 0 && strchr("$@%#~", text.at[0]) != NULL;
}

/* Its first character is known. */
static int read_root(struct path_reader *r, struct json_path *path)
{
    char root = r->rest.len == 0 ? '\0' : r->rest.at[0];
    int64_t level;
    if (root == '\0' || strchr("$@%#", root) == NULL) {
        return expected(r, "one of $ @ % #");
    }
    skip(r, 1);
    path->root = root == '$'   ? JSON_ROOT_DOCUMENT
                 : root == '@' ? JSON_ROOT_ELEMENT
                 : root == '%' ? JSON_ROOT_VARIABLE
                               : JSON_ROOT_CONTEXT;
    path->level = JSON_LEVEL_INNERMOST;
    if (root == '%' || root == '#') {
        path->name = take_word(r, false);
        return path->name.len > 0 ? 0 : expected(r, "a name");
    }
    struct slice digits = {r->rest.at, 0};
    while (root == '@' && digits.len < r->rest.len && digits.at[digits.len] >= '0' &&
           digits.at[digits.len] <= '9') {
        digits.len++;
    }
    if (digits.len > 0) {
        if (number_integer(digits, 0, JSON_PATH_STEPS, &level) == -1) {
            return expected(r, "a level");
        }
        path->level = (uint32_t)level;
        skip(r, digits.len);
    }
    return 0;
}

static int begin(struct path_reader *r, struct slice text, struct json_path *path)
{
    *path = (struct json_path){0};
    if (text.len > JSON_PATH_BYTES) {
        document_fault(r->at, "expected a path of at most %d bytes, found %zu", JSON_PATH_BYTES,
                       text.len);
        return -1;
    }
    path->text = document_copy(r->at, r->arena, text);
    r->rest = r->whole = path->text;
    return path->text.at == NULL ? -1 : 0;
}

int json_path_read(const struct document_place *at, struct arena *a, struct slice text,
                   struct json_path *path)
{
    struct path_reader r = {.at = at, .arena = a};
    if (begin(&r, text, path) == -1) {
        return -1;
    }
    if (slice_starts(r.rest, "~")) {
        path->absent = true;
        skip(&r, 1);
    }
    return read_root(&r, path) == -1 ? -1 : read_steps(&r, path);
}

int json_steps_read(const struct document_place *at, struct arena *a, struct slice text,
                    struct json_path *path)
{
    struct path_reader r = {.at = at, .arena = a};
    if (json_path_is(text)) {
        document_fault(at,
                       "expected steps from each element, such as .rtt or [0], found a path, %s",
                       DOCUMENT_SHOWN(text));
        return -1;
    }
    return begin(&r, text, path) == -1 ? -1 : read_steps(&r, path);
}

/* ---- walking ---- */

struct path_walk {
    struct json_walk_budget *budget;
    json_visit visit;
    void *context;
};

static bool is_selected(const struct json *element, const struct json_step *step)
{
    const struct json *value = NULL;
    for (const struct json *m = element->first; element->type == JSON_OBJECT && m != NULL;
         m = m->next) {
        if (slice_equal(m->key, step->key)) {
            value = m;
            break;
        }
    }
    if (value == NULL || value->type == JSON_NULL || value->type >= JSON_ARRAY) {
        return false;
    }
    struct slice text = value->type == JSON_TRUE    ? slice_of("1")
                        : value->type == JSON_FALSE ? slice_of("0")
                                                    : value->text;
    if (step->relation >= JSON_EQUAL) {
        return slice_equal(text, step->operand) == (step->relation == JSON_EQUAL);
    }
    struct number number;
    if (number_parse(text, &number) == -1) {
        return false;
    }
    int order = number_compare(&number, &step->number);
    return step->relation == JSON_LESS ? order < 0 : order > 0;
}

static const struct json *member(struct json_walk_budget *budget, const struct json *object,
                                 struct slice key)
{
    const struct json *m = object->type == JSON_OBJECT ? object->first : NULL;
    uint64_t looked_at = 0;
    for (; m != NULL; m = m->next) {
        looked_at++;
        if (slice_equal(m->key, key)) {
            break;
        }
    }
    budget->looked_at += looked_at;
    return m;
}

static const struct json *element(struct json_walk_budget *budget, const struct json *list,
                                  int64_t index)
{
    if (list->type != JSON_ARRAY) {
        return NULL;
    }
    index = index < 0 ? index + (int64_t)list->count : index;
    if (index < 0 || index >= (int64_t)list->count) {
        return NULL;
    }
    const struct json *e = list->first;
    budget->looked_at += (uint64_t)index;
    for (; index > 0; index--) {
        e = e->next;
    }
    return e;
}

/* By a step that leads to one value. */
static const struct json *step_to(const struct json *node, const struct json_step *step,
                                  struct json_walk_budget *budget)
{
    return step->kind == JSON_STEP_KEY ? member(budget, node, step->key)
                                       : element(budget, node, step->index);
}

static bool walk(struct path_walk *w, const struct json *node, const struct json_step *step,
                 uint32_t count)
{
    /* Steps that lead to one value are gone here, those that lead to several by going deeper. */
    for (; count > 0 && step->kind <= JSON_STEP_INDEX; step++, count--) {
        node = step_to(node, step, w->budget);
        if (node == NULL) {
            return true;
        }
    }
    if (++w->budget->looked_at > w->budget->most) {
        return false;
    }
    if (count == 0) {
        return w->visit(w->context, node);
    }
    if (node->type < JSON_ARRAY || (step->kind == JSON_STEP_WHERE && node->type != JSON_ARRAY)) {
        return true;
    }
    for (const struct json *e = node->first; e != NULL; e = e->next) {
        if (step->kind == JSON_STEP_WHERE && !is_selected(e, step)) {
            w->budget->looked_at += e->count + 1;
            continue;
        }
        if (!walk(w, e, step + 1, count - 1)) {
            return false;
        }
    }
    return true;
}

const struct json *json_walk_to(const struct json *from, const struct json_step *steps,
                                uint32_t count, struct json_walk_budget *budget)
{
    for (; from != NULL && count > 0; steps++, count--) {
        from = step_to(from, steps, budget);
    }
    budget->looked_at += from != NULL;
    return budget->looked_at > budget->most ? NULL : from;
}

bool json_walk(const struct json *from, const struct json_step *steps, uint32_t count,
               struct json_walk_budget *budget, json_visit visit, void *context)
{
    struct path_walk w = {budget, visit, context};
    return walk(&w, from, steps, count);
}
