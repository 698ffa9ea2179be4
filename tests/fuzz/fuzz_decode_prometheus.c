/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as texts of Prometheus and of OpenMetrics. */
#include "decode_twice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const inputs[] = {"{\"decoder\": \"prometheus\"}",
                                         "{\"decoder\": \"prometheus\", \"openmetrics\": true}"};
    decode_twice(inputs, 2, NULL, false, data, size);
    return 0;
}
