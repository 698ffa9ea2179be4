/* SPDX-License-Identifier: Apache-2.0 */
/* What the text of an exception tells programs: it is all that an exception has beside its token.
 */
#ifndef EZREPO_MPLANE_EXCEPTION_TEXT_H
#define EZREPO_MPLANE_EXCEPTION_TEXT_H

/* How it begins where what the specification says is at fault, and asking again helps nobody. */
#define MPLANE_AT_FAULT "the question is at fault"

#endif
