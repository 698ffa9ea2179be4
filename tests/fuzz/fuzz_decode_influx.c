/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as InfluxDB's line protocol. */
#include "decode_twice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const inputs[] = {"{\"decoder\": \"influx\"}"};
    decode_twice(inputs, 1, NULL, true, data, size);
    return 0;
}
