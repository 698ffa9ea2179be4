/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes of passwords: of whom they are, what is none, what can be a password. */
#include "tests/unit/faults.h"

#include "common/access/password.h"

/* By another implementation of scrypt: of "correct horse", with the salt 0 ... 15. */
#define OTHERS                                                                                     \
    "$scrypt$ln=10,r=8,p=1$AAECAwQFBgcICQoLDA0ODw$nfkj3u1fRTHCea+fVr03sWV770kp5wLOLoEakziKhqE"

static int matches(const char *password, const char *hash)
{
    return password_matches(slice_of(password), slice_of(hash));
}

static void test_hash(void **state)
{
    char one[PASSWORD_HASH_SIZE], two[PASSWORD_HASH_SIZE];
    (void)state;
    assert_int_equal(password_hash(slice_of("correct horse"), one), 0);
    assert_int_equal(password_hash(slice_of("correct horse"), two), 0);
    assert_string_not_equal(one, two);
    assert_memory_equal(one, "$scrypt$ln=15,r=8,p=3$", 22);
    assert_true(password_is_hash(slice_of(one)));
    assert_int_equal(matches("correct horse", one), 1);
    assert_int_equal(matches("correct horse ", one), 0);
    assert_int_equal(matches("", one), 0);
}

static void test_other_parameters(void **state)
{
    (void)state;
    assert_true(password_is_hash(slice_of(OTHERS)));
    assert_int_equal(matches("correct horse", OTHERS), 1);
    assert_int_equal(matches("correct house", OTHERS), 0);
}

static void test_what_is_none(void **state)
{
#define SALT_KEY "$AAECAwQFBgcICQoLDA0ODw$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    static const char *const none[] = {
        "", "$", "$$", "x", "$scrypt$ln=10,r=8,p=1", "$scrypt$ln=10,r=8,p=1$AAECAwQFBgcICQoLDA0ODw",
        "$scrypt$ln=10,r=8,p=1$$", "$scrypt$ln=+1,r=8,p=1" SALT_KEY,
        "$scrypt$ln=010,r=8,p=1" SALT_KEY, "$scrypt$ln=9,r=8,p=1" SALT_KEY,
        "$scrypt$ln=10,r=0,p=1" SALT_KEY, "$scrypt$ln=10,r=8,p=0" SALT_KEY,
        "$scrypt$ln=19,r=8,p=1" SALT_KEY, "$scrypt$ln=99,r=8,p=1" SALT_KEY,
        "$scrypt$ln=17,r=8,p=50" SALT_KEY, "$scrypt$ln=10,r=8,p=1,x" SALT_KEY,
        "$argon2id$ln=10,r=8,p=1" SALT_KEY, "$scrypt$ln=10,r=8,p=1" SALT_KEY "=",
        "$scrypt$ln=10,r=8,p=1" SALT_KEY "A",
        /* Bits behind the last byte. */
        "$scrypt$ln=10,r=8,p=1$AAECAwQFBgcICQoLDA0ODx$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        "$scrypt$ln=10,r=8,p=1$AAECAwQFBgcICQoLDA0OD!$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"};
    (void)state;
    assert_true(password_is_hash(slice_of("$scrypt$ln=10,r=8,p=1" SALT_KEY)));
    assert_true(password_is_hash(slice_of("$scrypt$ln=18,r=8,p=1" SALT_KEY)));
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_false(password_is_hash(slice_of(none[i])));
    }
    assert_false(password_is_hash((struct slice){NULL, 0}));
    assert_int_equal(matches("correct horse", ""), 0);
}

static void test_what_can_be_one(void **state)
{
    char long_one[PASSWORD_BYTES + 2];
    memset(long_one, 'x', sizeof long_one);
    long_one[PASSWORD_BYTES + 1] = '\0';
    (void)state;
    assert_null(password_fault(slice_of("0123456789")));
    assert_null(password_fault(slice_of("  ten  ten ")));
    /* Ten characters of two and four bytes. */
    assert_null(password_fault(slice_of("\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4"
                                        "\U0001f40e")));
    assert_non_null(password_fault(slice_of("012345678")));
    assert_non_null(password_fault(slice_of("\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4")));
    assert_non_null(password_fault(slice_of("")));
    assert_non_null(password_fault(slice_of("0123456789\x03")));
    assert_non_null(password_fault(slice_of("0123456789\xff")));
    assert_non_null(password_fault((struct slice){"0123456789\0", 11}));
    assert_non_null(password_fault(slice_of(long_one)));
    long_one[PASSWORD_BYTES] = '\0';
    assert_null(password_fault(slice_of(long_one)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash), cmocka_unit_test(test_other_parameters),
        cmocka_unit_test(test_what_is_none), cmocka_unit_test(test_what_can_be_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
