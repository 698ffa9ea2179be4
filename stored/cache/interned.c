/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas and lists of hops by the digest of their contents. */
#include "stored/cache/interned.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "common/grow.h"
#include "common/record_dimensions.h"

/* ---- entries ---- */

static void unlink_use(struct interned_cache *c, struct interned *e)
{
    *(e->newer == NULL ? &c->newest : &e->newer->older) = e->older;
    *(e->older == NULL ? &c->oldest : &e->older->newer) = e->newer;
    e->newer = e->older = NULL;
}

static void link_newest(struct interned_cache *c, struct interned *e)
{
    e->newer = NULL;
    e->older = c->newest;
    *(c->newest == NULL ? &c->oldest : &c->newest->newer) = e;
    c->newest = e;
}

static void forget(struct interned_cache *c, struct interned *e)
{
    HASH_DEL(c->table, e);
    unlink_use(c, e);
    bytes_release(&e->copy);
    free(e->uses);
    free(e);
}

static int digest_of(struct slice bytes, uint8_t digest[16])
{
    unsigned char full[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    if (EVP_Digest(bytes.at, bytes.len, full, &length, EVP_sha256(), NULL) != 1 || length < 16) {
        return -1;
    }
    memcpy(digest, full, 16);
    return 0;
}

static struct interned *add_entry(struct interned_cache *c, const uint8_t digest[16])
{
    struct interned *e = calloc(1, sizeof *e);
    if (e == NULL) {
        return NULL;
    }
    memcpy(e->digest, digest, sizeof e->digest);
    HASH_ADD(hh, c->table, digest, sizeof e->digest, e);
    if (e->hh.tbl == NULL) {
        free(e);
        return NULL;
    }
    link_newest(c, e);
    e->next_unseen = c->unseen;
    c->unseen = e;
    return e;
}

/* The entry of this content; `content` stays its copy when it is new. NULL when memory is out. */
static struct interned *get(struct interned_cache *c, struct bytes *content, uint64_t stamp)
{
    struct interned *e = NULL;
    uint8_t digest[16];
    if (content->failed || digest_of((struct slice){content->at, content->len}, digest) == -1) {
        return NULL;
    }
    HASH_FIND(hh, c->table, digest, sizeof digest, e);
    if (e == NULL) {
        e = add_entry(c, digest);
        if (e == NULL) {
            return NULL;
        }
        e->copy = *content;
        *content = (struct bytes){0};
    } else if (e->stamp != stamp) {
        unlink_use(c, e);
        link_newest(c, e);
    }
    e->stamp = stamp;
    return e;
}

/* ---- contents: a text "LENGTH:BYTES" each, a list "COUNT[" and its texts; no value is "-" ---- */

static void put_count(struct bytes *to, size_t n, const char *behind)
{
    char text[24];
    int length = snprintf(text, sizeof text, "%zu%s", n, behind);
    bytes_put(to, (struct slice){text, (size_t)length});
}

static void put_text(struct bytes *to, struct slice s)
{
    if (s.at == NULL) {
        bytes_put(to, slice_of("-"));
        return;
    }
    put_count(to, s.len, ":");
    bytes_put(to, s);
}

static void put_list(struct bytes *to, const struct slice *list, uint32_t count)
{
    put_count(to, count, "[");
    for (uint32_t i = 0; i < count; i++) {
        put_text(to, list[i]);
    }
}

static size_t take_count(struct slice *from)
{
    size_t n = 0;
    while (*from->at >= '0' && *from->at <= '9') {
        n = n * 10 + (size_t)(*from->at - '0');
        from->at++;
        from->len--;
    }
    from->at++;
    from->len--;
    return n;
}

static struct slice take_text(struct slice *from)
{
    if (*from->at == '-') {
        from->at++;
        from->len--;
        return (struct slice){NULL, 0};
    }
    size_t length = take_count(from);
    struct slice s = {from->at, length};
    from->at += length;
    from->len -= length;
    return s;
}

/* Reads what put_list() wrote into an array parameter. */
static void take_list(struct slice *from, struct pg_params *params, int column)
{
    for (size_t n = take_count(from); n > 0; n--) {
        pg_put_bytes(params, column, take_text(from));
    }
}

/* ---- schemas ---- */

struct interned *interned_schema(struct interned_cache *c, const struct schema_message *m,
                                 const struct said *said, uint32_t mask, uint64_t stamp)
{
    struct bytes content = {0};
    put_text(&content, m->verb);
    put_text(&content, m->registry);
    put_list(&content, m->results, m->results_count);
    put_list(&content, m->parameters, m->parameters_count);
    put_list(&content, m->metadata, m->metadata_count);
    put_count(&content, m->parameters_count + m->metadata_count, "[");
    for (uint32_t i = 0, next = 0; i < m->parameters_count + m->metadata_count; i++) {
        const char *dimension = "";
        if (next < said->count && said->candidate[next].place == m->results_count + i) {
            dimension =
                (mask >> next & 1) != 0 ? dimension_rows[said->candidate[next].dimension].name : "";
            next++;
        }
        put_text(&content, slice_of(dimension));
    }
    struct interned *e = get(c, &content, stamp);
    bytes_release(&content);
    return e;
}

static int add_schema(const struct interned *e, struct pg *pg, struct pg_params *params)
{
    struct slice from = {e->copy.at, e->copy.len};
    pg_params_begin(params);
    pg_add_bytes(params, take_text(&from));
    pg_add_bytes(params, take_text(&from));
    for (int list = 0; list < 4; list++) {
        take_list(&from, params, pg_add_array(params, PG_TEXT));
    }
    pg_add_bytes(params, (struct slice){(const char *)e->digest, sizeof e->digest});
    return pg_run(pg, SQL_SCHEMA_ADD, params);
}

static int add_schemas(struct interned *unseen, struct pg *pg, struct pg_params *params)
{
    int rc = 0;
    for (const struct interned *e = unseen; e != NULL && rc == 0; e = e->next_unseen) {
        rc = e->id == 0 ? add_schema(e, pg, params) : 0;
    }
    return rc;
}

/* ---- hops ---- */

struct interned *interned_hop_list(struct interned_cache *c, const struct slice *hops,
                                   uint32_t count, uint64_t stamp)
{
    struct bytes content = {0};
    put_list(&content, hops, count);
    struct interned *e = get(c, &content, stamp);
    bytes_release(&content);
    return e;
}

/* In one statement: an array of digests, then of each hop the place of its list in that. */
static int add_hops(struct interned *unseen, struct pg *pg, struct pg_params *params)
{
    pg_params_begin(params);
    int digests = pg_add_array(params, PG_UUID), lists = pg_add_array(params, PG_INTEGER),
        addresses = pg_add_array(params, PG_TEXT);
    for (const struct interned *e = unseen; e != NULL; e = e->next_unseen) {
        struct slice from = {e->copy.at, e->copy.len};
        if (e->id != 0) {
            continue;
        }
        pg_put_bytes(params, digests, (struct slice){(const char *)e->digest, sizeof e->digest});
        for (size_t n = take_count(&from); n > 0; n--) {
            pg_put_32(params, lists, (int32_t)pg_elements(params, digests));
            pg_put_bytes(params, addresses, take_text(&from));
        }
    }
    return pg_run(pg, SQL_HOPS_ADD, params);
}

const struct interned_kind interned_schemas = {SQL_SCHEMA_FIND, SQL_SCHEMA_USE, SQL_SCHEMA_TRIM,
                                               add_schemas};
const struct interned_kind interned_hops = {SQL_HOPS_FIND, SQL_HOPS_USE, SQL_HOPS_TRIM, add_hops};

/* ---- the database ---- */

/* The numbers of those that have a row. How many have none, or -1. */
static int64_t find_ids(struct interned_cache *c, struct pg *pg, struct pg_params *params)
{
    int64_t missing = 0;
    pg_params_begin(params);
    int digests = pg_add_array(params, PG_UUID);
    for (const struct interned *e = c->unseen; e != NULL; e = e->next_unseen) {
        pg_put_bytes(params, digests, (struct slice){(const char *)e->digest, sizeof e->digest});
    }
    PGresult *r = pg_rows(pg, c->kind->find, params);
    if (r == NULL) {
        return -1;
    }
    int row = 0, rows = PQntuples(r); /* in the order of the digests */
    int64_t n = 1;
    for (struct interned *e = c->unseen; e != NULL; e = e->next_unseen, n++) {
        if (row < rows && pg_cell_64(r, row, 0) == n) {
            e->id = pg_cell_64(r, row++, 1);
        } else {
            missing++;
        }
    }
    PQclear(r);
    return missing;
}

int interned_load(struct interned_cache *c, struct pg *pg, struct pg_params *params)
{
    if (c->unseen == NULL) {
        return 0;
    }
    int64_t missing = find_ids(c, pg, params);
    if (missing > 0) {
        missing = c->kind->add(c->unseen, pg, params) == -1 ? -1 : find_ids(c, pg, params);
    }
    if (missing != 0) {
        return -1;
    }
    for (struct interned *e = c->unseen; e != NULL; e = e->next_unseen) {
        bytes_release(&e->copy);
    }
    c->unseen = NULL;
    return 0;
}

int interned_use(struct interned_cache *c, struct interned *e, int32_t class, int32_t day)
{
    struct interned_use *use = NULL;
    for (uint32_t i = 0; i < e->use_count && use == NULL; i++) {
        use = e->uses[i].class == class ? &e->uses[i] : NULL;
    }
    if (use != NULL && use->day >= day) {
        return 0;
    }
    if (use == NULL) {
        use = grow(e->uses, e->use_count, &e->use_size, sizeof *use);
        if (use == NULL) {
            return -1;
        }
        e->uses = use;
        use = &e->uses[e->use_count++];
    }
    *use = (struct interned_use){class, day, true};
    if (!e->moved) {
        e->moved = true;
        e->next_moved = c->moved;
        c->moved = e;
    }
    return 0;
}

int interned_write_uses(struct interned_cache *c, struct pg *pg, struct pg_params *params)
{
    if (c->moved == NULL) {
        return 0;
    }
    pg_params_begin(params);
    int ids = pg_add_array(params, PG_BIGINT), classes = pg_add_array(params, PG_SMALLINT),
        days = pg_add_array(params, PG_INTEGER);
    for (struct interned *e = c->moved; e != NULL; e = e->next_moved) {
        e->moved = false;
        for (uint32_t i = 0; i < e->use_count; i++) {
            if (e->uses[i].moved) {
                e->uses[i].moved = false;
                pg_put_64(params, ids, e->id);
                pg_put_16(params, classes, (int16_t)e->uses[i].class);
                pg_put_32(params, days, e->uses[i].day);
            }
        }
    }
    c->moved = NULL;
    return pg_run(pg, c->kind->use, params);
}

void interned_forget(struct interned_cache *c, uint64_t stamp)
{
    while (c->newest != NULL && c->newest->stamp == stamp) {
        forget(c, c->newest);
    }
    c->unseen = c->moved = NULL;
}

void interned_trim(struct interned_cache *c, uint64_t stamp)
{
    while (HASH_COUNT(c->table) > c->max && c->oldest->stamp != stamp) {
        forget(c, c->oldest);
    }
}

void interned_clear(struct interned_cache *c)
{
    while (c->newest != NULL) {
        forget(c, c->newest);
    }
    c->unseen = c->moved = NULL;
}

int64_t interned_remove_unused(struct interned_cache *c, struct pg *pg, struct pg_params *params,
                               const int32_t *first_days, uint32_t classes)
{
    pg_params_begin(params);
    int column = pg_add_array(params, PG_SMALLINT), days = pg_add_array(params, PG_INTEGER);
    for (uint32_t i = 0; i < classes; i++) {
        pg_put_16(params, column, (int16_t)i);
        pg_put_32(params, days, first_days[i]);
    }
    PGresult *r = pg_rows(pg, c->kind->trim, params);
    if (r == NULL) {
        return -1;
    }
    int64_t removed = pg_cell_64(r, 0, 0);
    PQclear(r);
    if (removed > 0) {
        interned_clear(c);
    }
    return removed;
}
