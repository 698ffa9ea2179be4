/* SPDX-License-Identifier: Apache-2.0 */
/* The store's version, by which its writer and its readers know whether they speak of the same. */
#ifndef EZREPO_SCHEMAS_STORE_VERSION_H
#define EZREPO_SCHEMAS_STORE_VERSION_H

/* The number of the newest migration in sql/. */
#define STORE_VERSION 43

#endif
