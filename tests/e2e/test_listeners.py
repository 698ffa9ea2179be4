# SPDX-License-Identifier: Apache-2.0
"""UDP listeners for what other tools write: each with a format of its own, named by the configuration and never guessed."""

import json
import re
import signal
import subprocess

import pytest
from conftest import find_free_ports, wait_for
from ingestds import result

RTT = {"input": {"decoder": "lines", "patterns": ["rtt {host:host} {ms:num}", "begin {site:name}"],
                 "ignore": ["# {:rest}"]},
       "remember": [{"when": {"has": "$.site"}, "path": "$.site", "as": "site"}],
       "ignore": [{"has": "$.site"}],
       "records": [{"when": {"has": "$.host"}, "type": "ping", "content": "ICMPECHO", "probe": "#sender",
                    "source": {"path": "%site", "default": ""}, "dest": "$.host", "start": "#received",
                    "metrics": {"rtt.us": {"path": "$.ms", "unit": ["ms", "us"]}}}]}


@pytest.fixture
def make(start, tmp_path):
    """An ingestd with a listener of the format `rtt`, of the operator's own."""
    (tmp_path / "formats.d").mkdir()

    def maker(**options):
        (port,) = find_free_ports(1)
        maker.write("rtt", RTT)
        ingestd = start(listeners=[{"listen": f"127.0.0.1:{port}", "format": "rtt"}], **options)
        ingestd.say = lambda text: ingestd.udp.sendto(text.encode(), ("127.0.0.1", port))
        return ingestd
    maker.write = lambda name, mapping: (tmp_path / "formats.d" / f"{name}.json").write_text(
        mapping if isinstance(mapping, str) else json.dumps(mapping))
    maker.folder = tmp_path / "formats.d"
    return maker


def test_what_a_tool_writes_is_read_by_its_listeners_format(make):
    ingestd = make()
    ingestd.say("# by hand\nbegin lab\nrtt WWW.Example.NET. 12.345\nrtt 2001:DB8::1 0.50\nrtt 192.0.2.1 0.50\n")
    batch = ingestd.batch()
    assert [(r["type"], r["content"], r["probe"], r["source"], r["dest"]) for r in batch.records] == [
        ("ping", "ICMPECHO", "127.0.0.1", "lab", dest) for dest in ("www.example.net", "2001:db8::1", "192.0.2.1")]
    assert [r["values"] for r in batch.records] == [["12345"], ["500"], ["500"]]
    assert batch.schemas == [{"verb": "measure", "registry": "", "results": ["rtt.us"], "parameters": [], "metadata": [],
                              "format": "rtt"}]
    assert all(r["t_start_us"] == r["t_end_us"] and abs(r["t_start_us"] - batch.received_us) < 60e6 for r in batch.records)
    assert all(0 < r["digest"] < 1 << 48 for r in batch.records)
    ingestd.send(result())  # and mPlane's listener reads mPlane as ever
    assert ingestd.batch().schemas[0]["format"] == "mplane"
    ingestd.counters(received__datagrams=2, accepted__results=4, accepted__records=4, rejected__format=0)
    ingestd.closes()


def test_what_it_cannot_read_is_refused_with_its_place(make):
    ingestd = make()
    ingestd.say("rtt 192.0.2.1 1\nsomething else\nrtt 192.0.2.2 2\n")
    batches = [ingestd.batch(), ingestd.batch()]
    records = next(b for b in batches if b.kind == 0).records
    assert [r["dest"] for r in records] == ["192.0.2.1", "192.0.2.2"]
    reject, = next(b for b in batches if b.kind == 1).rejects
    assert reject["reason"] == "format" and reject["detail"].startswith("rtt: document 2: line 2: expected "), reject
    assert reject["head"] == b"rtt 192.0.2.1 1\nsomething else\nrtt 192.0.2.2 2\n"
    ingestd.say("")
    reject, = ingestd.batch().rejects
    assert (reject["reason"], reject["detail"]) == ("format", "rtt: expected something in the format rtt, found nothing")
    ingestd.say(json.dumps(result()))  # another format is not guessed
    assert ingestd.batch().rejects[0]["reason"] == "format"
    ingestd.counters(datagrams__accepted=1, datagrams__rejected=2, rejected__format=3)
    ingestd.closes()


def test_what_the_door_knows_may_be_a_value(make):
    ingestd = make()
    make.write("rtt", {**RTT, "records": [{**RTT["records"][0], "content": "#received", "metrics": {"at": "#received", "who": "#sender"}}]})
    ingestd.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "config.reloaded" in ingestd.log_text())
    ingestd.say("rtt 192.0.2.1 1\nrtt 192.0.2.2 1\n")
    records = ingestd.batch().records
    assert len(records) == 2
    for record in records:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", record["content"]), record
        assert record["values"] == [record["content"], "127.0.0.1"]


def test_what_is_ignored_is_nothing_wrong(make):
    ingestd = make()
    ingestd.say("begin lab\n")
    ingestd.say("# nothing\n")
    ingestd.counters(datagrams__exceptions=2, rejected__format=0)
    ingestd.closes()


def test_records_of_other_times_types_and_lengths_are_refused_as_mplanes_are(make):
    rule = {**RTT["records"][0], "start": {"epoch": "$.ms"}}
    ingestd = make(past_limit_s=3600)
    make.write("rtt", {**RTT, "records": [rule]})
    ingestd.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "config.reloaded" in ingestd.log_text())
    ingestd.say("rtt 192.0.2.1 1000000000\n")
    reject, = ingestd.batch().rejects
    assert reject["reason"] == "time.past" and "expected at most 3600 s ago" in reject["detail"]
    make.write("rtt", {**RTT, "records": [{**RTT["records"][0], "type": "$.nothing"}]})
    ingestd.process.send_signal(signal.SIGHUP)
    wait_for(lambda: ingestd.log_text().count("config.reloaded") == 2)
    ingestd.say("rtt 192.0.2.1 1\n")
    assert ingestd.batch().rejects[0]["reason"] == "type"
    make.write("rtt", {**RTT, "records": [{**RTT["records"][0], "path": "$.host"}]})
    ingestd.process.send_signal(signal.SIGHUP)
    wait_for(lambda: ingestd.log_text().count("config.reloaded") == 3)
    ingestd.say(f"rtt {'x' * 1025} 1\n")
    reject, = ingestd.batch().rejects
    assert reject["reason"] == "length" and "record.dest: expected at most 1024 bytes, found 1025" in reject["detail"]
    ingestd.closes()


def test_a_format_is_read_again_whole_or_not_at_all(make):
    ingestd = make()
    make.write("rtt", {**RTT, "records": [{**RTT["records"][0], "dest": {"path": "$.nowhere[", "pth": 1}}]})
    ingestd.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "config.reload " in ingestd.log_text() or "config.refused" in ingestd.log_text()
             or "rtt.json" in ingestd.log_text())
    said = ingestd.log_text()
    assert "rtt.json: records[0].dest.pth: unknown" in said, said
    ingestd.say("rtt 192.0.2.1 1\n")
    assert ingestd.batch().records[0]["dest"] == "192.0.2.1"
    (make.folder / "rtt.json").unlink()
    ingestd.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "ingestd.listeners[0].format: expected the name of a format" in ingestd.log_text())
    ingestd.say("rtt 192.0.2.1 2\n")
    assert ingestd.batch().records[0]["values"] == ["2000"]
    make.write("rtt", {**RTT, "records": [{**RTT["records"][0], "content": "now another"}]})
    ingestd.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "config.reloaded" in ingestd.log_text())
    ingestd.say("rtt 192.0.2.1 3\n")
    assert ingestd.batch().records[0]["content"] == "now another"


def test_equal_records_of_a_document_are_numbered(make):
    ingestd = make()
    make.write("rtt", {"input": {"decoder": "json"}, "records": [
        {"each": "$.r[*]", "type": "ping", "dest": "@.d", "start": "#received", "metrics": {"rtt.us": "@.v"}}]})
    ingestd.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "config.reloaded" in ingestd.log_text())
    ingestd.say(json.dumps({"r": [{"d": "a", "v": 1}, {"d": "a", "v": 1}, {"d": "a", "v": "1.0"}, {"d": "a"}]}))
    records = []
    while len(records) < 4:
        records += ingestd.batch().records
    assert len({r["digest"] for r in records}) == 4


def test_what_the_configuration_says_of_listeners_is_checked(build_dir, tmp_path):
    file = tmp_path / "ingestd.json"

    def check(**options):
        file.write_text(json.dumps({"common": {"run_dir": str(tmp_path)},
                                    "ingestd": {"spool_dir": str(tmp_path), "listen": ["127.0.0.1:9900"], **options}}))
        done = subprocess.run([f"{build_dir}/ingestd/ingestd", "--config", file, "--check-config"], capture_output=True,
                              text=True, timeout=60)
        return done.returncode, done.stderr
    (tmp_path / "formats.d").mkdir()
    (tmp_path / "formats.d/rtt.json").write_text(json.dumps(RTT))
    assert check(listeners=[{"listen": "127.0.0.1:9901", "format": "rtt"}])[0] == 0
    assert check(listen=[], listeners=[{"listen": "127.0.0.1:9901", "format": "rtt"}])[0] == 0
    faults = [
        ({"listeners": [{"listen": "127.0.0.1:9901", "format": "rrt"}]},
         r'ingestd\.listeners\[0\]\.format: expected the name of a format.*found "rrt"'),
        ({"listeners": [{"listen": "127.0.0.1", "format": "rtt"}]}, r"ingestd\.listeners\[0\]\.listen: expected ADDRESS:PORT"),
        ({"listeners": [{"listen": "127.0.0.1:9900", "format": "rtt"}]}, r"ingestd\.listeners\[0\]\.listen: expected each endpoint once"),
        ({"listeners": [{"listen": "0.0.0.0:9900", "format": "rtt"}]}, r"expected each endpoint once, found 0.0.0.0:9900 beside 127.0.0.1:9900"),
        ({"listeners": [{"format": "rtt"}]}, r"ingestd\.listeners\[0\]\.listen: expected"),
        ({"listeners": [{"listen": "127.0.0.1:9901"}]}, r"ingestd\.listeners\[0\]\.format: expected"),
        ({"listeners": [{"listen": "127.0.0.1:9901", "fmt": "rtt"}]}, r"ingestd\.listeners\[0\]\.fmt: unknown"),
        ({"listeners": [7]}, r"ingestd\.listeners\[0\]: expected an object"),
        ({"listen": []}, r"ingestd\.listen: expected at least one endpoint"),
        ({"listen": [f"127.0.0.1:{p}" for p in range(9900, 9917)]}, r"ingestd\.listen\[16\]: expected at most 16 endpoints"),
    ]
    for options, told in faults:
        code, said = check(**options)
        assert code != 0 and re.search(told, said), (options, said)

