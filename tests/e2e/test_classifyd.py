# SPDX-License-Identifier: Apache-2.0
"""classifyd alone, between an ingestd and a stored that this test plays."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import uuid

import msgpack
import pytest
import zmq
from conftest import ROOT, assert_clean, counters_now, wait_for
from messages import ACCOUNT, BATCH_HEADER, GRADES, GRADING, RECORD, REJECT, SCHEMA, VERSION, listed, fields, pack

RECORDS, REJECTS = 0, 1
GRADE_NONE = 255
INSTANCE = uuid.uuid4().bytes
PATIENCE_MS = 60000


ACCOUNTS = pack(ACCOUNT, "192.0.2.9", 3, 1, 1, 5, ["json"], [1])


def header(sequence, count, kind=RECORDS, version=0):
    return pack(BATCH_HEADER, kind, INSTANCE, 0, sequence, 1, count, 1700000000000000, 4, version)


def schema(*results):
    return listed(SCHEMA, "measure", "http://ict-mplane.eu/registry/core", list(results), ["source.ip4"], [])


def record(values, schema_index=0, kind="ping", content="ICMPECHO", row=0, source="192.0.2.1"):
    return listed(RECORD, schema_index, kind, content, "probe-1", source, "192.0.2.2", "", 1700000000000000, 1700000000000000, row,
                  "ping-average-0", 0, [*values, source])


def records_frame(schemas, records):
    return msgpack.packb([schemas, records], use_bin_type=True)


def ping_frame(*delays):
    return records_frame([schema("delay.twoway.icmp.us")],
                         [record([d], row=i) for i, d in enumerate(delays)])


BIG_FRAME = ping_frame(*["1" * 60000] * 50)  # more than the kernel's buffers hold


def document(limit, *names):
    """Each name: 5 below the limit, else 1."""
    return json.dumps({"grading": [
        {"gradeName": name, "appliesTo": {"recordType": "ping"},
         "gradingRules": [{"grade": 5, "if": [{"metric": "delay.twoway.icmp.us", "rel": "<",
                                               "limit": limit}]}, {"grade": 1}]}
        for name in names or ("overall",)]})


class Set:
    """The two neighbours of a classifyd."""

    def __init__(self, folder, program):
        self.program = program
        self.run_dir = folder / "run"
        self.run_dir.mkdir(mode=0o700)
        self.config = folder / "ezrepo.conf"
        self.config.write_text(json.dumps({
            "common": {"run_dir": str(self.run_dir), "schemas_dir": os.path.join(ROOT, "schemas")},
            "classifyd": {"high_water": 2, "drain_ms": 1500}}))
        self.context = zmq.Context()
        self.batches = self.bind(zmq.PUSH, "batches")
        self.announce = self.bind(zmq.XPUB, "announce")
        self.graded = None
        self.processes = []
        self.folder = folder

    def bind(self, kind, name):
        s = self.context.socket(kind)
        s.linger = 0
        s.sndhwm = s.rcvhwm = 1000 if kind == zmq.XPUB else 2
        s.sndtimeo = s.rcvtimeo = PATIENCE_MS
        if kind == zmq.XPUB:
            s.setsockopt(zmq.XPUB_VERBOSE, 1)
        s.bind(f"ipc://{self.run_dir}/{name}")
        return s

    def open_graded(self):
        self.graded = self.bind(zmq.PULL, "graded")

    def start(self, instance=0):
        with open(self.folder / "log", "ab") as log:
            p = subprocess.Popen([self.program, "--config", str(self.config),
                                  "--instance", str(instance)], stderr=log)
        self.processes.append(p)
        return p

    def check_config(self):
        return subprocess.run([self.program, "--config", str(self.config), "--check-config"],
                              capture_output=True, text=True, check=False)

    def log(self):
        log = self.folder / "log"
        return log.read_text() if log.exists() else ""

    def wait_subscribed(self, topic, timeout_s=60):
        """Whether somebody subscribes to the topic within the time."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            if self.announce.poll(100) and self.announce.recv() == b"\x01" + topic:
                return True
        return False

    def publish(self, version, text, digest=0, types=""):
        self.announce.send_multipart([b"grading", pack(GRADING, version, text, digest=digest, types=types)])

    def publish_version(self, version, digest=0):
        self.announce.send_multipart([b"version", pack(VERSION, version, digest=digest)])

    def push(self, *frames):
        """Two frames get the accounts as their third."""
        self.batches.send_multipart([*frames, ACCOUNTS] if len(frames) == 2 else frames)

    def push_until_held_up(self):
        """Batches 1 to the one that is returned: until classifyd says that it is held up, and takes no more."""
        self.batches.sndtimeo = 500
        pushed = 0
        end = time.monotonic() + 60
        while pushed < 40 and time.monotonic() < end:
            try:
                self.push(header(pushed + 1, 50), BIG_FRAME)
                pushed += 1
            except zmq.Again:
                if self.status().get("counters", {}).get("held_up"):
                    self.batches.sndtimeo = PATIENCE_MS
                    return pushed
        raise AssertionError(f"{pushed} batches were taken without being held up")

    def receive(self):
        """Header fields, the records frame, and grades fields of the next graded batch."""
        head, records, accounts, grades = self.graded.recv_multipart()
        assert accounts == ACCOUNTS
        return msgpack.unpackb(head, raw=False), records, msgpack.unpackb(grades, raw=False)

    def grades_of(self, sequence, *delays):
        """Pushes a batch and returns its version, names and grades."""
        frame = ping_frame(*delays)
        self.push(header(sequence, len(delays)), frame)
        got, records, grades = self.receive()
        assert got[5] == sequence and records == frame and got[10] == grades[2]
        return grades[2], grades[3], list(grades[4])

    def status(self):
        with contextlib.suppress(FileNotFoundError):
            return json.loads((self.run_dir / "status" / "classifyd-0.json").read_text())
        return {}

    def counters(self):
        """As they are now."""
        return counters_now(self.status)

    def wait_counter(self, name, value):
        wait_for(lambda: self.counters()[name] >= value, tell=self.log)

    def close(self):
        for p in self.processes:
            if p.poll() is None:
                p.kill()
            p.wait()
        self.context.destroy(linger=0)


@pytest.fixture
def neighbours(build_dir):
    # Not pytest's own folder: a Unix socket's path is short.
    with tempfile.TemporaryDirectory(prefix="ezrepo-") as folder:
        s = Set(pathlib.Path(folder), os.path.join(build_dir, "classifyd", "classifyd"))
        yield s
        s.close()
        assert_clean(s.log())


@pytest.fixture
def running(neighbours):
    """A classifyd that grades by version 1: 5 below 20000."""
    neighbours.open_graded()
    neighbours.start()
    assert neighbours.wait_subscribed(b"grading")
    neighbours.publish(1, document(20000))
    return neighbours


def test_grades_and_forwards_the_records_untouched(running):
    # A frame as another msgpack writer might make it: still the same bytes behind classifyd.
    frame = ping_frame("19999", "20000", None, "n/a", "2e4")
    odd = b"\xdd\x00\x00\x00\x02" + frame[1:]
    running.push(header(7, 5), odd)
    got, records, grades = running.receive()
    assert records == odd
    assert got == listed(BATCH_HEADER, RECORDS, INSTANCE, 0, 7, 1, 5, 1700000000000000, 4, 1)
    assert grades == listed(GRADES, 1, ["overall"], bytes([5, 1, 1, 1, 1]))


def test_takes_no_batch_before_it_has_a_grading(neighbours):
    neighbours.open_graded()
    neighbours.start()
    assert neighbours.wait_subscribed(b"grading")
    neighbours.batches.sndtimeo = 500
    with pytest.raises(zmq.Again):
        neighbours.push(header(1, 1), ping_frame("1"))
    neighbours.batches.sndtimeo = PATIENCE_MS
    neighbours.publish(4, document(20000))
    assert neighbours.grades_of(1, "1", "30000") == (4, ["overall"], [5, 1])


def test_names_in_document_order_and_no_grade_where_no_block_matches(neighbours):
    neighbours.open_graded()
    neighbours.start()
    assert neighbours.wait_subscribed(b"grading")
    neighbours.publish(1, pathlib.Path(ROOT, "tests", "golden", "grading-plain.json").read_text())
    frame = records_frame(
        [schema("delay.twoway.icmp.us.mean", "delay.twoway.icmp.us.max"),
         schema("qos.manifest", "qos.content"), schema("hops.ip")],
        [record(["21125", "22125"]), record(["100", "97"], 1, "OTT", "http://example.net/a"),
         record(["7"], 2, "traceroute")])
    neighbours.push(header(1, 3), frame)
    _, _, grades = neighbours.receive()
    assert grades[3] == ["overall", "bandWidth"]
    assert list(grades[4]) == [4, GRADE_NONE, 5, 5, GRADE_NONE, GRADE_NONE]


def test_a_new_version_replaces_the_old_between_batches(running):
    assert running.grades_of(1, "25000") == (1, ["overall"], [1])
    running.publish(2, document(30000, "overall", "delay"))
    end = time.monotonic() + 60
    sequence, version = 1, 1
    while version == 1 and time.monotonic() < end:
        sequence += 1
        version, names, grades = running.grades_of(sequence, "25000", "25000")
        # Whichever it was: of one version altogether.
        expected = (["overall"], [1, 1]) if version == 1 else (["overall", "delay"], [5] * 4)
        assert (names, grades) == expected
    assert version == 2


def test_a_document_with_faults_changes_nothing(running):
    assert running.grades_of(1, "25000")[0] == 1
    running.publish(2, '{"grading": [{"gradeName": "x"}]}')
    running.wait_counter("refused.gradings", 1)
    assert running.grades_of(2, "25000") == (1, ["overall"], [1])
    assert "grading[0].appliesTo" in running.log()


def test_who_missed_a_version_asks_for_it(running):
    assert running.grades_of(1, "25000")[0] == 1
    while running.announce.poll(0):
        running.announce.recv()
    running.publish_version(5)
    assert not running.wait_subscribed(b"grading", 1.0), "asked before a moment had passed"
    running.publish_version(5)
    assert running.wait_subscribed(b"grading")
    running.publish(5, document(30000))
    running.wait_counter("grading.version", 5)
    assert running.grades_of(2, "25000") == (5, ["overall"], [5])
    running.publish_version(5)
    running.publish_version(5)
    assert not running.wait_subscribed(b"grading", 1.5)


def digest_of(grades):
    return fields(GRADES, grades)["digest"]


def test_a_number_that_says_something_else_now_is_another_version(running):
    """As of a store that was put back, and given another grading: by the same number, or a lower one."""
    running.publish(7, document(20000), digest=70)
    running.wait_counter("grading.version", 7)
    while running.announce.poll(0):
        running.announce.recv()
    for _ in range(2):
        running.publish_version(7, digest=70)
    assert not running.wait_subscribed(b"grading", 1.5)
    asked, end = False, time.monotonic() + 60
    while not asked and time.monotonic() < end:
        running.publish_version(7, digest=71)
        asked = running.wait_subscribed(b"grading", 0.5)
    assert asked
    running.publish(7, document(30000), digest=71)
    wait_for(lambda: running.log().count("grading.adopted") == 3, 60, running.log)
    running.push(header(1, 1), ping_frame("25000"))
    _, _, grades = running.receive()
    assert (grades[2], list(grades[4]), digest_of(grades)) == (7, [5], 71)
    running.publish(6, document(20000), digest=60)
    wait_for(lambda: running.log().count("grading.adopted") == 4, 60, running.log)
    running.push(header(2, 1), ping_frame("25000"))
    _, _, grades = running.receive()
    assert (grades[2], list(grades[4]), digest_of(grades)) == (6, [1], 60)


def test_values_that_cannot_be_by_the_versions_own_types(running):
    """What came with the version decides, not the file; such a value is as null, and counted."""
    assert running.grades_of(1, "5", "-1", "700000001") == (1, ["overall"], [5, 1, 1])  # by the file
    wait_for(lambda: running.counters()["impossible.values"] == 2, tell=running.log)
    types = {"valid": [{"metrics": ["delay.*"], "max": 100, "never": ["7.0"]}]}
    running.publish(2, document(20000), types=json.dumps(types))
    wait_for(lambda: running.counters()["grading.version"] == 2, tell=running.log)
    assert running.grades_of(2, "5", "-1", "101", "7", "1e2")[2] == [5, 5, 1, 1, 5]
    wait_for(lambda: running.counters()["impossible.values"] == 4, tell=running.log)
    running.publish(3, document(20000), types='{"valid": 5}')
    wait_for(lambda: running.counters()["refused.gradings"] == 1, tell=running.log)
    assert running.grades_of(3, "101")[0] == 2
    assert "its record types" in running.log()


def test_rejects_go_on_as_they_are(running):
    head = header(3, 2, kind=REJECTS)
    body = pack(REJECT, "json", "why", "192.0.2.1:5", 1, 10, b"head") * 2
    running.push(head, body)
    assert running.graded.recv_multipart() == [head, body, ACCOUNTS]


def test_accounts_alone_go_on(running):
    head = header(3, 0, kind=REJECTS)
    running.push(head, b"")
    assert running.graded.recv_multipart() == [head, b"", ACCOUNTS]


MALFORMED = [
    [header(1, 1)],
    [header(1, 1), ping_frame("1"), ACCOUNTS, b""],
    [header(1, 1), ping_frame("1"), b"", b"", b"", b""],
    [b"", ping_frame("1")],
    [header(1, 1)[:-1], ping_frame("1")],
    [header(1, 1) + b"\x00", ping_frame("1")],
    [header(1, 1).replace(b"\x9d\x02", b"\x9d\x04", 1), ping_frame("1")],
    [header(1, 2), ping_frame("1")],
    [header(1, 1), b""],
    [header(1, 1), ping_frame("1")[:-1]],
    [header(1, 1), ping_frame("1") + b"\x00"],
    [header(1, 1), records_frame([schema("a")], [record(["1", "2"])])],
    [header(1, 1), records_frame([], [record(["1"])])],
    [header(1, 1), records_frame([schema("a")], [record(["1"], schema_index=1)])],
    [header(1, 1), b"\x92\xdd\xff\xff\xff\xff\x90"],
    [header(1, 1), b"\xff" * 100],
    [os.urandom(40), os.urandom(400)],
]


def test_malformed_frames_are_counted_and_end_nothing(running):
    assert running.grades_of(1, "1")[2] == [5]
    for frames in MALFORMED:
        running.push(*frames)
    assert running.grades_of(2, "1")[2] == [5]
    running.wait_counter("malformed.batches", len(MALFORMED))
    assert running.counters()["malformed.batches"] == len(MALFORMED)
    assert running.counters()["received.batches"] == len(MALFORMED) + 2
    # Logged, but at a bounded rate.
    assert 1 <= running.log().count("batch.malformed") <= 10


def test_malformed_announcements_are_counted_and_end_nothing(running):
    assert running.grades_of(1, "1")[0] == 1
    running.announce.send_multipart([b"grading"])
    running.announce.send_multipart([b"grading", b"\xc1"])
    running.announce.send_multipart([b"grading", pack(GRADING, 0, document(1))])
    running.announce.send_multipart([b"version", pack(GRADING, 1, "{}")])
    running.announce.send_multipart([b"versions", pack(VERSION, 1)])
    running.announce.send_multipart([b"version"] + [b""] * 6)
    running.wait_counter("malformed.announcements", 6)
    assert running.grades_of(2, "1")[0] == 1


def test_stored_away_holds_up_and_loses_nothing(neighbours):
    neighbours.start()
    assert neighbours.wait_subscribed(b"grading")
    neighbours.publish(1, document(20000))
    # Without a stored: the sockets fill up, then the sender is held up.
    pushed = neighbours.push_until_held_up()
    neighbours.open_graded()
    for sequence in range(1, pushed + 1):
        got, records, _ = neighbours.receive()
        assert got[5] == sequence and records == BIG_FRAME
    assert neighbours.grades_of(1000, "1")[2] == [5]


def test_sigterm_sends_what_was_taken_and_exits_0(running):
    assert running.grades_of(1, "1")[0] == 1
    for sequence in range(2, 5):
        running.push(header(sequence, 1), ping_frame("1"))
    running.wait_counter("received.batches", 4)
    p = running.processes[0]
    p.send_signal(signal.SIGTERM)
    assert p.wait(60) == 0
    assert [running.receive()[0][5] for _ in range(3)] == [2, 3, 4]


def test_sigterm_before_any_grading_exits_0(neighbours):
    p = neighbours.start()
    assert neighbours.wait_subscribed(b"grading")
    p.send_signal(signal.SIGTERM)
    assert p.wait(60) == 0


def test_sigterm_while_held_up_ends_within_the_drain_time(neighbours):
    p = neighbours.start()
    assert neighbours.wait_subscribed(b"grading")
    neighbours.publish(1, document(20000))
    neighbours.push_until_held_up()
    p.send_signal(signal.SIGTERM)
    assert p.wait(60) == 0


def test_check_config_names_faults(neighbours):
    text = json.loads(neighbours.config.read_text())
    text["classifyd"]["high_water"] = 0
    neighbours.config.write_text(json.dumps(text))
    run = neighbours.check_config()
    assert run.returncode == 1 and "classifyd.high_water" in run.stderr
    text["classifyd"]["high_water"] = 4
    text["common"]["schemas_dir"] = str(neighbours.folder)
    neighbours.config.write_text(json.dumps(text))
    (neighbours.folder / "record-types.json").write_text('{"mappings": [{"type": "x"}]}')
    run = neighbours.check_config()
    assert run.returncode == 1 and "mappings[0]: expected labels, columns or parameters" in run.stderr
