/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mplane/identity: the subjects of certificates and the identity each gives, as three SDK set-ups
 * see it. Each subject is encoded and decoded again, as it would come out of a certificate.
 */
#include "tests/golden/mplane_vectors.h"

#include <openssl/objects.h>

#include "common/http/peer_identity.h"

static void add(X509_NAME *name, struct slice attribute, struct slice value, bool same_set)
{
    char key[64];
    snprintf(key, sizeof key, "%.*s", (int)attribute.len, attribute.at);
    int nid = OBJ_txt2nid(key);
    assert_int_not_equal(nid, NID_undef);
    assert_int_equal(X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8,
                                                (const unsigned char *)value.at, (int)value.len, -1,
                                                same_set ? -1 : 0),
                     1);
}

/* [[["domainComponent", "org"]], ...]: relative names, each a list of attributes. */
static X509_NAME *name_of_list(const struct json *list)
{
    X509_NAME *name = X509_NAME_new();
    for (const struct json *rdn = list->first; rdn != NULL; rdn = rdn->next) {
        for (const struct json *e = rdn->first; e != NULL; e = e->next) {
            add(name, e->first->text, e->first->next->text, e != rdn->first);
        }
    }
    return name;
}

/* "Subject: DC = org, DC = mplane, CN = x": for certificates that no program accepted. */
static X509_NAME *name_of_text(struct slice text)
{
    X509_NAME *name = X509_NAME_new();
    const char *at = text.at + strlen("Subject: "), *end = text.at + text.len;
    while (at < end) {
        const char *equals = memmem(at, (size_t)(end - at), " = ", 3);
        assert_non_null(equals);
        const char *comma = memmem(equals, (size_t)(end - equals), ", ", 2);
        const char *stop = comma == NULL ? end : comma;
        add(name, (struct slice){at, (size_t)(equals - at)},
            (struct slice){equals + 3, (size_t)(stop - equals - 3)}, false);
        at = comma == NULL ? end : comma + 2;
    }
    return name;
}

/* As it comes out of a certificate. */
static X509_NAME *through_der(X509_NAME *name)
{
    unsigned char *der = NULL;
    int len = i2d_X509_NAME(name, &der);
    assert_in_range(len, 1, 4096);
    const unsigned char *at = der;
    X509_NAME *decoded = d2i_X509_NAME(NULL, &at, len);
    assert_non_null(decoded);
    OPENSSL_free(der);
    X509_NAME_free(name);
    return decoded;
}

static void check(struct arena *a, const struct json *c)
{
    const struct json *list = json_get(c, "peercert_subject");
    X509_NAME *name =
        through_der(list != NULL ? name_of_list(list) : name_of_text(vectors_text(c, "subject")));
    struct slice expected = list != NULL ? vectors_text(c, "peer_identity_as_client")
                                         : vectors_text(c, "local_identity");
    vectors_equal(peer_identity_of(a, name), expected, vectors_text(c, "cert"));
    if (list != NULL) {
        vectors_equal(expected, vectors_text(c, "peer_identity_as_server"), expected);
    }
    X509_NAME_free(name);
}

static void check_file(const char *file, const char *without_tls)
{
    struct arena *a = arena_new(16 << 20);
    const struct json *tree = vectors_json(a, file);
    const struct json *identities = json_get(tree, "identities");
    assert_non_null(identities);
    assert_int_equal(identities->count, 13);
    for (const struct json *c = identities->first; c != NULL; c = c->next) {
        check(a, c);
    }
    vectors_equal(vectors_text(tree, "dummy_dn"), slice_of(without_tls), slice_of(file));
    arena_free(&a);
}

static void test_identities(void **state)
{
    (void)state;
    check_file("identity/mami-rsa.json", "unauthenticated");
    check_file("identity/mami-ec.json", "unauthenticated");
    /* The older programs name it otherwise; it never goes over the wire. */
    check_file("identity/ri-sdk-rsa.json", "Identity.Unauthenticated.Default");
}

/* Subjects that are none: empty, with a NUL inside, too long. */
static void test_refused(void **state)
{
    (void)state;
    struct arena *a = arena_new(1 << 20);
    X509_NAME *name = X509_NAME_new();
    assert_null(peer_identity_of(a, name).at);
    add(name, slice_of("CN"), (struct slice){"a\0b", 3}, false);
    assert_null(peer_identity_of(a, name).at);
    X509_NAME_free(name);
    name = X509_NAME_new();
    char part[61];
    memset(part, 'x', sizeof part);
    for (int i = 0; i < PEER_IDENTITY_BYTES / 60; i++) {
        add(name, slice_of("OU"), (struct slice){part, 60}, false);
    }
    assert_null(peer_identity_of(a, name).at);
    X509_NAME_free(name);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identities),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
