# SPDX-License-Identifier: Apache-2.0
"""An ingestd with stand-ins for classifyd and stored: a PULL socket and a PUB socket that speak msgpack."""
import collections
import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import time

import msgpack
import zmq
from conftest import ROOT, assert_clean, check_grown, clock, find_free_ports, tells_since, wait_for
from messages import ACCOUNT, ACK, BATCH_HEADER, LOST, RECORD, REJECT, SCHEMA, SIGNS, fields, pack

HUNDRED_YEARS = 100 * 366 * 86400


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


def result(when="2026-11-21 19:23:18.649287 ... 2026-11-21 19:23:20.649845", value="20125", **more):
    message = {"result": "measure", "version": 1, "registry": "http://ict-mplane.eu/registry/core",
               "label": "ping-average-ip4-0", "token": "t", "when": when,
               "parameters": {"destination.ip4": "127.0.0.1", "source.ip4": "127.0.0.1"},
               "results": ["delay.twoway.icmp.us"], "resultvalues": [[value]]}
    message.update(more)
    return {k: v for k, v in message.items() if v is not None}


class Batch:
    """One pushed batch, checked on the way in. `again`: it came before."""

    again = False

    def __init__(self, parts):
        assert len(parts) == 3
        self.__dict__.update(fields(BATCH_HEADER, msgpack.unpackb(parts[0])))
        assert self.shard == 0 and self.grading_version == 0
        assert self.oldest <= self.sequence and self.first <= self.sequence and (self.first > 0) == (self.epoch > 0)
        assert abs(self.received_us / 1e6 - time.time()) < 300 or self.epoch == 0  # that comes from files
        unpacker = msgpack.Unpacker()
        unpacker.feed(parts[2])
        told = list(unpacker)
        self.lost = {"datagrams": 0, "maybe_more": 0}
        if told and told[-1][1] == LOST:
            self.lost = fields(LOST, told.pop())
        self.accounts = [fields(ACCOUNT, a) for a in told]
        assert len({a["sender"] for a in self.accounts}) == len(self.accounts) <= 1024
        for a in self.accounts:
            assert len(a["reasons"]) == len(a["rejected"]) and all(a["rejected"])
        if self.kind == 0:
            schemas, records = msgpack.unpackb(parts[1])
            self.schemas = [fields(SCHEMA, s) for s in schemas]
            self.records = [fields(RECORD, r) for r in records]
            assert len(self.records) == self.count
            for i, a in enumerate(self.accounts):
                assert a["records"] == sum(r["sender"] == i for r in self.records)
            assert all(r["sender"] < len(self.accounts) for r in self.records)
        else:
            assert not any(a["records"] for a in self.accounts)
            unpacker = msgpack.Unpacker()
            unpacker.feed(parts[1])
            self.rejects = [fields(REJECT, r) for r in unpacker]
            assert len(self.rejects) == self.count


class Ingestd:
    """A running ingestd with its peers."""

    def __init__(self, build, folder, peers=True, log="log", **options):
        self.folder = folder
        self.log_file = folder / log
        self.run_dir = folder / "run"
        self.run_dir.mkdir(mode=0o700, exist_ok=True)
        (self.port,) = find_free_ports(1)
        self.options = {"listen": [f"127.0.0.1:{self.port}"], "past_limit_s": HUNDRED_YEARS,
                        "future_limit_s": HUNDRED_YEARS, "receive_buffer_bytes": 1048576,
                        "spool_dir": str(folder / "spool"), **options}
        self.write_configuration()
        self.zmq = zmq.Context()
        self.pub = self.zmq.socket(zmq.XPUB)
        self.pub.bind(f"ipc://{self.run_dir}/announce")
        self.pull = None
        self.log = self.log_file.open("w")
        self.process = subprocess.Popen([f"{build}/ingestd/ingestd", "--config", str(self.file)], stderr=self.log)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.seen = set()
        self.epochs = {}  # of the batches that came, by sequence
        self.taken = 0  # batches, those that came again included
        self.ledger = collections.Counter()  # all that the accounts came to so far
        try:
            topic = self.receive(self.pub)[0]
            assert topic[:4] == b"\x01ack" and len(topic) == 20
        except BaseException:
            self.close()
            raise
        self.instance = topic[4:]
        if peers:
            self.connect()

    def write_configuration(self, **common):
        self.file = self.folder / "ingestd.json"
        self.file.write_text(json.dumps({
            "common": {"run_dir": str(self.run_dir), "schemas_dir": os.path.join(ROOT, "schemas"),
                       "user": "", **common},
            "ingestd": self.options}))

    def connect(self):
        self.pull = self.zmq.socket(zmq.PULL)
        self.pull.setsockopt(zmq.RCVHWM, 4)
        self.pull.connect(f"ipc://{self.run_dir}/batches")

    def send(self, *messages):
        for message in messages:
            data = message if isinstance(message, bytes) else json.dumps(message).encode()
            self.udp.sendto(data, ("127.0.0.1", self.port))

    @staticmethod
    def receive(zmq_socket, seconds=60):
        if not zmq_socket.poll(seconds * 1000):
            raise AssertionError("nothing came")
        return zmq_socket.recv_multipart()

    def any_batch(self, seconds=60, again=False):
        """The next batch, or with `again` also one that came before: ingestd may push any a second time."""
        batch = self.take(seconds)
        while batch.again and not again:
            batch = self.take(seconds)
        return batch

    def take(self, seconds):
        """What comes next; what it adds to the ledger is added once."""
        batch = Batch(self.receive(self.pull, seconds))
        assert batch.instance == self.instance
        batch.again = batch.sequence in self.seen
        self.epochs[batch.sequence] = batch.epoch
        self.taken += 1
        if not batch.again:
            self.seen.add(batch.sequence)
            self.ledger["dropped"] += batch.dropped
            for a in batch.accounts:
                for name in ("datagrams", "accepted", "exceptions", "records"):
                    self.ledger[name] += a[name]
                for reason, count in zip(a["reasons"], a["rejected"]):
                    self.ledger[reason] += count
                    self.ledger["rejected"] += count
        return batch

    def batch(self, seconds=60, again=False):
        """The next batch with something in it; those with nothing but accounts are acknowledged."""
        batch = self.any_batch(seconds, again)
        while batch.count == 0:
            assert batch.kind == 1 and (batch.accounts or batch.dropped or any(batch.lost.values()))
            self.acknowledge(batch.sequence)
            batch = self.any_batch(seconds, again)
        return batch

    def take_all(self, sent):
        """Takes and acknowledges what comes until so many datagrams were read or dropped, and nothing is held."""
        def done():
            while not self.quiet(0):
                self.acknowledge(self.take(60).sequence)
            c = collections.Counter(self.status()["counters"])
            return c["received.datagrams"] + c["kernel.drops"] == sent and c["held.batches"] == 0
        wait_for(done, 120, lambda: str(self.status()["counters"]))

    def closes(self):
        """The ledger is what the counters say, and closes: once all that was sent was received."""
        called = clock()
        wanted = {"datagrams": "received.datagrams", "accepted": "datagrams.accepted",
                  "exceptions": "datagrams.exceptions", "rejected": "datagrams.rejected",
                  "records": "accepted.records", "dropped": "kernel.drops"}

        def seen():
            while not self.quiet(0):
                self.acknowledge(self.take(60).sequence)
            status = self.status()
            return self.tells(status, called) and \
                all(self.ledger[k] == status["counters"][v] for k, v in wanted.items())
        try:
            wait_for(seen)
        except AssertionError:
            raise AssertionError(f"{self.ledger} {self.status()['counters']}") from None
        assert self.ledger["datagrams"] == self.ledger["accepted"] + self.ledger["exceptions"] + \
            self.ledger["rejected"]

    def quiet(self, milliseconds):
        return not self.pull.poll(milliseconds)

    def acknowledge(self, *sequences, instance=None, shard=0, epoch=None):
        """Each under the epoch it came with, or under this one."""
        instance = instance or self.instance
        by_epoch = collections.defaultdict(list)
        for sequence in sequences:
            by_epoch[self.epochs.get(sequence, 0) if epoch is None else epoch].append(sequence)
        for of, some in by_epoch.items():
            self.pub.send_multipart([b"ack" + instance, pack(ACK, instance, shard, some, epoch=of)])

    def collect(self, records, acknowledge=True, rejects=False):
        """All records up to this many, batches acknowledged as they come; batches of rejects, where there may be some,
        are passed over."""
        found = []
        while len(found) < records:
            batch = self.batch()
            assert batch.kind == 0 or rejects
            found += batch.records if batch.kind == 0 else []
            if acknowledge:
                self.acknowledge(batch.sequence)
        return found

    def status(self):
        """Its own, not that of one before in the same folder."""
        with contextlib.suppress(FileNotFoundError):
            found = json.loads((self.run_dir / "status/ingestd-0.json").read_text())
            if found["pid"] == self.process.pid:
                check_grown(found)
                return found
        return {"counters": {}, "notes": {}}

    @staticmethod
    def tells(status, moment):
        """Whether it is of this moment or later; the last one always is."""
        return tells_since(status, moment) or status.get("state") == "stopped"

    def counters(self, **expected):
        """The counters, once they are these (dots written as two underscores), now or later."""
        expected = {k.replace("__", "."): v for k, v in expected.items()}
        called = clock()

        def seen():
            status = self.status()
            counters = status["counters"]
            return counters if self.tells(status, called) and \
                all(counters.get(k) == v for k, v in expected.items()) else None
        try:
            return wait_for(seen)
        except AssertionError:
            found = {k: v for k, v in self.status()["counters"].items() if v or k in expected}
            raise AssertionError(f"expected {expected}, found {found}") from None

    def note(self, key, text):
        called = clock()
        wait_for(lambda: self.tells(s := self.status(), called) and text in s["notes"].get(key, ""))

    def wait_spooled(self, *held):
        """Until the spool has these batches and no others: what was acknowledged is out of it."""
        def found():
            with contextlib.closing(sqlite3.connect(self.options["spool_dir"] + "/spool.sqlite")) as spool:
                return [s for s, in spool.execute("SELECT sequence FROM batch WHERE frame IS NOT NULL ORDER BY 1")]
        wait_for(lambda: found() == list(held))

    def terminate(self, seconds=60):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def log_text(self):
        return self.log_file.read_text()

    def kill(self):
        """As a crash would; another one started in the folder goes on with its spool."""
        self.process.kill()
        self.process.wait()
        self.close()

    def close(self):
        if self.zmq.closed:
            return
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.udp.close()
        self.zmq.destroy(linger=0)
        self.log.close()
        assert_clean(self.log_text())


def fill_disk(file):
    """To the last byte."""
    with contextlib.suppress(OSError), file.open("wb", buffering=0) as f:
        while f.write(bytes(4096)):
            pass


class Heard:
    """Who hears ingestd's signs."""

    def __init__(self, ingestd):
        self.socket = ingestd.zmq.socket(zmq.PULL)
        self.socket.bind(f"ipc://{ingestd.run_dir}/signs")

    def newest(self):
        """What came last, once the next has come."""
        assert self.socket.poll(10000)
        while self.socket.poll(0):
            sign = self.socket.recv()
        return fields(SIGNS, msgpack.unpackb(sign))

    def until(self, what):
        found = []
        wait_for(lambda: found.append(self.newest()) or what(found[-1]), 20, lambda: str(found[-1:]))
        return found[-1]
