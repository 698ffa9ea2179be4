/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as blocks of lines: with an end and lists, and without. */
#include "decode_twice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const inputs[] = {
        "{\"decoder\": \"blocks\", \"begin\": \"to {d}\", \"lines\": [{\"pattern\": \"{hop:int} "
        "{rest:rest}\", \"into\": \"hops\"}, \"at {at}\"], \"end\": [\"end[ {code:int}]\"], "
        "\"strict\": true, \"ignore\": [\"#\"], \"split\": {\"rest\": \" \", \"at\": \".\"}}",
        "{\"decoder\": \"blocks\", \"begin\": [\"PING {name:host}[ ]({addr:host})\", \"b {n}\"], "
        "\"lines\": [\"\\\\[{t_first:num}\\\\] \", \"{loss:num}%\"]}"};
    decode_twice(inputs, 2, NULL, false, data, size);
    return 0;
}
