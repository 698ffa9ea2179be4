/* SPDX-License-Identifier: Apache-2.0 */
#include "common/answer_rows.h"

#include "common/number.h"
#include "common/when_time.h"

uint32_t answer_rows(const struct answer_message *m)
{
    return m->columns_count == 0 ? 0 : m->cells_count / m->columns_count;
}

const struct slice *answer_row(const struct answer_message *m, uint32_t row)
{
    return m->cells + (size_t)row * m->columns_count;
}

int64_t answer_time(struct slice cell, int64_t otherwise)
{
    int64_t us;
    return cell.at == NULL || when_time_parse(cell, &us) == -1 ? otherwise : us;
}

int64_t answer_number(struct slice cell)
{
    int64_t value = 0;
    if (cell.at != NULL) {
        number_integer(cell, 0, INT64_MAX, &value);
    }
    return value;
}
