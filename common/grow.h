/* SPDX-License-Identifier: Apache-2.0 */
/* Lists that grow by doubling. */
#ifndef EZREPO_GROW_H
#define EZREPO_GROW_H

#include <stddef.h>
#include <stdint.h>

/*
 * Makes sure that a list of `count` elements, of element_bytes each, has room for one more: the
 * list, which may have moved, with *size elements of room; NULL when memory is out: then list and
 * size are as they were. An empty list is NULL with a size of 0; the caller frees it.
 */
void *grow(void *list, uint32_t count, uint32_t *size, size_t element_bytes);

#endif
