# SPDX-License-Identifier: Apache-2.0
"""ingestd against stand-ins for classifyd and stored: a PULL socket and a PUB socket that speak msgpack."""

import collections
import contextlib
import datetime
import json
import os
import pathlib
import random
import re
import signal
import socket
import sqlite3
import subprocess
import time

import pytest
from conftest import ROOT, find_free_ports, wait_for
from ingestds import has_ipv6, result
from messages import ACK, pack
from processes import held_up

SAMPLES = pathlib.Path(ROOT, "tests", "golden", "udp")


def micros(text):
    t = datetime.datetime.strptime(text, "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=datetime.timezone.utc)
    return (t - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) \
        // datetime.timedelta(microseconds=1)


def test_the_sdks_datagrams(start):
    ingestd = start()
    for name in ("ping-average-ip4", "ping-detail-ip4", "ott-download", "repeated-envelope",
                 "exception"):
        ingestd.send((SAMPLES / f"{name}.json").read_bytes())
    records = []
    while len(records) < 8:
        batch = ingestd.batch()
        assert batch.kind == 0 and batch.sequence >= 1 and batch.oldest == 1
        for r in batch.records:
            records.append((r, batch.schemas[r["schema"]]))
    ping, schema = records[0]
    assert ping == {**ping, "type": "ping", "content": "ICMPECHO", "probe": "127.0.0.1",
                    "source": "127.0.0.1", "dest": "127.0.0.1", "path": "", "row": 0,
                    "label": "ping-average-ip4-0",
                    "t_start_us": micros("2026-11-21 19:23:18.649287"),
                    "t_end_us": micros("2026-11-21 19:23:20.649845"),
                    "values": ["20125", "21125", "22125", "3", "127.0.0.1", "127.0.0.1"]}
    assert schema == {"verb": "measure", "registry": "http://ict-mplane.eu/registry/core",
                      "results": ["delay.twoway.icmp.us.min", "delay.twoway.icmp.us.mean",
                                  "delay.twoway.icmp.us.max", "delay.twoway.icmp.count"],
                      "parameters": ["destination.ip4", "source.ip4"], "metadata": [], "format": "mplane"}
    assert 0 < ping["digest"] < 1 << 48 and ping["hops"] == []
    assert len({r["digest"] for r, _ in records}) == len(records)
    assert [r["row"] for r, _ in records[1:4]] == [0, 1, 2]
    ott = records[4][0]
    assert (ott["type"], ott["content"]) == \
        ("OTT", "http://devimages.apple.com/iphone/samples/bipbop/bipbopall.m3u8")
    assert [r["label"] for r, _ in records[5:]] == ["ping-average-ip4-4"] * 3
    ingestd.counters(received__datagrams=5, accepted__results=6, accepted__records=8, exceptions=1,
                     rejects__kept=0)
    ingestd.closes()
    assert (ingestd.ledger["accepted"], ingestd.ledger["exceptions"]) == (4, 1)


def test_acknowledged(start):
    ingestd = start()
    ingestd.send(result())
    first = ingestd.batch()
    ingestd.counters(held__batches=1, batches__acknowledged=0)
    wait_for(lambda: ingestd.status()["counters"]["lag_ms"] > 0)
    other = bytes(16)
    ingestd.acknowledge(first.sequence, shard=7)  # another shard's
    ingestd.pub.send_multipart([b"ack" + ingestd.instance, b"nonsense"])
    ingestd.acknowledge(first.sequence, instance=other)  # does not arrive: not subscribed to
    ingestd.pub.send_multipart([b"ack" + ingestd.instance, pack(ACK, other, 0, [1])])
    ingestd.pub.send_multipart([b"ack" + ingestd.instance] + [b""] * 6)
    ingestd.counters(acks__refused=4, held__batches=1)
    ingestd.acknowledge(first.sequence, first.sequence, 99, 0)
    ingestd.counters(held__batches=0, batches__acknowledged=1, records__acknowledged=1, lag_ms=0,
                     memory__bytes=0)
    ingestd.send(result())
    second = ingestd.batch()
    assert (second.sequence, second.oldest) == (first.sequence + 1, first.sequence + 1)


def test_pushed_again(start):
    ingestd = start(retry_ms=400)
    began = time.monotonic()
    ingestd.send(result(value="1"))
    first = ingestd.batch()
    again = ingestd.batch(again=True)
    assert time.monotonic() - began > 0.35
    assert (again.sequence, again.records) == (first.sequence, first.records)
    ingestd.send(result(value="2"))
    second = ingestd.batch()
    assert second.oldest == first.sequence
    ingestd.acknowledge(first.sequence)
    ingestd.counters(batches__acknowledged=1)
    # What was pushed before that may still come; then the second one with its header made afresh.
    wait_for(lambda: (b := ingestd.batch(again=True)).sequence == second.sequence == b.oldest)
    ingestd.acknowledge(second.sequence)
    counters = ingestd.counters(batches__acknowledged=2, batches__pushed=2, held__batches=0)
    while ingestd.taken < 2 + counters["batches.repushed"]:
        ingestd.batch(again=True)
    assert counters["batches.repushed"] >= 2
    assert ingestd.quiet(1000)


def test_closed_by_count_and_by_age(start):
    ingestd = start(batch_records=4, batch_age_ms=1000)
    with held_up(ingestd.process.pid):  # it reads them together
        ingestd.send(*[result(value=str(i)) for i in range(10)])
        began = time.monotonic()
    batches = [ingestd.batch() for _ in range(3)]
    assert [b.count for b in batches] == [4, 4, 2]
    assert [b.sequence for b in batches] == [1, 2, 3]
    assert time.monotonic() - began > 0.9
    assert [r["values"][0] for b in batches for r in b.records] == [str(i) for i in range(10)]


def test_under_load_datagrams_are_read_together(start):
    ingestd = start()
    began = time.monotonic()
    for i in range(1000):
        ingestd.send(result(value=str(i)))
        time.sleep(0.0002)
    ingestd.collect(1000)
    milliseconds = (time.monotonic() - began) * 1000
    counters = ingestd.counters(received__datagrams=1000, kernel__drops=0)
    assert 0 < counters["received.bursts"] <= milliseconds + 20


def test_waits_for_a_classifyd(start):
    ingestd = start(peers=False, batch_records=2, batch_age_ms=10000, retry_ms=600000)
    ingestd.send(*[result(value=str(i)) for i in range(100)])
    ingestd.counters(accepted__records=100, batches__closed=50, batches__pushed=0,
                     held__batches=50)
    ingestd.connect()
    values = [int(r["values"][0]) for r in ingestd.collect(100)]
    assert values == list(range(100))
    ingestd.counters(held__batches=0, records__acknowledged=100, batches__repushed=0)


FILLER = {"metadata": {"filler": "x" * 20000}}


def fill(ingestd):
    """Sends until the spool is full; the number of datagrams."""
    sent = 0

    def full():
        nonlocal sent
        ingestd.send(*[result(**FILLER)] * 5)
        sent += 5
        return "spool full" in ingestd.status()["notes"].get("intake", "")
    wait_for(full)
    return sent


def test_a_full_spool_stops_reading_and_the_kernel_counts(start):
    ingestd = start(peers=False, spool_bytes=1 << 20, receive_buffer_bytes=65536)
    sent = fill(ingestd)
    for _ in range(500):
        ingestd.send(result(**FILLER))
        sent += 1
    before = wait_for(lambda: (c := ingestd.status()["counters"])["kernel.drops"] and c["spool.bytes"] >= 1 << 20 and c)
    assert before["spool.bytes"] < 2 << 20
    assert before["accepted.records"] < 200
    ingestd.note("spool", "full")
    ingestd.connect()
    ingestd.take_all(sent)
    ingestd.note("intake", "reading")
    ingestd.note("spool", "works")
    ingestd.closes()
    after = ingestd.counters()
    got = ingestd.ledger["records"]
    assert after["accepted.records"] == got == after["records.acknowledged"]
    assert got + after["kernel.drops"] == sent  # every one of them is accounted for
    assert after["intake.stopped"] >= 1
    assert ingestd.ledger["datagrams"] + ingestd.ledger["dropped"] == sent
    ingestd.send(result(value="after"))
    assert ingestd.collect(1)[0]["values"][0] == "after"


LONG = "x" * 1100
MALFORMED = {
    "json": [b"", b"hello", b"{\"result\":", b"\xff\xfe", b"{\"a\":\"\\udc00\"}", b"[" * 60000,
             b"{\"result\":\"m\",\"result\":\"m\"}", b"x" * 65507],
    "message": [b"[]", b"1", b"{}", {"result": "m", "envelope": "message"}],
    "kind": [{"specification": "measure"}, {"capability": "measure"}],
    "version": [result(version=2)],
    "form": [result(results="x"), result(resultvalues=[5]), {"envelope": "message"}],
    "columns": [result(results=["a", "a"])],
    "row": [result(resultvalues=[["1", "2"]])],
    "rows": [result(resultvalues=[[]] * 2049)],
    "time": [result(when="past ... now"), result(when=None), result(when="soon")],
    "time.past": [result(when="1800-01-01 00:00:00")],
    "time.future": [result(when="2500-01-01 00:00:00")],
    "time.long": [result(when="2026-01-01 ... 2026-03-01")],
    "type": [result(results=["x"], label=None)],
    "length": [result(label=LONG), result(parameters={"source.ip4": LONG})],
    "nul": [result(value="a\0b")],
    "memory": [result(parameters={"p": "x" * 40000}, resultvalues=[[]] * 1000)],
}


def test_malformed_input_is_kept_with_its_reason(start):
    ingestd = start()
    sent = [(reason, m) for reason, messages in MALFORMED.items() for m in messages]
    for _, message in sent:
        ingestd.send(message)
    rejects = []
    while len(rejects) < len(sent):
        batch = ingestd.batch()
        assert batch.kind == 1
        rejects += batch.rejects
        ingestd.acknowledge(batch.sequence)
    own = "{}:{}".format("127.0.0.1", ingestd.udp.getsockname()[1])
    for (reason, message), reject in zip(sent, rejects):
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        assert reject["reason"] == reason, reject
        assert reject["detail"]
        assert reject["sender"] == own
        assert reject["head"] == data[:2048]
        assert reject["size_bytes"] == len(data)
    counts = {"rejected__" + reason.replace(".", "__"): len(messages)
              for reason, messages in MALFORMED.items()}
    counters = ingestd.counters(**counts, accepted__records=0, rejects__kept=len(sent))
    # No reason is without an example; what is not allowed has tests of its own.
    names = {n[len("rejected."):] for n in counters if n.startswith("rejected.")}
    assert names == set(MALFORMED) | {"sender", "denied", "denied.series", "format", "faults", "late"} | {"budget.records", "budget.series", "budget.days"} | \
        {"envelope." + reason for reason in ("form", "key", "mac", "replay", "time")}
    ingestd.closes()
    for reason, messages in MALFORMED.items():
        assert ingestd.ledger[reason] == len(messages)
    ingestd.send(result())
    assert ingestd.collect(1)


def test_rejects_beyond_the_rate_are_counted(start):
    ingestd = start(rejects_per_second=5)
    began = time.monotonic()
    ingestd.send(*[b"nonsense"] * 300)
    counters = ingestd.counters(rejected__json=300)
    seconds = time.monotonic() - began
    assert counters["rejects.kept"] + counters["rejects.not_kept"] == 300
    assert 5 <= counters["rejects.kept"] <= 5 + 5 * seconds
    assert ingestd.log_text().count("input.rejected") <= 5 + 5 * (seconds // 10)  # lines in ten seconds
    ingestd.closes()
    assert ingestd.ledger["json"] == 300


def test_one_bad_result_does_not_lose_the_others(start):
    ingestd = start()
    ingestd.send({"envelope": "message", "contents": [
        result(value="1"), result(when="now"), {"exception": "t", "message": "m"},
        {"envelope": "message", "contents": [result(value="2"), result(version=3)]}]})
    batches = [ingestd.batch(), ingestd.batch()]
    records = next(b for b in batches if b.kind == 0).records
    rejects = next(b for b in batches if b.kind == 1).rejects
    assert [r["values"][0] for r in records] == ["1", "2"]
    assert [(r["reason"], r["detail"].split(": ")[0]) for r in rejects] == \
        [("time", "contents[1]"), ("version", "contents[3].contents[1]")]
    ingestd.counters(exceptions=1, rejected__time=1, rejected__version=1)
    ingestd.closes()  # one datagram, of which something was taken
    assert (ingestd.ledger["datagrams"], ingestd.ledger["accepted"]) == (1, 1)


def test_several_documents_in_a_datagram(start):
    """Arrays, lines, one behind the other; a byte order mark, the NUL of a C string. Each counts as one datagram."""
    ingestd = start()
    texts = [json.dumps(result(value=str(v))) for v in range(2)]
    forms = ["[" + ",".join(texts) + "]", "\n".join(texts) + "\n", "".join(texts), "\ufeff" + texts[0] + "\0" + texts[1] + "\0",
             texts[0] + '\n{"result": [\n' + texts[1]]
    for form in forms:
        ingestd.send(form.encode())
        assert [r["values"][0] for r in ingestd.collect(2, rejects=True)] == ["0", "1"]
    ingestd.counters(received__datagrams=5, datagrams__accepted=5, accepted__records=10, rejected__json=1)
    ingestd.closes()


def test_rules_for_some_senders(start):
    """The first that fits decides: a time zone for times without an offset, limits of its own. Reloaded."""
    now = datetime.datetime.utcnow()
    text = lambda hours: (now + datetime.timedelta(hours=hours)).strftime("%Y-%m-%d %H:%M:%S")  # noqa: E731
    ingestd = start(past_limit_s=86400, future_limit_s=300, longest_s=7200, senders=[
        {"door": "https", "time_zone": "Asia/Tokyo"},
        {"sender": "127.0.0.0/8", "time_zone": "Etc/GMT-2", "past_limit_s": 3 * 86400, "longest_s": 60},
        {"door": "udp", "past_limit_s": 1}])
    ingestd.send(result(when=text(2)), result(when=text(2) + "Z"), result(when=text(-47)), result(when=text(-75)),
                 result(when=text(1) + " + 59s"), result(when=text(1) + " + 61s"),
                 result(when=None, results=["time", "x"], resultvalues=[[text(2), "1"]]))
    us = [r["t_start_us"] for r in ingestd.collect(4, rejects=True)]
    origin = datetime.datetime.fromtimestamp(0, datetime.timezone.utc).replace(tzinfo=None)
    expected = [int((now.replace(microsecond=0) + datetime.timedelta(hours=h) - origin).total_seconds()) * 10**6
                for h in (0, -49, -1, 0)]
    assert us == expected
    ingestd.counters(rejected__time__future=1, rejected__time__past=1, rejected__time__long=1)
    ingestd.options["senders"] = []
    ingestd.write_configuration()
    ingestd.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "config.reloaded" in ingestd.log_text())
    ingestd.send(result(when=text(2)), result(when=text(0) + " + 61s"))
    assert ingestd.collect(1, rejects=True)[0]["t_start_us"] == expected[0]
    ingestd.counters(rejected__time__future=2)


def test_rules_are_checked(run):
    rules = [{"door": "tcp"}, {"sender": 3}, {"time_zone": "Europe/Atlantis"}, {"past_limit_s": -1}, {"longest_s": "1"}, {"x": 1}, 7]
    done = run("--check-config", senders=rules)
    assert done.returncode != 0
    for i, what in enumerate(['.door: expected one of udp https file, found "tcp"', ".sender: expected a string, found 3",
                              '.time_zone: expected the name of a time zone', ".past_limit_s: expected an integer 0..",
                              ".longest_s: expected an integer 1..", ".x: unknown, expected one of door sender", ": expected an object, found 7"]):
        assert f"ingestd.senders[{i}]{what}" in done.stderr


def test_accounts_by_sender(start):
    """Datagrams that leave no record are in the ledger all the same, each under its sender."""
    ingestd = start(rejects_per_second=0, allow=["127.0.0.0/25"])
    sent = {"127.0.0.1": [result(), {"exception": "t", "message": "m"}, {"envelope": "message", "contents": []}],
            "127.0.0.2": [b"no", result(when="2500-01-01 00:00:00"), b"no"],
            "127.0.0.3": [{"envelope": "message", "contents": [result(version=7), b"".hex()]},
                          result(resultvalues=[]), result(resultvalues=[["1"], ["2"]])],
            "127.0.0.200": [result()]}
    for address, messages in sent.items():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind((address, 0))
            for message in messages:
                data = message if isinstance(message, bytes) else json.dumps(message).encode()
                s.sendto(data, ("127.0.0.1", ingestd.port))
    found = {}
    while sum(a["datagrams"] for a in found.values()) < 10:
        batch = ingestd.any_batch()
        ingestd.acknowledge(batch.sequence)
        for a in batch.accounts:
            into = found.setdefault(a["sender"], collections.Counter())
            into.update({k: a[k] for k in ("datagrams", "accepted", "exceptions", "records")})
            into.update(dict(zip(a["reasons"], a["rejected"])))
    assert {s: {k: v for k, v in a.items() if v} for s, a in found.items()} == {
        "127.0.0.1": {"datagrams": 3, "accepted": 1, "exceptions": 2, "records": 1},
        "127.0.0.2": {"datagrams": 3, "json": 2, "time.future": 1},
        "127.0.0.3": {"datagrams": 3, "version": 1, "accepted": 2, "records": 2},
        "127.0.0.200": {"datagrams": 1, "sender": 1}}
    ingestd.closes()


def test_the_longest_datagram(start):
    ingestd = start()
    message = json.dumps(result(value="%"))
    message = message.replace("%", "9" * (65507 - len(message) + 1)).encode()
    assert len(message) == 65507
    ingestd.send(message)
    record = ingestd.collect(1)[0]
    assert set(record["values"][0]) == {"9"} and len(record["values"][0]) > 65000


def test_ipv6(start):
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    (port,) = find_free_ports(1)
    ingestd = start(listen=[f"[::1]:{port}", f"127.0.0.1:{port}"])
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        s.sendto(json.dumps(result(parameters={"source.ip6": "2001:DB8:0:0::1"})).encode(),
                 ("::1", port))
        record = ingestd.collect(1)[0]
        assert (record["probe"], record["source"]) == ("::1", "2001:db8::1")
        s.sendto(b"{}", ("::1", port))
        reject = ingestd.batch().rejects[0]
        assert reject["sender"] == f"[::1]:{s.getsockname()[1]}"
    ingestd.port = port
    ingestd.send(result())  # the IPv6 listener leaves the port of IPv4 free
    assert ingestd.collect(1)[0]["probe"] == "127.0.0.1"
    assert "::1" in ingestd.status()["notes"]["receive_buffers"]


def test_allowed_senders_and_reload(start):
    ingestd = start(allow=["192.0.2.0/24", "2001:db8::/32"])
    ingestd.send(result(), result())
    ingestd.counters(rejected__sender=2, received__datagrams=2, accepted__records=0)
    ingestd.options["allow"] = ["127.0.0.0/8"]
    ingestd.write_configuration()
    ingestd.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "config.reloaded" in ingestd.log_text())
    ingestd.send(result())
    assert len(ingestd.collect(1)) == 1
    ingestd.options["allow"] = ["everybody"]  # a fault: what was in force stays
    ingestd.write_configuration()
    ingestd.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "config.refused" in ingestd.log_text())
    assert "ingestd.allow[0]: expected an address or a prefix, found \"everybody\"" \
        in ingestd.log_text()
    ingestd.send(result())
    assert len(ingestd.collect(1)) == 1
    ingestd.options.update(allow=[], past_limit_s=10)
    ingestd.write_configuration()
    ingestd.process.send_signal(signal.SIGHUP)
    wait_for(lambda: ingestd.log_text().count("config.reloaded") == 2)
    ingestd.send(result(when="2020-01-01 00:00:00"))
    assert ingestd.batch().rejects[0]["reason"] == "time.past"


def value_of(batch):
    return [int(r["values"][0]) for r in batch.records] if batch.kind == 0 else []


def test_terminated_under_load_loses_nothing(start):
    ingestd = start(receive_buffer_bytes=8 << 20, batch_age_ms=1000, drain_ms=600000)
    messages = [json.dumps(result(value=str(i))).encode() for i in range(3000)]
    with held_up(ingestd.process.pid):  # so that all still stands in the kernel's buffer
        ingestd.send(*messages)
        ingestd.process.send_signal(signal.SIGTERM)
    values = []
    while ingestd.process.poll() is None:
        if ingestd.pull.poll(50):
            batch = ingestd.take(20)
            values += value_of(batch) if not batch.again else []
            ingestd.acknowledge(batch.sequence)
    assert ingestd.process.returncode == 0
    dropped = ingestd.status()["counters"]["kernel.drops"]
    assert len(values) + dropped == 3000 and len(values) > 100
    assert values == sorted(set(values))
    ingestd.closes()
    assert ingestd.status()["state"] == "stopped"
    assert ingestd.status()["counters"]["held.batches"] == 0


def test_terminated_without_acknowledgements(start):
    """What is not acknowledged stays in the spool and is pushed at the next start, as it was."""
    ingestd = start(drain_ms=500, batch_records=3, batch_age_ms=10000)
    ingestd.send(*[result(value=str(i)) for i in range(10)])
    ingestd.counters(accepted__records=10)
    first = ingestd.batch()
    ingestd.acknowledge(first.sequence)
    ingestd.counters(batches__acknowledged=1)
    pushed = [ingestd.batch(), ingestd.batch()]
    began = time.monotonic()
    assert ingestd.terminate() == 0
    assert time.monotonic() - began > 0.4
    assert re.search(r"drain\.done spooled_batches=3 records=7 ", ingestd.log_text())
    ingestd.close()
    again = start()
    assert again.instance == ingestd.instance
    again.counters(spool__found__records=7, spool__found__batches=3, spool__missing=0)
    batches = [again.any_batch() for _ in range(3)]
    assert [b.sequence for b in batches] == [2, 3, 4]
    assert {b.oldest for b in batches} == {2}
    assert [b.records for b in batches[:2]] == [b.records for b in pushed]
    assert [b.accounts for b in batches[:2]] == [b.accounts for b in pushed]
    assert [b.received_us for b in batches[:2]] == [b.received_us for b in pushed]
    assert batches[2].records[0]["values"][0] == "9"
    again.acknowledge(2, 3, 4)
    again.counters(held__batches=0)
    again.send(result(value="new"))
    assert (batch := again.batch()).sequence == 5 and batch.oldest == 5


def test_terminated_while_the_spool_is_full(start):
    """What was accepted is in the spool; what was not read is told as dropped, and stands in the ledger as that."""
    ingestd = start(peers=False, drain_ms=300, spool_bytes=1 << 20, batch_age_ms=10000)
    sent = fill(ingestd) + 10
    ingestd.send(*[result(**FILLER)] * 10)
    assert ingestd.terminate() == 0
    counters = ingestd.status()["counters"]
    assert counters["received.datagrams"] + counters["kernel.drops"] == sent
    dropped = re.search(r"drain\.dropped datagrams=(\d+) reason=\"the spool is full\"", ingestd.log_text())
    assert 0 < int(dropped[1]) <= counters["kernel.drops"]
    done = re.search(r"drain\.done spooled_batches=(\d+) records=(\d+) rejects=0 left_buffer_bytes=0 ",
                     ingestd.log_text())
    assert int(done[2]) == counters["accepted.records"] > 0
    assert "drain.lost" not in ingestd.log_text()
    ingestd.close()
    again = start()
    again.counters(spool__found__batches=int(done[1]), spool__found__records=int(done[2]))
    for _ in range(int(done[1])):
        again.acknowledge(again.any_batch().sequence)
    again.counters(held__batches=0, killed__datagrams=0, kernel__drops=0)
    assert again.ledger["records"] == int(done[2])
    assert again.ledger["datagrams"] + again.ledger["dropped"] == sent


def test_terminated_while_the_spool_is_busy(start):
    """As it is for some milliseconds while its log is copied: waited for, however short the time for draining."""
    ingestd = start(peers=False, drain_ms=0, window_bytes=65536, batch_records=1)
    ingestd.send(result())
    ingestd.counters(held__records=1, spool__unspooled=0)
    with contextlib.closing(sqlite3.connect(ingestd.folder / "spool/spool.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        ingestd.send(*[result(value=str(i), **FILLER) for i in range(20)])
        ingestd.note("intake", "memory full: the spool is slow")  # most stand in the socket
        ingestd.process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            ingestd.process.wait(0.5)
        other.execute("ROLLBACK")
    assert ingestd.process.wait(60) == 0
    assert re.search(r"drain\.done spooled_batches=\d+ records=21 ", ingestd.log_text())
    assert "drain.dropped" not in ingestd.log_text()


def test_nothing_new_is_read_while_draining(start):
    ingestd = start(drain_ms=600000)
    ingestd.send(result(value="before"))
    before = ingestd.batch()
    assert before.records[0]["values"][0] == "before"
    ingestd.process.send_signal(signal.SIGTERM)
    wait_for(lambda: ingestd.status()["state"] == "draining")
    ingestd.send(result(value="after"))
    ingestd.counters(accepted__records=1, held__batches=1)  # of a second later
    ingestd.acknowledge(before.sequence)
    assert ingestd.process.wait(60) == 0
    while not ingestd.quiet(0):
        assert ingestd.take(20).again
    assert ingestd.status()["counters"]["accepted.records"] == 1


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_again_and_again(start, seed):
    """kill -9 at random moments under load: every record that was accepted comes out, what comes again is the
    same batch, and no sequence is given twice."""
    chance = random.Random(seed)
    print("seed", seed)
    contents = {}  # sequence -> what it held
    sent = 0
    instance = None

    def take(ingestd, milliseconds):
        if not ingestd.pull.poll(milliseconds):
            return False
        batch = ingestd.take(20)
        assert batch.oldest <= batch.sequence
        held = (batch.kind, batch.count, value_of(batch), batch.accounts, batch.dropped, batch.received_us)
        assert contents.setdefault(batch.sequence, held) == held
        if chance.random() < 0.7:  # stored has committed it; whether ingestd learns it is another matter
            ingestd.acknowledge(batch.sequence)
        return True

    turns = 0
    end = time.monotonic() + 120
    while turns < 12 or sum(len(held[2]) for held in contents.values()) <= 500:
        turns += 1
        assert time.monotonic() < end, "hardly a batch came"
        ingestd = start(batch_records=chance.choice([1, 7, 50]), retry_ms=300,
                        window_bytes=chance.choice([65536, 33554432]))
        assert instance in (None, ingestd.instance)
        instance = ingestd.instance
        until = time.monotonic() + chance.random() * 0.6
        while time.monotonic() < until:
            for _ in range(chance.randrange(20)):
                ingestd.send(result(value=str(sent)))
                sent += 1
            take(ingestd, 2)
        ingestd.kill()
    ingestd = start(retry_ms=300)
    assert ingestd.instance == instance
    ingestd.send(result(value=str(sent)))
    end = time.monotonic() + 120
    while not any(sent in held[2] for held in contents.values()) or \
            ingestd.status()["counters"].get("held.batches") != 0:
        # All that has come, or what comes again after retry_ms outruns who takes one at a time.
        while take(ingestd, 50):
            assert time.monotonic() < end
        assert time.monotonic() < end
    values = sorted(v for held in contents.values() for v in held[2])
    assert values == sorted(set(values)), "a record in two batches"
    # Nothing is missing between: each sequence was seen.
    assert sorted(contents) == list(range(1, max(contents) + 1))
    ingestd.counters(spool__missing=0)


def test_an_acknowledged_batch_does_not_come_again(start):
    ingestd = start(batch_records=1)
    ingestd.send(*[result(value=str(i)) for i in range(20)])
    batches = [ingestd.batch() for _ in range(20)]
    ingestd.acknowledge(*[b.sequence for b in batches if b.sequence % 3])
    ingestd.counters(batches__acknowledged=14)
    ingestd.wait_spooled(3, 6, 9, 12, 15, 18)
    ingestd.kill()
    again = start()
    assert [again.batch().sequence for _ in range(6)] == [3, 6, 9, 12, 15, 18]
    again.counters(batches__pushed=6, held__batches=6)


def test_a_damaged_spool_is_moved_aside_and_told(start):
    ingestd = start(batch_records=1, drain_ms=100)
    ingestd.send(*[result(value=str(i), **FILLER) for i in range(6)])
    assert [ingestd.batch().sequence for _ in range(6)] == [1, 2, 3, 4, 5, 6]
    ingestd.terminate()
    ingestd.close()
    spool = ingestd.folder / "spool"
    file = spool / "spool.sqlite"
    data = bytearray(file.read_bytes())
    assert not (spool / "spool.sqlite-wal").exists()
    frames = [m.start() for m in re.finditer(b"x" * 4000, bytes(data))]
    data[frames[0] + 100] ^= 4  # in the midst of some batch
    data[0:100] = bytes(100)
    file.write_bytes(data)
    again = start()
    assert again.instance == ingestd.instance
    found = [again.batch() for _ in range(5)]
    for batch in found:
        again.acknowledge(batch.sequence)
    missing = set(range(1, 7)) - {b.sequence for b in found}
    assert len(missing) == 1
    again.counters(spool__missing=1, spool__found__batches=5, spool__found__records=5)
    again.note("spool", "recovered 5 batches with 5 records, missing 1 batches; moved aside as spool.sqlite.damaged-")
    assert f"spool.missing first={min(missing)} last={min(missing)} batches=1" in again.log_text()
    aside = sorted(f.name for f in spool.glob("spool.sqlite.damaged-*"))
    assert len(aside) == 2 and aside[1] == aside[0] + ".txt"
    assert f"missing sequences {min(missing)} to {min(missing)}\n" in (spool / aside[1]).read_text()
    again.send(result(value="after"))
    assert again.batch().sequence == 7


def test_of_damaged_spools_the_newest_are_kept(start):
    """One that is damaged again and again does not fill the disk with what was moved aside."""
    names = []
    for turn in range(5):
        ingestd = start()
        file = ingestd.folder / "spool" / "spool.sqlite"
        names = sorted(f.name for f in file.parent.glob("spool.sqlite.damaged-*Z"))
        assert len(names) == min(turn, 3)
        ingestd.counters(spool__aside__kept=len(names), spool__aside__removed=1 if turn > 3 else 0)
        assert ingestd.log_text().count("spool.aside_removed") == (2 if turn > 3 else 0)  # the report, too
        ingestd.terminate()
        ingestd.close()
        file.write_bytes(b"damaged" + file.read_bytes()[7:])
    assert len(list(file.parent.glob("spool.sqlite.damaged-*.txt"))) == 3


@pytest.fixture
def run(build_dir, tmp_path):
    """Runs an ingestd to its end, with a configuration of these options."""
    def runner(*words, common=None, **options):
        file = tmp_path / "ezrepo.json"
        file.write_text(json.dumps({
            "common": {"run_dir": str(tmp_path / "run"), "schemas_dir": os.path.join(ROOT, "schemas"), "user": "",
                       **(common or {})},
            "ingestd": {"spool_dir": str(tmp_path / "spool"), **options}}))
        return subprocess.run([f"{build_dir}/ingestd/ingestd", "--config", str(file), *words], capture_output=True,
                              text=True, timeout=120, check=False)
    return runner


def test_a_spool_has_one_process(start, run, tmp_path):
    start()
    (tmp_path / "second").mkdir(mode=0o700)
    done = run(common={"run_dir": str(tmp_path / "second")}, listen=[f"127.0.0.1:{find_free_ports(1)[0]}"])
    assert done.returncode == 1
    assert "spool.in_use" in done.stderr


def test_configuration_is_checked(run, tmp_path):
    assert run("--check-config").returncode == 0
    assert not (tmp_path / "spool").exists()
    assert not (tmp_path / "run").exists()
    for section, fault in (
            ({"listne": []}, "ingestd.listne: unknown option"),
            ({"listen": ["localhost:9900"]}, "ingestd.listen[0]: expected ADDRESS:PORT"),
            ({"listen": ["127.0.0.1:1", "::1:9900"]}, "ingestd.listen[1]: expected ADDRESS:PORT"),
            ({"listen": ["127.0.0.1:70000"]}, "ingestd.listen[0]"),
            ({"listen": ["127.0.0.1:"]}, "ingestd.listen[0]"),
            ({"listen": ["[127.0.0.1]:5"]}, "ingestd.listen[0]"),
            ({"listen": []}, "ingestd.listen: expected at least one endpoint"),
            ({"allow": ["10.0.0.0/33"]}, "ingestd.allow[0]: expected an address or a prefix"),
            ({"batch_records": 0}, "ingestd.batch_records: expected"),
            ({"batch_age_ms": "5"}, "ingestd.batch_age_ms: expected")):
        done = run("--check-config", **section)
        assert done.returncode == 1, section
        assert fault in done.stderr, (section, done.stderr)


def test_record_types_are_checked_at_start(run, tmp_path):
    schemas = tmp_path / "schemas"
    schemas.mkdir()
    (schemas / "record-types.json").write_text('{"mappings": [{"columns": []}]}')
    done = run(common={"schemas_dir": str(schemas)}, listen=[f"127.0.0.1:{find_free_ports(1)[0]}"])
    assert done.returncode == 1
    assert "mappings[0].columns" in done.stderr


def test_an_endpoint_in_use_is_told(run):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{s.getsockname()[1]}"
        done = run(listen=[endpoint])
    assert done.returncode == 1
    assert re.search(rf"udp\.bind endpoint={endpoint} error=", done.stderr)
