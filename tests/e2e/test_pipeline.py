# SPDX-License-Identifier: Apache-2.0
"""
The whole way of a record, on real processes: counts are exact and grades are right while classifyds come and
go, thresholds change, processes are restarted, drained or killed, and while every door is given rubbish.
"""
import json
import os
import socket
import ssl
import threading
import time

import msgpack
import psycopg2
import pytest
import zmq
from conftest import ROOT, Load, ping, running_set, time_text

UDP_SAMPLES = os.path.join(ROOT, "tests", "golden", "udp")


@pytest.fixture(scope="module", name="calm")
def calm_set(build_dir):
    """For tests that only send, each from addresses or at times of its own, and ask. Records may be old."""
    with running_set(build_dir, ingestd={"past_limit_s": 100 * 366 * 86400}) as one:
        yield one


@pytest.fixture(scope="module", name="rough")
def rough_set(build_dir):
    """For tests under load, whose processes are restarted and killed: each leaves it whole, or fails itself."""
    with running_set(build_dir, ingestd={"retry_ms": 1000}) as one:
        yield one


def counters(one, name):
    """The counters of a process; of all classifyds together when it is they."""
    total = {}
    for p in one.processes(lambda each: name in (each, each.partition("-")[0])):
        for key, value in p["counters"].items():
            total[key] = total.get(key, 0) + value
    return total


def wait_counted(one, process, name, value):
    """Status files are a second old at most."""
    one.wait_for(lambda: counters(one, process).get(name) == value)


def wait_under_way(one, records=500):
    """Until so many more of the load's records were taken in, by an ingestd that may be stopped."""
    before = counters(one, "ingestd").get("accepted.records", 0)
    one.wait_for(lambda: counters(one, "ingestd").get("accepted.records", 0) >= before + records)
    one.wait_kept()


def count(one):
    return one.sql("SELECT count(*) FROM measurement")[0][0]


def assert_whole(one, records):
    """Everything that was accepted is there once, graded, and the periods follow from it."""
    one.wait_matched(records)
    assert count(one) == records
    assert one.periods_differ() == []
    for row in one.rows("query", "--grade", "overall"):
        assert int(row["records.graded"]) == records  # ping: the last rule always holds


def test_the_sdk_samples_are_what_they_are(calm):
    one = calm
    before = counters(one, "ingestd")
    own = ("--source", "127.0.0.1")
    for name in sorted(os.listdir(UDP_SAMPLES)):
        if name.endswith(".json"):
            with open(os.path.join(UDP_SAMPLES, name), "rb") as f, \
                    socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.sendto(f.read(), ("127.0.0.1", one.udp))
    one.wait_matched(8, *own)  # 1 + 3 (detail) + 3 (repeated) + 1 (OTT)
    assert one.matched("--type", "ping", "--content", "ICMPECHO", *own) == 7
    assert one.matched("--type", "OTT", "--content", "http://devimages.apple.com/*", *own) == 1
    wait_counted(one, "ingestd", "exceptions", before.get("exceptions", 0) + 1)
    wait_counted(one, "ingestd", "accepted.records", before.get("accepted.records", 0) + 8)
    graded = one.rows("query", "--type", "OTT", "--range", "5", *own)
    assert {row["grade.name"]: int(row["records.graded"]) for row in graded} == \
        {"overall": 1, "bandWidth": 1}
    assert int(one.rows("query", "--type", "ping", "--grade", "overall", "--range", "4", *own)[0]
               ["records.graded"]) == 7
    record = one.rows("records", "--type", "OTT", "--grade", "overall", *own)[0]
    whole = json.loads(record["results.repo"])
    with open(os.path.join(UDP_SAMPLES, "ott-download.json"), encoding="utf-8") as f:
        sent = json.load(f)
    assert whole["parameters"] == sent["parameters"]
    assert dict(zip(whole["results"], whole["resultvalues"][0])).items() <= \
        {**dict(zip(sent["results"], sent["resultvalues"][0])), "time": whole["when"]}.items()


@pytest.mark.parametrize("statement", ["SELECT lo_create(0)", "SELECT lo_from_bytea(0, 'x')", "CREATE TEMP TABLE t (x int)"])
def test_who_may_only_read_cannot_fill_the_disk(calm, statement):
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        calm.sql("SET transaction_read_only = off; " + statement, role="ezrepo_query")


def test_values_come_back_as_they_were_sent(calm):
    value = str(2 ** 64 - 1)
    message = ping("192.0.2.7", time_text(time.time()))
    message["resultvalues"] = [[value, 0.1000000000000000055511151231257827, None, "n/a"]]
    text = json.dumps(message).replace("0.1,", "0.1000000000000000055511151231257827,")
    calm.send([text])
    calm.wait_matched(1, "--dest", "192.0.2.7")
    record = calm.rows("records", "--grade", "overall", "--dest", "192.0.2.7")[0]
    assert json.loads(record["results.repo"])["resultvalues"] == \
        [[value, "0.1000000000000000055511151231257827", None, "n/a"]]


def test_failures_end_the_good_period_and_hops_are_no_pings(calm):
    """Reports of failure have other columns; a traceroute of the same pair carries the same delay as a ping."""
    began = time.time() - 120
    at = lambda seconds: time_text(began + seconds)  # noqa: E731
    failure = {"results": ["loss.ratio", "result.code"], "resultvalues": [["1", "1"]]}
    trace = {"label": "traceroute-x", "results": ["time", "intermediate.ip4", "hops.ip", "delay.twoway.icmp.us"],
             "resultvalues": [[at(35), "198.51.100.254", 1, 449], [at(35.1), None, 2, None]]}
    long_way = " ".join(f"2001:db8:aaaa:aaaa:aaaa:aaaa:aaaa:{0xaa00 + i:x}" for i in range(30))
    lines = [ping("192.0.2.19", at(s)) for s in (0, 10, 20)] + \
        [ping("192.0.2.19", at(s), **failure) for s in (30, 40)] + [ping("192.0.2.19", at(50))] + \
        [ping("192.0.2.19", at(35), **trace)] + \
        [ping("192.0.2.19", at(55), results=["hops"], resultvalues=[[long_way]])]
    calm.send(lines)
    own = ("--dest", "192.0.2.19")
    calm.wait_matched(9, *own)
    grades = [row["grade.value"] for row in calm.rows("periods", "--type", "ping", "--content", "ICMPECHO",
                                                      "--grade", "overall", *own)]
    assert len(grades) == 3 and int(grades[1]) == 1 and grades[0] == grades[2] != grades[1], grades
    assert calm.matched("--type", "ping", "--content", "", *own) == 0
    assert calm.matched("--type", "traceroute") == 3
    assert calm.sql("SELECT cardinality(addresses) FROM hops") == [(30,)]
    assert "good" in calm.cmd("types", "check").stdout


def test_one_host_is_one_series_however_it_is_spelled(calm):
    now = time.time() - 60
    spellings = ["www.example.net", "WWW.Example.net", "www.example.net.", "[2001:DB8::1]", "2001:db8:0::1", "::1:2",
                 "192.0.2.1:443", "fe80::1%eth0"]
    calm.send([ping("2001:db8::9", time_text(now + i),
                    parameters={"source.ip6": "2001:db8::2", "destination.ip6": host})
               for i, host in enumerate(spellings)])
    own = ("--source", "2001:db8::2")
    calm.wait_matched(len(spellings), *own)
    dests = calm.sql("SELECT dest, host(dest_addr) FROM series WHERE source = '2001:db8::2' ORDER BY dest COLLATE \"C\"")
    assert [d for d, _ in dests] == ["192.0.2.1:443", "2001:db8::1", "::1:2", "fe80::1%eth0", "www.example.net"]
    assert calm.matched("--dest", "www.example.net", *own) == 3
    assert calm.matched("--dest", "192.0.2.0/24", *own) == 1
    assert calm.matched("--dest", "fe80::/10", *own) == 1
    assert calm.matched("--dest", "2001:db8::/32", *own) == 2


def test_scaling_classifyd_under_load_keeps_counts_exact(rough):
    one = rough
    before, drops = count(one), counters(one, "ingestd")["kernel.drops"]
    with Load(one) as load:
        for n in (4, 1, 3, 1):
            time.sleep(2)
            one.cmd("scale", "classifyd", str(n))
            running = [p for p in one.status()["processes"] if p["process"] == "classifyd"
                       and p["state"] == "running"]
            assert len(running) == n
        load.stop()
    assert_whole(one, before + load.records)
    assert counters(one, "ingestd")["kernel.drops"] == drops


THRESHOLD = "delay.twoway.icmp.us.mean"


def halves(limit):
    """A document whose grade tells, from the record alone, which limit graded it."""
    return {"grading": [{"gradeName": "overall", "appliesTo": {"recordType": "ping"},
                         "gradingRules": [
                             {"grade": 5, "if": [{"metric": THRESHOLD, "rel": "<", "limit": limit}]},
                             {"grade": 1}]}]}


def test_each_record_is_graded_by_the_version_it_names(make_set, tmp_path):
    one = make_set("--classifyd", "2")
    one.up()
    # As soon as `up` returns there is a grading, and the classifyds have it.
    assert {row["grade.name"] for row in one.rows("query")} == {"overall", "bandWidth"}
    assert [p["counters"]["grading.version"] for p in one.status()["processes"] if p["process"] == "classifyd"] == [1, 1]
    limits = {}
    with Load(one, 15000) as load:
        for limit in (20000, 40000, 60000, 80000):
            time.sleep(1.5)
            file = tmp_path / "grading.json"
            file.write_text(json.dumps(halves(limit)))
            one.cmd("grading", "set", str(file))
            limits[one.sql("SELECT max(version) FROM grading")[0][0]] = limit
        load.finish()
    one.wait_for(lambda: all(p["counters"].get("grading.version") == max(limits)
                             for p in one.processes(lambda name: name.startswith("classifyd"))))
    with Load(one, 500) as after:  # whatever the machine does: these come after the last publication
        after.finish()
    one.wait_matched(load.records + after.records)
    versions = dict(one.sql("SELECT grading_version, count(*) FROM measurement GROUP BY 1"))
    assert set(limits) & set(versions), versions
    assert sum(versions.values()) == load.records + after.records
    for version, limit in limits.items():
        wrong = one.sql("""
            SELECT count(*) FROM measurement m JOIN schema s ON s.id = m.schema_id,
                (SELECT id FROM grade_name WHERE name = 'overall') g
            WHERE m.grading_version = %s AND m.grades[g.id] <>
                CASE WHEN m."values"[array_position(s.results, %s)]::numeric < %s
                     THEN 5 ELSE 1 END""", version, THRESHOLD, limit)
        assert wrong == [(0,)]
    assert one.periods_differ() == []
    # Once it is in force everywhere, all that follows is graded by it.
    assert max(versions) == max(limits)


def test_a_grading_with_faults_is_refused_whole(calm, tmp_path):
    document = halves(1)
    document["grading"][0]["gradingRules"][0]["if"][0]["rel"] = "~"
    document["grading"][0]["gradingRules"][1]["grade"] = 6
    file = tmp_path / "grading.json"
    file.write_text(json.dumps(document))
    for words in (("grading", "check", str(file)), ("grading", "set", str(file))):
        done = calm.cmd(*words, check=False)
        said = done.stdout + done.stderr
        assert done.returncode == 1
        assert "grading[0].gradingRules[0].if[0].rel" in said
        assert "grading[0].gradingRules[1].grade" in said
    assert calm.sql("SELECT max(version) FROM grading") == [(1,)]


def test_down_under_load_loses_nothing_that_was_accepted(make_set):
    """The first SIGTERM drains: what ingestd took is committed before the set is down."""
    one = make_set("--classifyd", "2")
    one.up()
    with Load(one, rate=3000):
        wait_under_way(one, 6000)
        one.down()
    with open(one.status_file("ingestd"), encoding="utf-8") as f:
        last = json.load(f)
        accepted = last["counters"]["accepted.records"]
    assert last["state"] == "stopped"
    assert "exit=0" in one.logs()["ingestd.log"].splitlines()[-1]
    assert accepted > 3000
    one.up()
    assert_whole(one, accepted)


@pytest.mark.parametrize("name", ["classifyd", "stored", "queryd", "mplane-gw", "postgres"])
def test_a_restart_under_load_is_recovered_from(rough, name):
    one, before = rough, count(rough)
    with Load(one, rate=500) as load:
        wait_under_way(one)
        one.cmd("restart", name)
        wait_under_way(one)
        load.stop()
    assert_whole(one, before + load.records)


@pytest.mark.parametrize("name", ["classifyd-0", "stored"])
def test_kill_nine_under_load_is_recovered_from(rough, name):
    one, before = rough, count(rough)
    with Load(one, rate=500) as load:
        wait_under_way(one)
        killed = one.kill(name)
        one.wait_for(lambda: one.process(name)["pid"] not in (killed, None, 0))
        wait_under_way(one)
        load.stop()
    assert_whole(one, before + load.records)


def test_a_restarted_ingestd_loses_nothing(rough):
    """Its sockets are kept for the next one, and what it had not seen stored is in its spool."""
    before = count(rough)
    with Load(rough, rate=500) as load:
        wait_under_way(rough)
        rough.cmd("restart", "ingestd")
        wait_under_way(rough)
        load.stop()
    assert_whole(rough, before + load.records)


# ---- rubbish at every door ----

def zmq_peers(one):
    """Whoever may enter run_dir can send anything to any of the ZeroMQ sockets."""
    frames = [b"", b"\x00" * 100, b"\xdd\xff\xff\xff\xff", msgpack.packb([1, 0, 0]), os.urandom(2000),
              msgpack.packb([1, 8, "x"]), msgpack.packb({"a": 1})]
    context = zmq.Context()
    for kind, endpoint in ((zmq.PUSH, "graded"), (zmq.DEALER, "store"), (zmq.DEALER, "query"),
                           (zmq.DEALER, "access"), (zmq.DEALER, "admin"), (zmq.SUB, "announce")):
        s = context.socket(kind)
        s.setsockopt(zmq.LINGER, 60000)
        if kind == zmq.SUB:
            s.setsockopt(zmq.SUBSCRIBE, b"")
        s.connect(f"ipc://{one.endpoint(endpoint)}")
        for frame in frames if kind != zmq.SUB else []:
            s.send(frame)
            s.send_multipart([frame, frame, frame])
            s.send_multipart([frame] * 9)
        time.sleep(0.2)
        s.close()
    raw = socket.socket(socket.AF_UNIX)  # not even ZeroMQ
    raw.connect(one.endpoint("graded"))
    raw.sendall(b"GET / HTTP/1.1\r\n\r\n" * 50)
    raw.close()
    context.term()


RUBBISH = [b"", b"{", b"\xff\xfe", b"[" * 10000, b'{"result": 5}', b"null", b"{}",
           b'{"specification": "query", "version": 1}', os.urandom(60000), b"\x00" * 65507,
           json.dumps(ping("192.0.2.1", "now ... future")).encode(),
           json.dumps(ping("192.0.2.1", "1970-01-01 00:00:00")).encode(),
           json.dumps(ping("192.0.2.1", "2999-01-01 00:00:00")).encode()]


def rubbish_over_udp(one):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for bytes_ in RUBBISH:
            s.sendto(bytes_, ("127.0.0.1", one.udp))


def rubbish_over_https(one):
    files = one.client_files()
    context = ssl.create_default_context(cafile=files["ca"])
    context.load_cert_chain(files["cert"], files["key"])
    for request in (b"\x16\x03\x01\x00\x05hello", b"GET / HTTP/1.1\r\n\r\n" * 3, b"", os.urandom(3000)):
        with socket.create_connection(("127.0.0.1", one.https)) as s:  # no TLS at all
            s.sendall(request)
    for request in (b"BREW / HTCPCP/1.0\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
                    b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"GET /" + b"a" * 200000,
                    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-mplane+json\r\n"
                    b"Content-Length: 5\r\n\r\n[[[[[", os.urandom(3000)):
        with socket.create_connection(("127.0.0.1", one.https)) as raw:
            with context.wrap_socket(raw, server_hostname="localhost") as s:
                try:
                    s.sendall(request)
                    s.settimeout(1)
                    s.recv(1000)
                except (OSError, ssl.SSLError):
                    pass  # closed on us: as it may be


def test_rubbish_at_every_door_disturbs_nobody(rough):
    """Nobody else who shares the set has anything refused."""
    one, before = rough, count(rough)
    pids = {p["name"]: p["pid"] for p in one.status()["processes"]}
    doors = [threading.Thread(target=door, args=(one,))
             for door in (zmq_peers, rubbish_over_udp, rubbish_over_https)]
    with Load(one, 6000) as load:
        for door in doors:
            door.start()
        for door in doors:
            door.join(300)
            assert not door.is_alive()
        load.finish()
    assert_whole(one, before + load.records)
    assert {p["name"]: p["pid"] for p in one.status()["processes"]} == pids
    wait_counted(one, "ingestd", "datagrams.rejected", len(RUBBISH))
    rejected = {k: v for k, v in counters(one, "ingestd").items() if k.startswith("rejected.") and v}
    assert {"rejected.json", "rejected.kind", "rejected.time", "rejected.time.past",
            "rejected.time.future"} <= set(rejected), rejected
    one.wait_for(lambda: counters(one, "stored").get("malformed.batches", 0) > 0)
    one.wait_for(lambda: one.sql("SELECT count(*) FROM rejected")[0][0] >= sum(rejected.values()))
    kept = dict(one.sql("SELECT reason, count(*) FROM rejected GROUP BY 1"))
    assert {f"rejected.{reason}": number for reason, number in kept.items()} == rejected
    assert one.sql("SELECT bool_and(sender LIKE '127.0.0.1%%') FROM rejected") == [(True,)]


def test_a_real_postgresql_that_goes_away_loses_nothing(rough):
    one, before = rough, count(rough)
    with Load(one, rate=500) as load:
        wait_under_way(one)
        killed = one.kill("postgres")
        one.wait_for(lambda: one.process("postgres")["pid"] not in (killed, None, 0))
        wait_under_way(one)
        load.stop()
    assert_whole(one, before + load.records)
