# SPDX-License-Identifier: Apache-2.0
"""ezrepo rejected: what was refused is told with its reason and its bytes; what is kept whole can be sent again."""
import json
import os
import socket
import subprocess
import time

import msgpack
import pytest
from conftest import find_free_ports, ping, queued_bytes, time_text, wait_for
from ezrepo import rejected
from ezrepo.state import State
from messages import RECORD, SCHEMA, of_release, pack
from processes import memory_kib


def send(one, *datagrams):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for d in datagrams:
            s.sendto(d if isinstance(d, bytes) else json.dumps(d).encode(), ("127.0.0.1", one.udp))
        return "{}:{}".format("127.0.0.1", s.getsockname()[1])


def listed(one, *arguments):
    return [json.loads(line) for line in one.cmd("rejected", "list", "--json", *arguments).stdout.splitlines()]


def wait_listed(one, count, *arguments):
    one.wait_for(lambda: len(listed(one, *arguments)) == count)
    return listed(one, *arguments)


@pytest.fixture(scope="module")
def one(module_set):
    return module_set


def test_what_is_told(one):
    old = ping("192.0.2.1", "1999-01-01 00:00:00")
    escape = b'{"\x1b[31m'
    sender = send(one, b"{", escape, b"\xff\x00\xfe", old)
    rows = wait_listed(one, 4, "--sender", sender)
    assert [r["id"] for r in rows] == sorted((r["id"] for r in rows), reverse=True)
    assert {r["reason"] for r in rows} == {"json", "time.past"} and all(r["detail"] for r in rows)
    assert {r["sender"] for r in rows} == {sender}
    assert sorted(r["size_bytes"] for r in rows) == sorted([1, len(escape), 3, len(json.dumps(old))])
    assert all(r["kept_bytes"] == r["size_bytes"] for r in rows)
    assert all((r["door"], r["format"], r["context"]) == ("udp", "mplane", "") for r in rows)
    assert len(listed(one, "--reason", "time.past", "--sender", "127.0.0.1")) == 1
    assert listed(one, "--sender", "127.0.0") == [] and listed(one, "--since", "2099-01-01") == []
    assert len(listed(one, "--sender", sender, "--limit", "2")) == 2
    assert listed(one, "--reason", "x'; DROP TABLE rejected; --") == []
    text = one.cmd("rejected", "list", "--sender", sender).stdout
    assert text.splitlines()[0].split() == ["ID", "RECEIVED", "SENDER", "FORMAT", "REASON", "BYTES", "DETAIL"]
    assert len(text.splitlines()) == 5 and "\x1b" not in text
    whole = next(r for r in rows if r["reason"] == "time.past")
    shown = one.cmd("rejected", "show", str(whole["id"])).stdout
    assert json.loads(shown.splitlines()[-1]) == old and sender in shown and "1999" in shown
    assert json.loads(json.loads(one.cmd("rejected", "show", "--json", str(whole["id"])).stdout)["text"]) == old
    ansi = next(r for r in rows if r["size_bytes"] == len(escape))
    shown = one.cmd("rejected", "show", str(ansi["id"])).stdout
    assert "7b 22 1b 5b 33 31 6d" in shown and "\x1b" not in shown
    assert bytes.fromhex(json.loads(one.cmd("rejected", "show", "--json", str(ansi["id"])).stdout)["bytes"]) == escape


def test_who_may_ask(one):
    one.cmd("pki", "issue", "ann", "--role", "reader")
    one.wait_for(lambda: one.cmd("query", "--as", "ann", check=False).returncode == 0)
    for command in (["list"], ["show", "1"], ["replay", "1"]):
        done = one.cmd("rejected", *command, "--as", "ann", check=False)
        assert done.returncode == 1 and "does not offer us Rejected" in done.stderr + done.stdout
    assert State(one.state).config()["mplane-gw"]["access"]["authorizations"]["Rejected*"] == ["admin"]


def test_any_bytes(one):
    """All values that a byte can have, as many as can be kept; texts that mPlane takes for null."""
    data = (bytes(range(256)) * 256)[:65507]
    (number,), = one.sql("INSERT INTO rejected (instance, sequence, item, received_at, sender, reason, detail, size_bytes,"
                         " head, epoch) VALUES (gen_random_uuid(), 1, 0, '2026-11-21 10:00:00.25+00', '*', 'json', '*', %s, %s, 0)"
                         " RETURNING id", len(data), data)
    shown = json.loads(one.cmd("rejected", "show", "--json", str(number)).stdout)
    assert bytes.fromhex(shown["bytes"]) == data and shown["kept_bytes"] == shown["size_bytes"] == len(data)
    assert shown["received_at"] == "2026-11-21T10:00:00.25+00:00" and (shown["sender"], shown["detail"]) == ("*", "*")
    row, = listed(one, "--sender", "*", "--limit", "1")
    assert row == {name: value for name, value in shown.items() if name != "bytes"}


def test_wrong_use(one):
    for wrong in (["show"], ["show", "x"], ["show", "-1"], ["replay"], ["replay", "0"], ["list", "--limit", "0"],
                  ["list", "--since", "yesteryear"], ["replay", "--udp", "nonsense", "1"],
                  ["replay", "--udp", "127.0.0.1:65536", "1"], ["replay", "--udp", "127.0.0.1:\u00b2", "1"], ["list", "5"]):
        done = one.cmd("rejected", *wrong, check=False)
        assert done.returncode == 2 and done.stderr, wrong
    done = one.cmd("rejected", "show", "999999999", check=False)
    assert done.returncode == 1 and "there is no 999999999" in done.stderr
    done = one.cmd("rejected", "show", str(2**63), check=False)
    assert done.returncode == 2 and done.stderr
    done = one.cmd("rejected", "replay", "999999999", check=False)
    assert done.returncode == 1 and "999999999  not sent: there is no" in done.stdout


def test_what_a_tool_wrote_is_sent_again_as_what_it_was(make_set):
    """In its format, with what was known beside it, as if it came from whom it came."""
    one = make_set()
    udp, = find_free_ports(1)
    one.cmd("pki", "issue", "prue", "--role", "probe")
    one.configure(ingestd={"past_limit_s": 3600, "listeners": [{"listen": f"127.0.0.1:{udp}", "format": "iputils"}]})
    one.up()
    stamp = int(time.time()) - 7200
    files = one.client_files("prue")
    posted = subprocess.run(
        ["curl", "-sS", "--cacert", files["ca"], "--cert", files["cert"], "--key", files["key"], "--data-binary", "@-",
         f"https://127.0.0.1:{one.ingest}/ingest/smokeping-lastupdate?target=192.0.2.7&probe=a%20b%26c"], check=True, text=True,
        capture_output=True, input=f" uptime loss median ping1 ping2\n\n{stamp}: U 0 6.8e-05 5.1e-05 7.2e-05\n").stdout
    assert json.loads(posted)["reason"] == "time.past", posted
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(f"PING 192.0.2.8 (192.0.2.8) 56(84) bytes of data.\n[{stamp}.5] 64 bytes from 192.0.2.8: icmp_seq=1 ttl=64 time=9.1 ms\n"
                 "\n--- 192.0.2.8 ping statistics ---\n1 packets transmitted, 1 received, 0% packet loss, time 0ms\n"
                 "rtt min/avg/max/mdev = 9.100/9.100/9.100/0.000 ms\n".encode(), ("127.0.0.1", udp))
    rows = {row["format"]: row for row in wait_listed(one, 2)}
    told = rows["smokeping-lastupdate"]
    assert (told["door"], told["context"]) == ("https", "target=192.0.2.7&probe=a%20b%26c")
    assert (rows["iputils"]["door"], rows["iputils"]["context"]) == ("udp", "")
    one.configure(ingestd={"past_limit_s": 86400})
    one.cmd("reload")
    one.wait_for(lambda: "config.reloaded" in one.cmd("logs", "ingestd").stdout)
    done = one.cmd("rejected", "replay", *(str(row["id"]) for row in rows.values()))
    assert done.stdout.count(": 1 record taken, 0 refused\n") == 2, done.stdout
    one.wait_matched(2)
    assert sorted(one.sql("SELECT dest, probe, format FROM record")) == [
        ("192.0.2.7", "a b&c", "smokeping-lastupdate"), ("192.0.2.8", "127.0.0.1", "iputils")]
    # What is no better now is refused again, and says why.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"nothing of a ping", ("127.0.0.1", udp))
    again = wait_listed(one, 1, "--reason", "format")[0]
    done = one.cmd("rejected", "replay", str(again["id"]), check=False)
    assert done.returncode == 1 and f"{again['id']}  not sent: 0 records taken, 1 refused; line 1: expected a document" in done.stdout


def test_what_was_refused_for_its_time_is_taken_later(make_set):
    one = make_set()
    one.configure(ingestd={"past_limit_s": 3600, "reject_head_bytes": 1000})
    one.up()
    when = time.time() - 7200
    short = ping("192.0.2.1", time_text(when), label="short")
    long = ping("192.0.2.2", time_text(when), label="long", parameters={
        "source.ip4": "192.0.2.9", "destination.ip4": "192.0.2.2", "filler": "x" * 1000})
    send(one, short, long, b"{")
    rows = {r["reason"] + str(r["size_bytes"] > 1000): r for r in wait_listed(one, 3)}
    ids = {name: str(row["id"]) for name, row in rows.items()}
    assert rows["time.pastTrue"]["kept_bytes"] == 1000
    one.configure(ingestd={"past_limit_s": 86400})
    one.cmd("reload")
    one.wait_for(lambda: "config.reloaded" in one.cmd("logs", "ingestd").stdout)
    done = one.cmd("rejected", "replay", *ids.values(), check=False)
    assert done.returncode == 1
    assert f"{ids['time.pastFalse']}  sent" in done.stdout and f"{ids['jsonFalse']}  sent" in done.stdout
    assert f"{ids['time.pastTrue']}  not sent: only 1000 of its" in done.stdout
    one.wait_matched(1)
    assert one.sql("SELECT label FROM measurement") == [("short",)]
    wait_listed(one, 4)  # what is no JSON is refused again
    assert one.cmd("rejected", "replay", ids["time.pastFalse"]).stdout == \
        f"{ids['time.pastFalse']}  sent; by UDP it may be refused again, with ingestd.drop_dir it would go as a file\n"
    one.wait_for(lambda: one.process("stored")["counters"]["duplicates"] == 1)


def test_a_datagram_of_many_bad_results_is_kept_a_few_times(one):
    """Each of its rejects holds all of its bytes: they are not kept by the thousand."""
    many = {"envelope": "message", "contents": [{"result": "measure"}] * 1500}
    refused = one.process("ingestd")["counters"]["rejected.form"]
    sender = send(one, many, b"{")
    one.wait_for(lambda: one.process("ingestd")["counters"]["rejected.form"] == refused + 1500)
    wait_listed(one, 1, "--sender", sender, "--reason", "json")  # what came behind it
    rows = listed(one, "--sender", sender, "--reason", "form", "--limit", "1500")
    assert len(rows) == 16 and {r["size_bytes"] for r in rows} == {len(json.dumps(many))}
    assert one.process("ingestd")["counters"]["rejects.not_kept"] >= 1500 - 16


def test_nobody_listens(one):
    sender = send(one, b"{ nobody")
    row, = wait_listed(one, 1, "--sender", sender)
    (port,) = find_free_ports(1)
    done = one.cmd("rejected", "replay", "--udp", f"127.0.0.1:{port}", str(row["id"]), check=False)
    assert done.returncode == 1 and "refused" in done.stderr and "sent" not in done.stdout


def test_thousands_of_long_malformed_datagrams(make_set):
    """Each of 60 KiB and kept whole: memory, spool and table stay within their bounds, all are accounted for."""
    one = make_set()
    one.environment["ASAN_OPTIONS"] = "quarantine_size_mb=8"  # or what is free counts as used
    one.configure(ingestd={"reject_head_bytes": 65507, "rejects_per_second": 100000, "spool_bytes": 32 << 20,
                            "window_bytes": 16 << 20, "receive_buffer_bytes": 8 << 20},
              stored={"rejected_rows": 100, "buffer_bytes": 32 << 20})
    one.up()
    count, data = 4000, b"\xff" + bytes(range(256)) * 240
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for i in range(count):
            s.sendto(data, ("127.0.0.1", one.udp))
            if i % 10 == 0:
                time.sleep(0.02)
            wait_for(lambda: queued_bytes(one.udp) < 128 << 10, 60)  # no faster than they are read, any buffer holds that

    def account():
        ingestds = json.loads(one.cmd("ledger", "--json", check=False).stdout)["ingestds"]
        return (sum(i["totals"]["rejected_datagrams"] for i in ingestds), sum(i["dropped"] for i in ingestds))
    one.wait_for(lambda: sum(account()) == count, 120)
    assert account()[0] * len(data) > 150e6, "they came in spite of all faster than they could be read"

    def told():
        counters = one.process("ingestd")["counters"]
        return counters["rejects.kept"] + counters["rejects.not_kept"]
    one.wait_for(lambda: told() == account()[0])  # a status is up to a second old
    kept = one.process("ingestd")["counters"]["rejects.kept"]
    one.wait_for(lambda: one.process("stored")["counters"]["rejected.kept"] == kept)
    for name in ("ingestd", "stored"):
        peak_kib = memory_kib(one.pid(name), "VmHWM")
        assert peak_kib < 100 << 10, f"{name}: {peak_kib} KiB"
    files = os.scandir(os.path.join(one.state, "spool"))
    assert sum(f.stat().st_size for f in files) < 200 << 20
    (rows, longest), = one.sql("SELECT count(*), max(length(head)) FROM rejected")
    assert rows <= 500 and longest == len(data)
    (last,), = one.sql("SELECT max(id) FROM rejected")
    assert one.cmd("rejected", "replay", str(last)).stdout == f"{last}  sent\n"
    one.wait_for(lambda: one.process("stored")["counters"]["rejected.kept"] == kept + 1)


COLUMNS = "type, content, probe, source, dest, path, t_start, t_end, row, \"values\", label, verb, registry, results"


def stored_records(one):
    return one.sql(f"SELECT {COLUMNS} FROM measurement m JOIN series s ON s.id = series_id JOIN schema c ON c.id = schema_id"
                   " WHERE label LIKE 'poison%' ORDER BY label, row")


def test_a_record_that_postgresql_refused(make_set):
    """Kept as a whole: sent again it becomes the record that it would have been."""
    one = make_set()
    one.up()
    now = int(time.time()) - 60
    rows = [["1", "20000", "30000", "5"], ["2", "21000", None, "6"]]
    messages = [
        ping("192.0.2.1", time_text(now) + " ... " + time_text(now + 5), label="poison 1"),
        ping("2001:db8::7", time_text(now + 1), label="poison \u00e9 \"2\"", resultvalues=[rows[1]]),
        ping("192.0.2.3", time_text(now + 2), label="poison 3", metadata={"note": "x" * 2500}),
        ping("192.0.2.4", time_text(now + 3), label="poison 4", resultvalues=rows)]
    send(one, *messages)
    one.wait_matched(5)
    want = stored_records(one)
    assert len(want) == 5
    one.cmd("restart", "stored")
    one.sql("TRUNCATE measurement, period, event, rollup_hour, rollup_day, rollup_month, grade_total")
    one.sql("ALTER TABLE measurement ADD CONSTRAINT none CHECK (label NOT LIKE 'poison%')")
    one.cmd("restart", "stored")
    send(one, *messages)
    refused = wait_listed(one, 5, "--reason", "database")
    assert all("23514" in r["detail"] and r["kept_bytes"] == r["size_bytes"] for r in refused)
    shown = {}
    for row in refused:
        told = json.loads(one.cmd("rejected", "show", "--json", str(row["id"])).stdout)["record"]
        shown[told["label"], told["row"]] = (row["id"], told)
    assert shown["poison 4", 1][1]["results"] == dict(zip(messages[3]["results"], rows[1]))
    assert '"label": "poison 3"' in one.cmd("rejected", "show", str(shown["poison 3", 0][0])).stdout
    one.sql("ALTER TABLE measurement DROP CONSTRAINT none")
    done = one.cmd("rejected", "replay", *(str(r["id"]) for r in refused), check=False)
    assert done.returncode == 1 and done.stdout.count("  sent") == 4
    assert f"{shown['poison 4', 1][0]}  not sent: it is row 1 of a result" in done.stdout
    one.wait_matched(4)
    have = stored_records(one)
    without_probe = [r for r in want if r[10] != "poison 3" and (r[10], r[8]) != ("poison 4", 1)]
    assert [r for r in have if r[10] != "poison 3"] == without_probe
    # Its probe was the sender's address, which had to be said.
    third, = (r for r in have if r[10] == "poison 3")
    assert third[:9] == next(r for r in want if r[10] == "poison 3")[:9]
    assert one.cmd("rebuild", "--verify").returncode == 0


@pytest.mark.parametrize("frame", [b"", b"\x92", b"\x92\x90\x90", b"\xc1", b"\x92\x91\x97\xff", b"\xdd\xff\xff\xff\xff",
                                   b"\x91" * 5000, b"\xdb\xff\xff\xff\xffx", b"\x92\x91\x90\x91\x90\x00"],
                         ids=lambda frame: f"{len(frame)} bytes {frame[:8].hex()}")
def test_bytes_that_are_no_record(frame, build_dir, monkeypatch):
    monkeypatch.setenv("EZREPO_BUILD", build_dir)
    with pytest.raises((ValueError, TypeError)):
        rejected.unpack_record(frame)


@pytest.mark.parametrize("release", [-1, 0])
def test_a_record_of_another_release_is_told(release, build_dir, monkeypatch):
    """What is kept may be of the release before, without the fields that came since."""
    monkeypatch.setenv("EZREPO_BUILD", build_dir)
    with of_release(release):
        schema = pack(SCHEMA, "measure", "registry", ["a"], ["b"], ["c"])
        record = pack(RECORD, 0, "ping", "ICMP", "probe", "source", "dest", "", 1, 2, 3, "label", 0, ["x", "y", None])
    assert rejected.unpack_record(b"\x92\x91" + schema + b"\x91" + record) == {
        "type": "ping", "content": "ICMP", "probe": "probe", "source": "source", "dest": "dest", "path": "",
        "t_start_us": 1, "t_end_us": 2, "row": 3, "label": "label", "verb": "measure", "registry": "registry",
        "results": {"a": "x"}, "parameters": {"b": "y"}, "metadata": {"c": None}}


def test_any_number_and_text_is_read():
    values = [0, 127, 128, 255, 256, 65535, 65536, 2**32, 2**64 - 1, -1, -32, -33, -128, -129, -2**31, -2**63, None, "",
              "x" * 31, "x" * 32, "\u00e9" * 300, "x" * 70000, [], [1] * 15, [None] * 16, [["a"]] * 70000]
    assert rejected.Unpack(msgpack.packb(values)).value() == values
