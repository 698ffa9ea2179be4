/* SPDX-License-Identifier: Apache-2.0 */
/* The document of who may do what (common/access/README.md), as the database has it. */
#ifndef EZREPO_STORED_ACCESS_TABLE_H
#define EZREPO_STORED_ACCESS_TABLE_H

#include "common/pg/pg.h"

struct access_table {
    uint64_t version;         /* 0: not read */
    uint64_t digest;          /* the first 8 bytes of SHA-256 over `whole` */
    struct bytes open, whole; /* without and with the secrets of keys */
};

/* Reads it afresh. 0, or -1 on a failure of the database or of memory: then it is not read. */
int access_table_load(struct access_table *t, struct pg *pg);
void access_table_release(struct access_table *t);

#endif
