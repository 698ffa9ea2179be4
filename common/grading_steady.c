/* SPDX-License-Identifier: Apache-2.0 */
/* What is said once stands once among a grading's terms. Pure. */
#include "common/grading_steady.h"

void grading_leave_read(const struct document_place *at, bool known,
                        struct grading_condition *condition)
{
    enum grading_relation r = condition->relation;
    if (!document_number(at, &condition->leave) || !known) {
        return;
    }
    condition->has_leave = true;
    int order = number_compare(&condition->leave, &condition->limit);
    if (r == GRADING_EQ || r == GRADING_NE) {
        document_fault(at, "is for < <= > >= only");
    } else if ((r == GRADING_LT || r == GRADING_LE) && order < 0) {
        document_expected(at, "a number not below the limit");
    } else if ((r == GRADING_GT || r == GRADING_GE) && order > 0) {
        document_expected(at, "a number not above the limit");
    }
}

static bool read_whole(const struct document_place *object, const char *key, int64_t least,
                       int64_t most, uint32_t *value)
{
    struct document_place at = document_member(object, key);
    int64_t number = 0;
    if (at.node == NULL || !document_integer(&at, "a whole number", least, most, &number)) {
        return false;
    }
    *value = (uint32_t)number;
    return true;
}

static void read_side(const struct document_place *at, uint32_t *records, uint32_t *seconds)
{
    static const char *const keys[] = {"records", "seconds", NULL};
    uint32_t before = at->document->faults;
    if (!document_is_object_of(at, keys)) {
        return;
    }
    bool is_counted = read_whole(at, "records", 1, GRADING_HOLD_RECORDS, records);
    bool is_timed = read_whole(at, "seconds", 0, GRADING_STEADY_S, seconds);
    if (!is_counted && !is_timed && at->document->faults == before) {
        document_fault(at, "expected records, seconds or both, found neither");
    }
}

/* {"records": 3, "seconds": 60} of both sides, or such an object for `worse`, `better` or both. */
static void read_hold(const struct document_place *at, struct steady_terms *t)
{
    static const char *const keys[] = {"worse", "better", NULL};
    struct document_place worse = document_member(at, "worse");
    struct document_place better = document_member(at, "better");
    t->holds = t->worse_records = t->better_records = 1;
    if (worse.node == NULL && better.node == NULL) {
        read_side(at, &t->worse_records, &t->worse_s);
        t->better_records = t->worse_records;
        t->better_s = t->worse_s;
    } else if (document_is_object_of(at, keys)) {
        if (worse.node != NULL) {
            read_side(&worse, &t->worse_records, &t->worse_s);
        }
        if (better.node != NULL) {
            read_side(&better, &t->better_records, &t->better_s);
        }
    }
}

static void read_flap(const struct document_place *at, struct steady_terms *t)
{
    static const char *const keys[] = {"changes", "seconds", NULL};
    if (document_is_object_of(at, keys)) {
        struct document_place changes = document_member(at, "changes");
        struct document_place seconds = document_member(at, "seconds");
        if (changes.node == NULL) {
            document_expected(&changes, "a whole number 2..%d", GRADING_FLAP_CHANGES);
        }
        if (seconds.node == NULL) {
            document_expected(&seconds, "a whole number 1..%d", GRADING_STEADY_S);
        }
        (void)read_whole(at, "changes", 2, GRADING_FLAP_CHANGES, &t->flap_changes);
        (void)read_whole(at, "seconds", 1, GRADING_STEADY_S, &t->flap_s);
    }
}

void grading_steady_read(const struct document_place *block_at, struct grading *grading,
                         struct grading_block *block)
{
    struct document_place hold = document_member(block_at, "hold");
    struct document_place flap = document_member(block_at, "flap");
    struct steady_terms own = {0};
    if (hold.node == NULL && flap.node == NULL) {
        return;
    }
    if (hold.node != NULL) {
        read_hold(&hold, &own);
    }
    if (flap.node != NULL) {
        read_flap(&flap, &own);
    }
    uint32_t i = 0;
    while (i < grading->term_count && memcmp(&grading->terms[i], &own, sizeof own) != 0) {
        i++;
    }
    if (i == grading->term_count) {
        grading->terms[grading->term_count++] = own;
    }
    block->terms = i + 1;
}
