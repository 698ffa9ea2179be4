/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing is known of any process yet: nobody is judged, and nobody absent. */
#include "stored/silence/signs.h"

int64_t signs_until_us(void)
{
    return INT64_MIN;
}

bool signs_absent(struct slice ingestd, struct slice door)
{
    (void)ingestd, (void)door;
    return false;
}
