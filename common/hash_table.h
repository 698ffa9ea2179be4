/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uthash, whose additions may fail without ending the process: where memory is out, the element is
 * not in the table, and the `tbl` of its handle is NULL.
 */
#ifndef EZREPO_HASH_TABLE_H
#define EZREPO_HASH_TABLE_H

#define HASH_NONFATAL_OOM 1

#include <uthash.h>

#endif
