# SPDX-License-Identifier: Apache-2.0
"""Authenticated datagrams: what an ingestd takes, refuses and remembers; the senders in C and in Python. stored, who keeps the
keys, is stood in for here."""

import base64
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT, documented_sender, find_free_ports, ping, sender_of, time_text, wait_for
from ingestds import Ingestd, result
from stored_access import StoredAccess
from test_listeners import RTT


@pytest.fixture(scope="module")
def page():
    with open(os.path.join(ROOT, "docs/udp-envelope.md"), encoding="utf-8") as file:
        return file.read()


@pytest.fixture(scope="module")
def sender_text(page):
    """The Python sender, as it stands there."""
    return sender_of(page)


@pytest.fixture(scope="module")
def sender_class():
    return documented_sender()


def key_file(folder, key_id, secret):
    """As `ezrepo key issue` writes it."""
    file = folder / f"{key_id}.json"
    file.write_text(json.dumps({"id": key_id, "secret": base64.b64encode(secret).decode(), "name": "n", "identity": "i"}))
    return str(file)


def test_the_sender_in_python_signs_as_the_vectors_say(page, sender_text, sender_class, tmp_path):
    """What our own programs make of the same vectors, tests/golden/test_signed_envelope.c tells."""
    assert sum(bool(line.strip()) for line in sender_text.splitlines()) <= 30
    vectors = [v for v in json.loads(re.search(r"```json\n(.*?)```", page, re.S).group(1)) if "refused" not in v]
    assert len(vectors) == 4
    for v in vectors:
        sender = sender_class(key_file(tmp_path, v["key"], bytes.fromhex(v["secret"])), "127.0.0.1", 9)
        sender.epoch, sender.sequence = v["epoch"], v["sequence"] - 1
        assert sender.sign(v["content"].encode(), v["time_us"]).hex() == v["datagram"]
        sender.socket.close()


# ---- with an ingestd ----

class Keys(StoredAccess):
    """stored's door for those who look at signatures."""

    def __init__(self, context, run_dir):
        super().__init__(context, run_dir, "keys")
        self.keys, self.roles = {}, {}

    def issue(self, name, identity, key_id, secret, **more):
        self.keys[name] = {"name": name, "identity": identity, "id": key_id,
                           "secret": base64.b64encode(secret).decode(), "types": ["*"], **more}

    def tell(self, told):
        self.document = {"keys": list(self.keys.values()), "roles": self.roles}
        super().tell(told)


class Signed(Ingestd):
    """An ingestd with two listeners that take nothing but envelopes: one for a format of the operator's, one for mPlane."""

    def __init__(self, build, folder, sender_class, **options):
        (folder / "formats.d").mkdir(exist_ok=True)
        (folder / "formats.d/rtt.json").write_text(json.dumps(RTT))
        self.rtt, self.mplane = find_free_ports(2)
        super().__init__(build, folder, listeners=[
            {"listen": f"127.0.0.1:{self.rtt}", "format": "rtt", "authenticated": True},
            {"listen": f"127.0.0.1:{self.mplane}", "authenticated": True}], **options)
        self.sender_class = sender_class
        self.keys = Keys(self.zmq, self.run_dir)

    def issue(self, name, identity=None, **more):
        """A key and a sender that has it."""
        key_id, secret = secrets.token_hex(8), secrets.token_bytes(32)
        self.keys.issue(name, identity or name, key_id, secret, **more)
        self.in_force()
        sender = self.sender_class(key_file(self.folder, key_id, secret), "127.0.0.1", self.rtt)
        sender.file = key_file(self.folder, key_id, secret)
        return sender

    def revoke(self, name):
        del self.keys.keys[name]
        self.in_force()

    def in_force(self):
        line = f"access.in_force version={self.keys.version + 1}"
        self.keys.tell(lambda: line in self.log_text())

    def say(self, sender, text, time_us=None, port=None):
        """What went out."""
        datagram = sender.sign(text if isinstance(text, bytes) else text.encode(), time_us or time.time_ns() // 1000)
        self.repeat(datagram, port)
        return datagram

    def repeat(self, datagram, port=None):
        self.udp.sendto(datagram, ("127.0.0.1", port or self.rtt))

    def records(self, count=1):
        """So many; and `accounts`, what is missing of the senders in their batches. What came before them is in `ledger` then."""
        found, self.accounts = [], {}
        while len(found) < count:
            batch = self.any_batch()
            self.acknowledge(batch.sequence)
            for a in batch.accounts:
                self.accounts[a["sender"]] = self.accounts.get(a["sender"], 0) + a["missing"]
            found += batch.records if batch.kind == 0 else []
        return found

    def until(self, value):
        """Takes records up to the one of this value. An ingestd that was killed had not heard of all that was stored: the
        values of what comes again with its accounts."""
        found = []
        while value not in found:
            found += [v for r in self.records() for v in r["values"]]
        return set(found) - {value}

    def refused(self):
        """The next that is kept of what is refused."""
        batch = self.batch()
        self.acknowledge(batch.sequence)
        assert batch.kind == 1
        return batch.rejects


@pytest.fixture
def signed(build_dir, tmp_path, sender_class):
    one = Signed(build_dir, tmp_path, sender_class)
    yield one
    one.close()


def test_what_is_signed_is_its_keys(signed, sender_text, tmp_path):
    sender = signed.issue("lab", "probe-7")
    signed.say(sender, "begin lab\nrtt 192.0.2.1 12.5\n")
    signed_us = time.time_ns() // 1000 - 100_000_000
    signed.say(sender, "rtt 192.0.2.2 1\n", time_us=signed_us)
    records = signed.records(2)
    assert [(r["probe"], r["source"], r["dest"]) for r in records] == [("probe-7", "lab", "192.0.2.1"), ("probe-7", "", "192.0.2.2")]
    assert records[1]["t_start_us"] == signed_us  # a mapping's #received
    assert set(signed.accounts) == {"udp:probe-7"}
    signed.say(sender, json.dumps(result()), port=signed.mplane)
    assert signed.records()[0]["probe"] == "probe-7"
    signed.send(result())  # the other listener is as ever
    assert signed.records()[0]["probe"] == "127.0.0.1" and list(signed.accounts) == ["127.0.0.1"]
    # What is wrong with the content is its sender's.
    signed.say(sender, "nonsense")
    (reject,) = signed.refused()
    assert (reject["reason"], reject["sender"], reject["head"]) == ("format", "udp:probe-7", b"nonsense")
    (tmp_path / "sender.py").write_text(sender_text)
    subprocess.run([sys.executable, str(tmp_path / "sender.py"), sender.file, "127.0.0.1", str(signed.rtt)],
                   input=b"rtt 192.0.2.1 1\nrtt 192.0.2.2 2\n", check=True, timeout=60)
    assert [r["dest"] for r in signed.records(2)] == ["192.0.2.1", "192.0.2.2"]
    signed.counters(envelopes__taken=6, envelopes__skipped=0, envelopes__epochs=2, rejected__format=1)
    signed.closes()


def test_nothing_else_is_taken(signed):
    sender = signed.issue("lab", types=["ping"])
    good = sender.sign(b"rtt 192.0.2.1 1", time.time_ns() // 1000)
    stranger = signed.sender_class(key_file(signed.folder, "00" * 8, bytes(32)), "127.0.0.1", 9)
    forger = signed.sender_class(key_file(signed.folder, sender.key_id.hex(), bytes(32)), "127.0.0.1", 9)
    now = time.time_ns() // 1000
    wrong = {"form": b"rtt 192.0.2.1 1", "key": stranger.sign(b"x" * 100, now), "mac": forger.sign(b"x" * 100, now),
             "time": sender.sign(b"rtt 192.0.2.1 1", now - 400_000_000)}
    for reason, datagram in wrong.items():
        for _ in range(5):  # of which one is kept
            signed.repeat(datagram)
    kept = []
    while len(kept) < 4:
        kept += signed.refused()
    assert sorted(r["reason"] for r in kept) == sorted(f"envelope.{reason}" for reason in wrong)
    for reject in kept:
        datagram = wrong[reject["reason"][9:]]
        assert reject["head"] == datagram[:37] and reject["size_bytes"] == len(datagram)
        assert reject["sender"].startswith("127.0.0.1:") and "192.0.2.1" not in reject["detail"]
    for at in range(len(good)):  # no bit of it can be changed
        signed.repeat(bytes(b ^ (i == at) for i, b in enumerate(good)))
    signed.repeat(good[:-1])
    signed.repeat(good + b"\0")
    signed.repeat(good)
    assert len(signed.records()) == 1 and signed.accounts["udp:lab"] == 0
    signed.repeat(good)
    signed.say(sender, "rtt 192.0.2.2 1")
    assert len(signed.records()) == 1 and signed.ledger["envelope.replay"] == 1 and signed.ledger["accepted"] == 2
    assert signed.ledger["rejected"] == 5 * len(wrong) + len(good) + 3
    signed.keys.keys["lab"]["types"] = ["ott*"]
    signed.in_force()
    signed.say(sender, "rtt 192.0.2.1 1")
    while signed.refused()[0]["reason"] != "denied":  # after the one that was kept of what came again
        pass


def test_what_binds_its_owner_binds_a_key(signed):
    bound, free = signed.issue("bound"), signed.issue("free")
    signed.keys.roles = {"acme": {"identities": ["boun?"], "delivers": [{"dest": "192.0.2.0/24"}, {"probe": "x"}]}}
    signed.in_force()
    for sender in (bound, free):
        signed.say(sender, "rtt 192.0.2.1 1\nrtt 198.51.100.1 2\n")
    assert sorted((r["probe"], r["dest"]) for r in signed.records(3)) == [
        ("bound", "192.0.2.1"), ("free", "192.0.2.1"), ("free", "198.51.100.1")]
    reject, = signed.refused()
    assert (reject["reason"], reject["sender"]) == ("denied.series", "udp:bound")
    assert reject["detail"].endswith('type "ping", content "ICMPECHO", probe "bound", dest "198.51.100.1"')
    signed.keys.roles = {}
    signed.in_force()
    signed.say(bound, "rtt 198.51.100.1 2\n")
    assert signed.records()[0]["dest"] == "198.51.100.1"


def test_keys_that_end_and_come(signed):
    lab, field = signed.issue("lab"), signed.issue("field")
    far = signed.issue("far", **{"from": ["192.0.2.0/24"]})
    old = signed.issue("old", until="2026-01-01T00:00:00Z")
    slow = signed.issue("slow", per_second=2)
    for sender in (lab, field, far, old):
        signed.say(sender, f"rtt 192.0.2.1 {sender.key_id[0]}")
    for i in range(10):
        signed.say(slow, f"rtt 192.0.2.7 {i}")
    assert len(signed.records(4)) == 4
    revoked = time.monotonic()
    signed.revoke("lab")
    signed.say(lab, "rtt 192.0.2.1 2")
    signed.say(field, "rtt 192.0.2.1 3")
    assert signed.records()[0]["values"] == ["3000"]
    assert time.monotonic() - revoked < 5  # less than a second, on a machine with nothing else to do
    assert signed.ledger["envelope.key"] == 3 and signed.ledger["budget.records"] == 8


def test_what_was_recorded_is_not_taken_after_a_restart(build_dir, tmp_path, sender_class):
    """Stopped or killed; and with the memory gone nothing is that was signed before."""
    one = Signed(build_dir, tmp_path, sender_class)
    sender = one.issue("lab")
    recorded = [one.say(sender, f"rtt 192.0.2.1 {i}") for i in range(50) if i not in (20, 30) or not sender.sign(b"x", 1)]
    late = sender.sign(b"rtt 192.0.2.9 1", time.time_ns() // 1000)
    recorded.append(one.say(sender, "rtt 192.0.2.1 50"))
    assert len(one.records(49)) == 49
    assert one.ledger["datagrams"] == 49
    assert one.terminate() == 0
    one.close()
    one = Signed(build_dir, tmp_path, sender_class, log="log2")
    for datagram in recorded:  # while stored is away: by ingestd's copy of the keys
        one.repeat(datagram)
    one.repeat(late)
    assert [r["dest"] for r in one.records()] == ["192.0.2.9"] and one.accounts["udp:lab"] == -1
    assert one.ledger["envelope.replay"] == 49
    recorded.append(one.say(sender, "rtt 192.0.2.1 51"))
    assert len(one.records()) == 1 and one.accounts["udp:lab"] == 0
    one.kill()
    one = Signed(build_dir, tmp_path, sender_class, log="log3")
    for datagram in [*recorded, late]:
        one.repeat(datagram)
    one.say(sender, "rtt 192.0.2.1 52")
    assert one.until("52000") <= {"51000"} and one.ledger["envelope.replay"] == 51
    one.kill()
    (tmp_path / "run/ingestd.replay").unlink()
    one = Signed(build_dir, tmp_path, sender_class, log="log4")
    for datagram in [*recorded, late]:
        one.repeat(datagram)
    one.say(sender, "rtt 192.0.2.1 53")
    assert one.until("53000") <= {"51000", "52000"} and one.ledger["envelope.replay"] in (51, 102)
    one.close()


# ---- our own senders ----

def test_ezrepo_sends(signed, build_dir, tmp_path):
    sender = signed.issue("lab")

    def sign(*arguments, text=None, port=signed.rtt):
        done = subprocess.run([f"{build_dir}/ctl/ezrepoctl", "sign", sender.file, *arguments, "--to", f"127.0.0.1:{port}",
                               "--own", str(tmp_path / "formats.d")], input=text, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout, done.stderr
    assert sign("--follow", text=json.dumps(result()) * 2, port=signed.mplane) == (0, "2 sent, 0 faults\n", "")
    signed.records(2)
    (tmp_path / "one").write_text("begin lab\nrtt 192.0.2.1 1\n")
    (tmp_path / "two").write_text("rtt 192.0.2.2 2\n")
    kept = ["--sequence", str(tmp_path / "sequence"), "--format", "rtt"]
    for i, lost in enumerate([False, True, False, False]):
        files = [str(tmp_path / "one"), str(tmp_path / "two")]
        assert sign(*kept, *files, port=find_free_ports(1)[0] if lost else signed.rtt)[0] == lost
        if not lost:
            records = signed.records(2)
            assert [(r["source"], r["dest"]) for r in records] == [("lab", "192.0.2.1"), ("", "192.0.2.2")]
            assert signed.accounts["udp:lab"] == (2 if i == 2 else 0)  # what was sent to nobody
    assert len((tmp_path / "sequence").read_text().split()) == 2
    (tmp_path / "none").write_text("{}")
    for file, complaint in (("none", "expected the members id and secret of a key"), ("away", "No such file or directory")):
        sender.file = str(tmp_path / file)
        code, _, told = sign(str(tmp_path / "one"))
        assert code == 1 and complaint in told


def test_a_sequence_outlives_an_interrupt(signed, build_dir, tmp_path):
    """Ctrl-C goes to the tool as well: what it says until its end is sent, and the sequence kept."""
    kept = tmp_path / "sequence"
    with subprocess.Popen([f"{build_dir}/ctl/ezrepoctl", "sign", signed.issue("lab").file, "--follow", "--sequence", str(kept),
                           "--to", f"127.0.0.1:{signed.mplane}"], stdin=subprocess.PIPE, text=True) as following:
        following.stdin.write(json.dumps(result()))
        following.stdin.flush()
        signed.records(1)
        following.send_signal(signal.SIGINT)
        following.stdin.write(json.dumps(result()))
        following.stdin.close()
    assert following.returncode == 0 and kept.read_text().split()[1] == "2"
    signed.records(1)


# ---- a whole set ----

def test_from_a_key_to_the_ledger(make_set, sender_class, tmp_path):
    """Issued, used, missed, copied, revoked: as an operator does it, and sees it."""
    one = make_set()
    (port,) = find_free_ports(1)
    one.configure(ingestd={"listeners": [{"listen": f"127.0.0.1:{port}", "authenticated": True}]})
    one.up()
    file, copied = str(tmp_path / "lab.key"), str(tmp_path / "copied.key")
    one.cmd("key", "issue", "lab", "--identity", "probe-7", "--type", "ping", "--from", "127.0.0.0/8", "--file", file)
    (tmp_path / "results").write_text(json.dumps(ping("192.0.2.7", time_text(time.time()))))

    def account():
        found = {s["sender"]: s for i in json.loads(one.cmd("ledger", "--json").stdout)["ingestds"] for s in i["senders"]}
        return found.get("udp:probe-7", {"accepted": 0}), found.get("127.0.0.1", {"reasons": {}})["reasons"]

    def is_in_force():
        (newest,), = one.sql("SELECT max(version) FROM access_change")
        return one.process("ingestd")["notes"]["access"].startswith(f"version {newest}, ")
    one.wait_for(is_in_force)
    one.wait_for(lambda: "sent" in one.cmd("send", "--key", file, str(tmp_path / "results")).stdout and account()[0]["accepted"] > 0)
    assert one.sql("SELECT count(*)::int FROM measurement") == [(1,)]  # what came again is the same record
    one.cmd("key", "issue", "again", "--identity", "probe-7", "--type", "ping", "--from", "127.0.0.0/8", "--file", copied)
    one.wait_for(is_in_force)
    sender = sender_class(copied, "127.0.0.1", port)
    datagrams = [sender.sign(json.dumps(ping("192.0.2.8", time_text(time.time() + i))).encode(), time.time_ns() // 1000) for i in range(9)]
    for datagram in (datagrams[i] for i in (0, 4, 2, 2)):
        sender.socket.sendto(datagram, sender.address)
    one.wait_for(lambda: account()[0].get("missing") == 2 and account()[1] == {"envelope.replay": 1})
    assert "MISSING" in one.cmd("ledger").stdout
    one.cmd("key", "revoke", "again")
    one.wait_for(lambda: sender.socket.sendto(datagrams[8], sender.address) and account()[1].get("envelope.key", 0) > 0)
    assert json.loads(one.cmd("ledger", "--verify", "--json").stdout)["closes"]


@pytest.mark.parametrize("listener, expected", [
    ({"authenticated": 1}, "ingestd.listeners[0].authenticated: expected true or false, found 1"),
    ({"authenticated": False}, "ingestd.listeners[0].format: expected"),
    ({"authenticated": True, "format": "nonsense"}, "ingestd.listeners[0].format: expected the name of a format")])
def test_listeners_are_checked(build_dir, tmp_path, listener, expected):
    (tmp_path / "run").mkdir(mode=0o700)
    (tmp_path / "c.json").write_text(json.dumps({
        "common": {"run_dir": str(tmp_path / "run"), "schemas_dir": os.path.join(ROOT, "schemas"), "user": ""},
        "ingestd": {"spool_dir": str(tmp_path), "listeners": [{"listen": "127.0.0.1:9", **listener}]}}))
    done = subprocess.run([f"{build_dir}/ingestd/ingestd", "--check-config", "--config", str(tmp_path / "c.json")],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0 and expected in done.stderr
