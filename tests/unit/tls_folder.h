/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of servers have on disk and on the network: a folder with a certificate, and ports. */
#ifndef EZREPO_TLS_FOLDER_H
#define EZREPO_TLS_FOLDER_H

#include <stdint.h>

/*
 * Makes the folder, whose name ends in XXXXXX (mkdtemp), with the files `certificate`, of the
 * identity Test.localhost and its own authority, and `key`. 0, or -1.
 */
int tls_folder_make(char *folder);

/* Removes it with all that is in it. 0, or -1. */
int tls_folder_remove(const char *folder);

/* A TCP port of 127.0.0.1 that nobody has now. */
uint16_t free_port(void);

#endif
