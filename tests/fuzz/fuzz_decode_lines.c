/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as lines: of ping's statistics, and by patterns with all kinds of fields. */
#include "decode_twice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const inputs[] = {
        "{\"decoder\": \"lines\", \"patterns\": [\"{host} : xmt/rcv/%{:word} = {x:int}/{r:int}[, "
        "min/avg = {min:num}/{avg:num}]\", \"[\\\\[{t:num}\\\\] ]{host} : {rtts:rest}\"], "
        "\"ignore\": [\"ICMP {:rest}\", \"[ ]{:int} alive\"], \"split\": {\"rtts\": \" \"}}",
        "{\"decoder\": \"lines\", \"patterns\": [\"{a:name}.{b:int}{c:num}\", "
        "\"{h:host}({n:numbers}"
        "[ {m:numbers}])\", \"{x}[{y}[{z:rest}]]\"], \"split\": {\"n\": \"-\", \"x\": \"aa\"}}"};
    decode_twice(inputs, 2, NULL, true, data, size);
    return 0;
}
