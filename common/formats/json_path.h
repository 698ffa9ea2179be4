/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths of the mapping language: which values of a document are meant. A path begins at `$`, the
 * document; `@`, the element at hand (`@0` that of the outermost level, and so on); `%name`, a
 * value that was computed or remembered; `#name`, what is known of the delivery. Behind it stand
 * steps:
 * `.key`, `['any key']`, `[i]` (from the end if negative), `[*]` (also `.*`) for all elements or
 * members, `[?key<v]` (also > = !=) for the elements of which that holds. Pure.
 */
#ifndef EZREPO_FORMATS_JSON_PATH_H
#define EZREPO_FORMATS_JSON_PATH_H

#include "common/document.h"

#define JSON_PATH_STEPS 32
#define JSON_PATH_BYTES 1024

enum json_step_kind { JSON_STEP_KEY, JSON_STEP_INDEX, JSON_STEP_ALL, JSON_STEP_WHERE };
enum json_relation { JSON_LESS, JSON_GREATER, JSON_EQUAL, JSON_OTHER };

struct json_step {
    enum json_step_kind kind;
    enum json_relation relation; /* WHERE */
    int32_t index;               /* INDEX */
    struct slice key;            /* KEY, WHERE */
    struct slice operand;        /* WHERE */
    struct number number;        /* what the operand is for < and > */
};

enum json_root { JSON_ROOT_DOCUMENT, JSON_ROOT_ELEMENT, JSON_ROOT_VARIABLE, JSON_ROOT_CONTEXT };

#define JSON_LEVEL_INNERMOST UINT32_MAX

struct json_path {
    enum json_root root;
    bool absent;       /* `~` stands before it: it is asked whether there is nothing */
    uint32_t level;    /* ELEMENT: from the outermost, 0; or JSON_LEVEL_INNERMOST */
    struct slice name; /* VARIABLE, CONTEXT */
    uint32_t variable; /* VARIABLE: which one; set by who knows them */
    uint32_t number;   /* among the mapping's paths */
    bool several;      /* its steps may lead to more than one value */
    uint32_t count;
    const struct json_step *steps;
    struct slice text; /* as written */
};

/* Whether a string of a mapping is a path: by its first character. */
bool json_path_is(struct slice text);

/* Reads the text at a place, into the arena. 0, or -1 after the fault was told. */
int json_path_read(const struct document_place *at, struct arena *a, struct slice text,
                   struct json_path *path);

/* Steps alone, as they stand behind a root. */
int json_steps_read(const struct document_place *at, struct arena *a, struct slice text,
                    struct json_path *path);

/* What walking has cost, and may cost: each value looked at. */
struct json_walk_budget {
    uint64_t looked_at, most;
};

/* One of the values; false: no more of them are wanted. */
typedef bool (*json_visit)(void *context, const struct json *node);

/*
 * Calls visit for each value that is there, in the document's order, null included. False when a
 * visit said so, or the budget is spent.
 */
bool json_walk(const struct json *from, const struct json_step *steps, uint32_t count,
               struct json_walk_budget *budget, json_visit visit, void *context);

/* The value that steps lead to which lead to one at most; NULL: it is not there. */
const struct json *json_walk_to(const struct json *from, const struct json_step *steps,
                                uint32_t count, struct json_walk_budget *budget);

#endif
