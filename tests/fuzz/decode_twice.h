/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets of decoders share. */
#ifndef EZREPO_FUZZ_DECODE_TWICE_H
#define EZREPO_FUZZ_DECODE_TWICE_H

#include <stdint.h>

#include "common/formats/decode.h"

/*
 * Bytes into documents by one of the inputs, cut into pieces: the first byte says which and how.
 * However they are cut, the same comes of them; documents are whole trees of text within their
 * limits; what is no document says why. `apart`: no byte is in two documents, or in one and passed
 * over.
 */
void decode_twice(const char *const *inputs, size_t count, const struct json_reach *reach,
                  bool apart, const uint8_t *data, size_t size);

#endif
