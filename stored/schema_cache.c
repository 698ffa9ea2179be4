/* Schemas by the digest of their contents. */
#include "stored/schema_cache.h"

#include <openssl/evp.h>
#include <stdlib.h>

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

struct schema_entry *schema_get(struct schema_cache *c, const struct schema_message *schema)
{
    struct schema_entry *e = NULL;
    struct pack p;
    uint8_t digest[16];
    pack_init(&p);
    schema_encode(&p, schema);
    if (!pack_ok(&p) || digest_of(pack_bytes(&p), digest) == -1) {
        goto out;
    }
    HASH_FIND(hh, c->table, digest, sizeof digest, e);
    if (e != NULL) {
        goto out;
    }
    e = calloc(1, sizeof *e);
    if (e == NULL) {
        goto out;
    }
    memcpy(e->digest, digest, sizeof digest);
    bytes_put(&e->copy, pack_bytes(&p));
    HASH_ADD(hh, c->table, digest, sizeof e->digest, e);
    if (e->copy.failed || e->hh.tbl == NULL) {
        if (e->hh.tbl != NULL) {
            HASH_DEL(c->table, e);
        }
        bytes_release(&e->copy);
        free(e);
        e = NULL;
        goto out;
    }
    e->next_unseen = c->unseen;
    c->unseen = e;
out:
    pack_release(&p);
    return e;
}

static void put_names(struct pg_params *params, const struct slice *names, uint32_t count)
{
    int column = pg_add_array(params, PG_TEXT);
    for (uint32_t i = 0; i < count; i++) {
        pg_put_bytes(params, column, names[i]);
    }
}

static int load_one(struct schema_entry *e, struct pg *pg, struct pg_params *params,
                    struct arena *a)
{
    struct schema_message m;
    if (schema_decode_all((struct slice){e->copy.at, e->copy.len}, a, &m) == -1) {
        return -1;
    }
    pg_params_begin(params);
    pg_add_bytes(params, m.verb);
    pg_add_bytes(params, m.registry);
    put_names(params, m.results, m.results_count);
    put_names(params, m.parameters, m.parameters_count);
    put_names(params, m.metadata, m.metadata_count);
    pg_add_bytes(params, (struct slice){(const char *)e->digest, sizeof e->digest});
    PGresult *r = pg_rows(pg, SQL_SCHEMA_ID, params);
    if (r == NULL) {
        return -1;
    }
    e->id = PQntuples(r) == 1 ? pg_cell_32(r, 0, 0) : 0;
    PQclear(r);
    bytes_release(&e->copy);
    return e->id == 0 ? -1 : 0;
}

int schema_load(struct schema_cache *c, struct pg *pg, struct pg_params *params, struct arena *a)
{
    while (c->unseen != NULL) {
        if (load_one(c->unseen, pg, params, a) == -1) {
            return -1;
        }
        c->unseen = c->unseen->next_unseen;
    }
    return 0;
}

void schema_forget(struct schema_cache *c)
{
    struct schema_entry *e, *next;
    HASH_ITER(hh, c->table, e, next)
    {
        HASH_DEL(c->table, e);
        bytes_release(&e->copy);
        free(e);
    }
    c->unseen = NULL;
}

void schema_trim(struct schema_cache *c)
{
    if (HASH_COUNT(c->table) > c->max) {
        schema_forget(c);
    }
}
