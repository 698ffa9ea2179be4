/* SPDX-License-Identifier: Apache-2.0 */
/* mPlane results into records: what a record is of, its hops, what makes it itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "result_box.h"

static const struct record_message *with(const char *parameters, const char *metadata)
{
    char text[8192];
    snprintf(text, sizeof text, "{" PING WHEN ROW ",'parameters':%s,'metadata':%s}", parameters,
             metadata);
    return one(text);
}

static void test_dimensions(void **state)
{
    (void)state;
    /* The probe. */
    is(with("null", "null")->probe, "198.51.100.7");
    is(with("{}", "{'System_ID':'m'}")->probe, "m");
    is(with("{}", "{'record.probe':'n'}")->probe, "n");
    is(with("{'record.probe':'p'}", "{'System_ID':'m'}")->probe, "m");
    is(with("{'record.probe':'p'}", "{'System_ID':'*'}")->probe, "p");
    is(with("{'record.probe':'2001:DB8:0::1'}", "{}")->probe, "2001:db8::1");
    /* The ends: an address goes first, a port never. */
    is(with("{'source.ip4':'192.0.2.1','source.ip6':'2001:db8::1'}", "{}")->source, "192.0.2.1");
    is(with("{'source.interface':'eth0','source.ip6':'2001:DB8::0:1'}", "{}")->source,
       "2001:db8::1");
    is(with("{'source.port':'80','source.device':'d','source.as':'1'}", "{}")->source, "d");
    is(with("{'source.port':'80'}", "{}")->source, "");
    is(with("{'source.ip4':'*','source.ip6':null}", "{}")->source, "");
    is(with("{'destination.url':'http://x/'}", "{}")->dest, "http://x/");
    is(with("{'destination.ip4':'192.0.2.1'}", "{}")->dest, "192.0.2.1");
    is(with("{'destination.ip6':'::FFFF:192.0.2.1'}", "{}")->dest, "::ffff:192.0.2.1");
    is(with("{'destinations.ip4':'192.0.2.1'}", "{}")->dest, "");
    is(with("{}", "{'source.ip4':'192.0.2.1'}")->source, "");
    is(with("{'source.ip4':['192.0.2.1','192.0.2.2']}", "{}")->source,
       "[\"192.0.2.1\",\"192.0.2.2\"]");
    /* Given outright. */
    is(with("{'record.path':'p1'}", "{}")->path, "p1");
    is(with("{}", "{'record.path':'p2'}")->path, "p2");
    const struct record_message *m = with("{'record.type':'GLIMPSE','record.content':'UDP'}", "{}");
    is(m->type, "GLIMPSE");
    is(m->content, "UDP");
    m = with("{'record.type':'other'}", "{}");
    is(m->type, "other");
    is(m->content, ""); /* what the columns tell of a ping says nothing about another type */
    m = with("{'record.type':'ping'}", "{}");
    is(m->content, "ICMPECHO");
    m = with("{}", "{'record.content':'UDP'}");
    is(m->type, "ping");
    is(m->content, "UDP");
}

static void test_types(void **state)
{
    (void)state;
    const struct record_message *m =
        one("{'result':'m','label':'ott-1','results':['time','qos.level'],'parameters':{"
            "'content.url':'http://v/'},'resultvalues':[['2026-11-21 19:00:00','9']]}");
    is(m->type, "OTT");
    is(m->content, "http://v/");
    m = one("{'result':'m','results':['ott.contentQos']," WHEN "'resultvalues':[['9']]}");
    is(m->type, "OTT");
    is(m->content, "");
    m = one("{'result':'m','results':['rtt.ms.avg']," WHEN "'resultvalues':[['9']]}");
    is(m->type, "GLIMPSE");
    is(m->content, "ICMPECHO");
    is(one("{'result':'m','label':'flows-7','results':['x']," WHEN ROW "}")->type, "flows");
    is(one("{'result':'m','label':'flows','results':['x']," WHEN ROW "}")->type, "flows");
    is(one("{'result':'m','label':'a-b-c','results':['x']," WHEN ROW "}")->type, "a");
    refused(RESULT_TYPE, "expected record.type",
            "{'result':'m','label':'-7','results':['x']," WHEN ROW "}");
    refused(RESULT_TYPE, "", "{'result':'m','results':['x']," WHEN ROW "}");
    refused(RESULT_TYPE, "", "{'result':'m','label':null,'results':['x']," WHEN ROW "}");
}

/* What tells of hops is no ping; what failed is in the series of what did not. */
static void test_kinds(void **state)
{
    (void)state;
    const struct record_message *m =
        one("{'result':'m','label':'traceroute-x','results':['time','intermediate.ip4','hops.ip',"
            "'delay.twoway.icmp.us'],'resultvalues':[['2026-11-21 19:00:00','198.51.100.254',1,449]"
            "]}");
    is(m->type, "traceroute");
    is(m->content, "");
    assert_int_equal(m->hops_count, 0);
    m = one("{'result':'m','label':'ping-average-ip4'," WHEN
            "'results':['loss.ratio','result.code'],'resultvalues':[[1,1]]}");
    is(m->type, "ping");
    is(m->content, "ICMPECHO");
    m = one("{'result':'m','label':'scamper-ping-average-ip4'," WHEN
            "'results':['result.code'],'resultvalues':[[1]]}");
    is(m->type, "ping");
    is(m->content, "ICMPECHO");
    m = one("{'result':'m','label':'scamper-tracelb-standard-ip4'," WHEN
            "'results':['result.code'],'resultvalues':[[1]]}");
    is(m->type, "scamper-tracelb");
    is(m->content, "");
    /* A type that is given gives its content, whatever the columns. */
    m = one("{'result':'m','label':'x','parameters':{'record.type':'ping'}," WHEN
            "'results':['result.code'],'resultvalues':[[1]]}");
    is(m->content, "ICMPECHO");
    m = one("{'result':'m','label':'ott-download','parameters':{'content.url':'http://v/'}," WHEN
            "'results':['error'],'resultvalues':[['timeout']]}");
    is(m->type, "OTT");
    is(m->content, "http://v/");
    static const char *const glimpse[] = {"'rtt.ms.avg'", "'error'"};
    for (int i = 0; i < 2; i++) {
        char text[400];
        snprintf(text, sizeof text,
                 "{'result':'m','label':'glimpse-ping','parameters':{'glimpse.ping.type':'Udp',"
                 "'destination.url':'Www.Example.org'}," WHEN "'results':[%s],'resultvalues':"
                 "[['9']]}",
                 glimpse[i]);
        m = one(text);
        is(m->type, "GLIMPSE");
        is(m->content, "UDP");
        is(m->dest, "www.example.org");
    }
    /* A host's name stands there with its address and without. */
    is(with("{'destination.fqdn':'a.example','destination.ip4':'192.0.2.1'}", "{}")->dest,
       "a.example");
    is(with("{'destination.ip4':null,'destination.fqdn':'a.example'}", "{}")->dest, "a.example");
}

static void test_hosts(void **state)
{
    (void)state;
    is(with("{'destination.ip6':'[2001:DB8::1]'}", "{}")->dest, "2001:db8::1");
    is(with("{'destination.ip6':'WWW.Example.net.'}", "{}")->dest, "www.example.net");
    is(with("{'destination.ip6':'::1:2'}", "{}")->dest, "::1:2");
    is(with("{'destination.ip4':'192.0.2.1:443'}", "{}")->dest, "192.0.2.1:443");
    is(with("{'source.ip6':'fe80::1%eth0'}", "{}")->source, "fe80::1%eth0");
    /* Who measured has a name of its own making. */
    is(with("{'record.probe':'Probe.A'}", "{}")->probe, "Probe.A");
}

static void hops_are(const struct record_message *m, const char *const *hops, uint32_t count)
{
    assert_int_equal(m->hops_count, count);
    for (uint32_t i = 0; i < count; i++) {
        is(m->hops[i], hops[i]);
    }
}

#define TRACE "'result':'m','label':'t-1','when':'2026-11-21 19:00:00',"

/* All hops in one value are the record's hops, gaps kept; a hop a row are rows. */
static void test_hops(void **state)
{
    (void)state;
    static const char *const two[] = {"192.0.2.1", NULL, "2001:db8::1"};
    hops_are(one("{" TRACE "'results':['hops'],'resultvalues':[['192.0.2.1 * 2001:DB8::1']]}"), two,
             3);
    hops_are(one("{" TRACE "'results':['hops.ip4'],'resultvalues':[[['192.0.2.1',null,"
                 "'2001:db8:0::1']]]}"),
             two, 3);
    hops_are(one("{" TRACE "'results':['a'],'parameters':{'hops':'192.0.2.1->*->2001:db8::1'},"
                 "'resultvalues':[[1]]}"),
             two, 3);
    is(set.results->records->type, "traceroute");
    uint64_t digest = set.results->records->digest;
    one("{" TRACE "'results':['a'],'parameters':{'hops':'192.0.2.1,*'},'resultvalues':[[1]]}");
    assert_int_not_equal(set.results->records->digest, digest);
    /* Each row has its own. */
    read_text("{" TRACE "'results':['hops'],'resultvalues':[['192.0.2.1,192.0.2.2'],['*,*'],[7]]}");
    const struct record_message *m = records_by_row();
    assert_int_equal(m[0].hops_count, 2);
    assert_int_equal(m[1].hops_count, 0);
    assert_int_equal(m[2].hops_count, 0);
    /* No hops: a number, an address alone, names, something within. */
    static const char *const others[] = {
        "7", "'192.0.2.1'", "'a b'", "'192.0.2.1 a'", "[1]", "[['a']]", "[]", "{}", "''", "'[1'"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char text[300];
        snprintf(text, sizeof text, "{" TRACE "'results':['hops'],'resultvalues':[[%s]]}",
                 others[i]);
        hops_are(one(text), NULL, 0);
    }
}

/* A path of thirty hops is no reason to refuse a result; other text of that length is. */
static void test_long_path(void **state)
{
    (void)state;
    char path[2000], text[2400];
    size_t used = 0;
    for (int i = 0; i < 30; i++) {
        used += (size_t)snprintf(path + used, sizeof path - used,
                                 "2001:db8:aaaa:aaaa:aaaa:aaaa:aaaa:%x ", 0xaa00 + i);
    }
    assert_true(used > LIMIT_DIMENSION_BYTES);
    static const char form[] =
        "{" TRACE "'results':['delay.twoway.icmp.us'],'parameters':{'record.path':'%s'},"
        "'resultvalues':[[1]]}";
    snprintf(text, sizeof text, form, path);
    const struct record_message *m = one(text);
    is(m->path, "");
    assert_int_equal(m->hops_count, 30);
    is(m->hops[29], "2001:db8:aaaa:aaaa:aaaa:aaaa:aaaa:aa1d");
    is(m->type, "ping");
    path[3] = 'x';
    snprintf(text, sizeof text, form, path);
    refused(RESULT_LENGTH, "record.path: expected at most 1024 bytes", text);
    is(with("{'record.path':'192.0.2.1 192.0.2.2'}", "{}")->path, "192.0.2.1 192.0.2.2");
}

/* The digest of a result's only record, whose values are these. */
static uint64_t digest_of(const char *rows, const char *more)
{
    char text[600];
    snprintf(text, sizeof text,
             "{'result':'measure','label':'l','when':'2026-11-21 19:00:00','results':['a','b'],%s"
             "'resultvalues':%s}",
             more, rows);
    return one(text)->digest;
}

/* What is measured makes a record another one; how it is sent does not. */
static void test_identity(void **state)
{
    (void)state;
    uint64_t digest = digest_of("[[1.5,true]]", "");
    assert_in_range(digest, 1, LIMIT_DIGEST);
    assert_int_equal(digest_of("[['+1.50',true]]", ""), digest);
    assert_int_equal(digest_of("[[1.5,true]]", "'parameters':{'p':1},'token':'t',"), digest);
    assert_int_not_equal(digest_of("[[1.5,'True']]", ""), digest);
    assert_int_not_equal(digest_of("[[1.5,null]]", ""), digest);
    assert_int_not_equal(digest_of("[[1.5001,true]]", ""), digest);
    assert_int_equal(digest_of("[['[1]',null]]", ""), digest_of("[['[1]','*']]", ""));
    assert_int_not_equal(digest_of("[['[1]',null]]", ""), digest_of("[[[1],null]]", ""));
    /* The order of columns is nothing that was measured. */
    one("{'result':'measure','label':'l','when':'2026-11-21 19:00:00','results':['b','a'],"
        "'resultvalues':[[true,1.5]]}");
    assert_int_equal(set.results->records->digest, digest);
    is(set.results->schema.format, "mplane");
    /* Another end. */
    one("{'result':'measure','label':'l','when':'2026-11-21 19:00:00 ... 2026-11-21 19:00:01',"
        "'results':['a','b'],'resultvalues':[[1.5,true]]}");
    assert_int_not_equal(set.results->records->digest, digest);
}

/* Of rows that say the same each is a record of its own; sent again they are the same again. */
static void test_equal_rows(void **state)
{
    (void)state;
    static const char rows[] =
        "{'result':'measure','label':'l','results':['time','a'],'resultvalues':"
        "[['2026-11-21 19:00:00',1],['2026-11-21 19:00:01','1'],['2026-11-21 19:00:00',7],"
        "['2026-11-21 19:00:00','1.0'],['2026-11-21 19:00:00',1]]}";
    uint64_t digest[2][5];
    for (int again = 0; again < 2; again++) {
        read_text(rows);
        assert_int_equal(set.results->count, 5);
        const struct record_message *m = records_by_row();
        for (int i = 0; i < 5; i++) {
            digest[again][i] = m[i].digest;
        }
        for (uint32_t i = 1; i < 5; i++) {
            const struct record_message *x = &set.results->records[i - 1], *y = x + 1;
            assert_true(x->t_start_us < y->t_start_us ||
                        (x->t_start_us == y->t_start_us && x->digest < y->digest));
        }
    }
    assert_memory_equal(digest[0], digest[1], sizeof digest[0]);
    const uint64_t *d = digest[0];
    assert_true(d[0] != d[2] && d[0] != d[3] && d[0] != d[4] && d[3] != d[4]);
    /* The first of them is what it would be alone, and at another time none is before it. */
    one("{'result':'measure','label':'l','when':'2026-11-21 19:00:00','results':['a'],"
        "'resultvalues':[[1]]}");
    assert_int_equal(set.results->records->digest, d[0]);
    one("{'result':'measure','label':'l','when':'2026-11-21 19:00:01','results':['a'],"
        "'resultvalues':[[1]]}");
    assert_int_equal(set.results->records->digest, d[1]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, result_box_preset)
    const struct CMUnitTest tests[] = {
        TEST(test_dimensions), TEST(test_types),     TEST(test_kinds),    TEST(test_hosts),
        TEST(test_hops),       TEST(test_long_path), TEST(test_identity), TEST(test_equal_rows),
    };
    return cmocka_run_group_tests(tests, result_box_open, result_box_close);
}
