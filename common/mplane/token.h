/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens: the MD5 digests by which mPlane programs recognise specifications and capabilities. These
 * are not a matter of security. Pure: no clock, no sockets.
 */
#ifndef EZREPO_MPLANE_TOKEN_H
#define EZREPO_MPLANE_TOKEN_H

#include "common/mplane/mplane_message.h"

#define TOKEN_BYTES 16
#define TOKEN_TEXT  (2 * TOKEN_BYTES + 1) /* hexadecimal digits and a NUL */

/* The bytes as the text of a token. */
void token_text(const unsigned char bytes[TOKEN_BYTES], char token[TOKEN_TEXT]);

/*
 * The token of a specification without one, by its parameter values: what its sender expects in the
 * answer. Right only for a definite scope; a relative one always bears its token. Null counts as
 * "*". -1 when the arena is full.
 */
int token_of_specification(struct arena *a, const struct mplane_message *m, char token[TOKEN_TEXT]);

/*
 * The digest by values of any statement, which that token is; the registry tells which nulls are
 * times, that count as "None". A capability's values are all null. -1 when the arena is full.
 */
int token_of_values(struct arena *a, const struct mplane_message *m, const struct registry *r,
                    char token[TOKEN_TEXT]);

/* The token of a capability without one, by its constraints and metadata. -1 when the arena is
 * full. */
int token_of_capability(struct arena *a, const struct mplane_message *m, const struct registry *r,
                        char token[TOKEN_TEXT]);

/*
 * The same digest of a result or another statement that came without a token: by its values, and by
 * the constraints of the capability it stems from where that is known (else NULL). -1 when the
 * arena is full.
 */
int token_of_statement(struct arena *a, const struct mplane_message *m,
                       const struct mplane_message *capability, const struct registry *r,
                       char token[TOKEN_TEXT]);

#endif
