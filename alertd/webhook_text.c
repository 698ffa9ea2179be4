/* SPDX-License-Identifier: Apache-2.0 */
/* JSON, written; OpenSSL's HMAC. */
#include "alertd/webhook_text.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>

#include "alertd/alert_text.h"
#include "common/json.h"

#define CODE_BYTES        32
#define FINGERPRINT_BYTES 8
#define NO_END            "0001-01-01T00:00:00Z" /* as Alertmanager says it */

/* The same for alerts of the same labels, and no other; "" where the library fails. */
static void print_fingerprint(FILE *f, const struct alert *a)
{
    unsigned char digest[CODE_BYTES];
    if (EVP_Digest(a->key, strlen(a->key), digest, NULL, EVP_sha256(), NULL) == 1) {
        for (int i = 0; i < FINGERPRINT_BYTES; i++) {
            fprintf(f, "%02x", digest[i]);
        }
    }
}

static void print_alert(FILE *f, const struct alert *a, bool fires)
{
    char starts[ALERT_TIME_BYTES], ends[ALERT_TIME_BYTES] = NO_END;
    alert_time(a->fired_us, starts);
    if (!fires) {
        alert_time(a->resolved_us, ends);
    }
    fprintf(f, "{\"status\":\"%s\",\"id\":\"%s\",\"labels\":%s,\"annotations\":%s,",
            fires ? "firing" : "resolved", a->id, a->labels, a->annotations);
    fprintf(f, "\"startsAt\":\"%s\",\"endsAt\":\"%s\",\"generatorURL\":", starts, ends);
    json_print_string(f, a->link);
    fputs(",\"fingerprint\":\"", f);
    print_fingerprint(f, a);
    fputs("\"}", f);
}

void webhook_print(FILE *f, const struct alert_batch *b, const char *receiver, const char *page_url)
{
    const char *route = b->item[0].alert->route; /* a name: nothing in it is to be escaped */
    fprintf(f, "{\"version\":\"4\",\"groupKey\":\"%s\",\"truncatedAlerts\":0,\"status\":\"%s\",",
            route, b->fires ? "firing" : "resolved");
    fprintf(f, "\"receiver\":\"%s\",\"groupLabels\":{\"alertname\":\"%s\"},", receiver, route);
    fprintf(f, "\"commonLabels\":{\"alertname\":\"%s\"},\"commonAnnotations\":{},", route);
    fputs("\"externalURL\":", f);
    json_print_string(f, page_url);
    fputs(",\"alerts\":[", f);
    for (unsigned i = 0; i < b->count; i++) {
        fputs(i > 0 ? "," : "", f);
        print_alert(f, b->item[i].alert, b->fires);
    }
    fputs("]}", f);
}

static bool compute(struct slice secret, struct slice head, struct slice body,
                    unsigned char code[EVP_MAX_MD_SIZE], size_t *size)
{
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *c = hmac == NULL ? NULL : EVP_MAC_CTX_new(hmac);
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0),
                                 OSSL_PARAM_construct_end()};
    bool good = c != NULL &&
                EVP_MAC_init(c, (const unsigned char *)secret.at, secret.len, params) == 1 &&
                EVP_MAC_update(c, (const unsigned char *)head.at, head.len) == 1 &&
                EVP_MAC_update(c, (const unsigned char *)body.at, body.len) == 1 &&
                EVP_MAC_final(c, code, size, EVP_MAX_MD_SIZE) == 1;
    EVP_MAC_CTX_free(c);
    EVP_MAC_free(hmac);
    return good && *size == CODE_BYTES;
}

int webhook_sign(struct slice secret, int64_t seconds, struct slice body,
                 char signature[WEBHOOK_SIGNATURE_BYTES])
{
    char head[32];
    unsigned char code[EVP_MAX_MD_SIZE];
    size_t size = 0;
    snprintf(head, sizeof head, "%" PRId64 ".", seconds);
    if (!compute(secret, slice_of(head), body, code, &size)) {
        return -1;
    }
    int at = snprintf(signature, WEBHOOK_SIGNATURE_BYTES, "t=%" PRId64 ",v1=", seconds);
    for (size_t i = 0; i < size; i++) {
        at += snprintf(signature + at, WEBHOOK_SIGNATURE_BYTES - (size_t)at, "%02x", code[i]);
    }
    return 0;
}
