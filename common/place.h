/* SPDX-License-Identifier: Apache-2.0 */
/* Where the programs' own files are: beside them when installed, in the source tree when not. */
#ifndef EZREPO_PLACE_H
#define EZREPO_PLACE_H

/*
 * The contracts (schemas/) that this program was built with: those of the source tree for a program
 * that runs in the folder it was built in, else those under the prefix it was installed to. Static.
 */
const char *place_of_schemas(void);

/* The files of the page (web/); likewise. */
const char *place_of_web(void);

#endif
