/* SPDX-License-Identifier: Apache-2.0 */
/* One statement makes the document. */
#include "stored/access/access_table.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "common/network_order.h"
#include "stored/db/sql.h"

static int digest_of(struct access_table *t)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    size_t size = sizeof sum;
    if (EVP_Q_digest(NULL, "SHA256", NULL, t->whole.at, t->whole.len, sum, &size) != 1) {
        return -1;
    }
    t->digest = network_order_get(sum);
    return 0;
}

int access_table_load(struct access_table *t, struct pg *pg)
{
    access_table_release(t);
    PGresult *r = pg_rows(pg, SQL_ACCESS_DOCUMENT, NULL);
    if (r == NULL) {
        return -1;
    }
    bytes_put(&t->open, pg_cell_text(r, 0, 1));
    bytes_put(&t->whole, pg_cell_text(r, 0, 2));
    if (t->open.failed || t->whole.failed || digest_of(t) == -1) {
        snprintf(pg->message, sizeof pg->message, "out of memory");
        access_table_release(t);
        PQclear(r);
        return -1;
    }
    t->version = (uint64_t)pg_cell_64(r, 0, 0);
    PQclear(r);
    return 0;
}

void access_table_release(struct access_table *t)
{
    bytes_release(&t->open);
    bytes_release(&t->whole);
    memset(t, 0, sizeof *t);
}
