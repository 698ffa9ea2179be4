/* SPDX-License-Identifier: Apache-2.0 */
/* common/pg/sqlstate: what failures mean that PostgreSQL tells, to each who asks. */
#include "common/pg/sqlstate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define DATA     1 /* these values are refused: stored looks for the record */
#define PASSES   2 /* may go well later: stored's migrations and queryd's askers are told so */
#define IN_WAY   4 /* a partition that cannot be made is passed over */
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* The names are those of PostgreSQL's manual. */
static const struct {
    const char *sqlstate;
    enum pg_meaning meaning;
    int says;
} known[] = {
    {"08000", PG_MEANS_AWAY, PASSES},            /* connection_exception */
    {"08006", PG_MEANS_AWAY, PASSES},            /* connection_failure */
    {"0A000", PG_MEANS_OTHER, 0},                /* feature_not_supported */
    {"22001", PG_MEANS_DATA, DATA},              /* string_data_right_truncation */
    {"22021", PG_MEANS_DATA, DATA},              /* character_not_in_repertoire */
    {"2200H", PG_MEANS_OTHER, 0},                /* sequence_generator_limit_exceeded */
    {"22P05", PG_MEANS_DATA, DATA},              /* untranslatable_character */
    {"23502", PG_MEANS_VIOLATED, DATA | IN_WAY}, /* not_null_violation */
    {"23505", PG_MEANS_TWICE, DATA | IN_WAY},    /* unique_violation */
    {"23514", PG_MEANS_VIOLATED, DATA | IN_WAY}, /* check_violation */
    {"25001", PG_MEANS_STATE, PASSES},           /* active_sql_transaction */
    {"25006", PG_MEANS_READ_ONLY, PASSES},       /* read_only_sql_transaction */
    {"25P02", PG_MEANS_STATE, PASSES},           /* in_failed_sql_transaction */
    {"28P01", PG_MEANS_OTHER, 0},                /* invalid_password */
    {"3D000", PG_MEANS_OTHER, 0},                /* invalid_catalog_name */
    {"3F000", PG_MEANS_MISSING, IN_WAY},         /* invalid_schema_name */
    {"40001", PG_MEANS_CONFLICT, PASSES},        /* serialization_failure */
    {"40P01", PG_MEANS_LOCKED, PASSES},          /* deadlock_detected */
    {"42501", PG_MEANS_FORBIDDEN, IN_WAY},       /* insufficient_privilege */
    {"42601", PG_MEANS_WRONG, IN_WAY},           /* syntax_error */
    {"42710", PG_MEANS_NAMED, IN_WAY},           /* duplicate_object */
    {"42809", PG_MEANS_WRONG, IN_WAY},           /* wrong_object_type */
    {"42883", PG_MEANS_MISSING, IN_WAY},         /* undefined_function */
    {"42P01", PG_MEANS_MISSING, IN_WAY},         /* undefined_table */
    {"42P06", PG_MEANS_MADE, IN_WAY},            /* duplicate_schema */
    {"42P07", PG_MEANS_MADE, IN_WAY},            /* duplicate_table */
    {"53100", PG_MEANS_RESOURCES, PASSES},       /* disk_full */
    {"53300", PG_MEANS_RESOURCES, PASSES},       /* too_many_connections */
    {"54000", PG_MEANS_DATA, DATA},              /* program_limit_exceeded */
    {"55000", PG_MEANS_STATE, PASSES},           /* object_not_in_prerequisite_state */
    {"55006", PG_MEANS_STATE, PASSES},           /* object_in_use */
    {"55P03", PG_MEANS_LOCKED, PASSES},          /* lock_not_available */
    {"57000", PG_MEANS_STATE, PASSES},           /* operator_intervention */
    {"57014", PG_MEANS_STOPPED, PASSES},         /* query_canceled */
    {"57P01", PG_MEANS_AWAY, PASSES},            /* admin_shutdown */
    {"57P03", PG_MEANS_AWAY, PASSES},            /* cannot_connect_now */
    {"58030", PG_MEANS_SYSTEM, PASSES},          /* io_error */
    {"P0001", PG_MEANS_OTHER, 0},                /* raise_exception */
    {"XX000", PG_MEANS_OTHER, 0},                /* internal_error */
};

static void test_each_means_one_thing(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(known); i++) {
        enum pg_meaning meaning = pg_meaning_of(known[i].sqlstate);
        int says = (pg_refuses_data(meaning) ? DATA : 0) | (pg_may_pass(meaning) ? PASSES : 0) |
                   (pg_stands_in_the_way(meaning) ? IN_WAY : 0);
        if (meaning != known[i].meaning || says != known[i].says) {
            print_error("%s: expected %d and %d, found %d and %d\n", known[i].sqlstate,
                        (int)known[i].meaning, known[i].says, (int)meaning, says);
            fail();
        }
    }
}

static void test_what_is_not_told(void **state)
{
    (void)state;
    assert_int_equal(pg_meaning_of(NULL), PG_MEANS_OTHER);
    assert_int_equal(pg_meaning_of(""), PG_MEANS_OTHER);
    assert_int_equal(pg_meaning_of("2"), PG_MEANS_OTHER);
    assert_int_equal(pg_meaning_of("235"), PG_MEANS_VIOLATED);
    assert_int_equal(pg_meaning_of("99999"), PG_MEANS_OTHER);
}

/* Nobody tries again for ever what these values cannot do. */
static void test_refused_data_does_not_pass(void **state)
{
    (void)state;
    for (int m = PG_MEANS_OTHER; m <= PG_MEANS_WRONG; m++) {
        assert_false(pg_refuses_data((enum pg_meaning)m) && pg_may_pass((enum pg_meaning)m));
        assert_false(pg_stands_in_the_way((enum pg_meaning)m) && pg_may_pass((enum pg_meaning)m));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_means_one_thing),
        cmocka_unit_test(test_what_is_not_told),
        cmocka_unit_test(test_refused_data_does_not_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
