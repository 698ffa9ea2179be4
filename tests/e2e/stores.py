# SPDX-License-Identifier: Apache-2.0
"""A stored and what it talks to: its senders, and what must hold in its database whatever the order of arrival."""
import collections
import datetime
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
import uuid

import msgpack
import zmq
from conftest import ROOT, assert_clean, counters_now, folder_of_sets, status_now, wait_for
from messages import ACCOUNT, ACK, BATCH_HEADER, COPY, GRADES, RECORD, SCHEMA, fields, listed, pack

NONE = 255
SECOND = 1_000_000
HOUR = 3600 * SECOND
NAMES = ["overall", "bandWidth"]  # of the default grading
# What most tests have made their records for.
SHORT_GAPS = {"gap_s": 300, "types": {"ping": {"gap_s": 300}}}
OTHER = {"verb": "measure", "registry": "http://example.org/r", "results": ["a", "b"], "parameters": ["p"],
         "metadata": []}


def now_us():
    return time.time_ns() // 1000


def start_of_hour():
    return now_us() // HOUR * HOUR


def stay_within_a_day(minutes=5):
    """For a test that takes one day to be today all along: waits for the next one shortly before midnight (UTC)."""
    day = 24 * HOUR
    while day - now_us() % day < minutes * 60 * SECOND:
        time.sleep(1)


class Record:
    """One record and its grade under each of NAMES. What it measured is a digest made of its row, if none is given: so
    the same row is the same record, another one another record of the same start, in the order of the rows."""

    def __init__(self, t, grades=(5, NONE), *, end=None, row=0, series=0, values=("1", None, "x"), label="l",
                 dims=None, sender=0, digest=None, hops=(), steady=(0, 0)):
        self.dims = dims or ("ping", "ICMPECHO", f"probe{series}", "192.0.2.1", "2001:db8::1", "")
        self.t, self.end, self.row = t, t if end is None else end, row
        self.grades, self.values, self.label, self.sender = tuple(grades), tuple(values), label, sender
        self.digest, self.hops = row + 1 if digest is None else digest, list(hops)
        self.steady = tuple(steady)  # as a grades message has it

    def key(self):
        return (self.dims, self.t, self.row)

    def message(self):
        return listed(RECORD, 0, *self.dims, self.t, self.end, self.row, self.label, self.sender, list(self.values),
                      digest=self.digest, hops=self.hops)


def grades_frame(records, version=1, names=NAMES):
    steady = [bits for r in records for bits in r.steady]
    named = {"steady": b"".join(bits.to_bytes(2, "big") for bits in steady)} if any(steady) else {}
    return pack(GRADES, version, names, bytes(g for r in records for g in r.grades), **named)


def records_frame(records, schema=None):
    s = schema or OTHER
    return msgpack.packb([[listed(SCHEMA, s["verb"], s["registry"], s["results"], s["parameters"], s["metadata"])],
                          [r.message() for r in records]], use_bin_type=True)


def account(sender="192.0.2.9", datagrams=1, accepted=1, exceptions=0, records=0, missing=0, **rejected):
    """rejected: datagrams by reason; a dot in a reason is written as two underscores."""
    return pack(ACCOUNT, sender, datagrams, accepted, exceptions, records,
                [reason.replace("__", ".") for reason in rejected], list(rejected.values()), missing=missing)


def accounts_frame(records):
    """One datagram a record, from the senders 192.0.2.9, 192.0.2.10, ... by the records' index."""
    counts = collections.Counter(r.sender for r in records)
    return b"".join(account(f"192.0.2.{9 + i}", counts[i], counts[i], 0, counts[i])
                    for i in range(max(counts, default=0) + 1))


class Sender:
    """What ingestd and classifyd are to stored: an instance whose batches are kept until acknowledged."""

    def __init__(self, run_dir):
        self.context = zmq.Context()
        self.instance = uuid.uuid4().bytes
        self.sub = self.context.socket(zmq.SUB)  # first, so that the first acknowledgement does not come before it
        self.sub.subscribe(b"ack" + self.instance)
        self.sub.connect(f"ipc://{run_dir}/announce")
        self.push = self.context.socket(zmq.PUSH)
        self.push.linger = 0
        self.push.connect(f"ipc://{run_dir}/graded")
        self.sequence = 0
        self.epoch, self.first = 0, 0  # as of the release before
        self.received_us, self.dropped = None, 0
        self.pending = {}  # sequence -> (kind, count, frames after the header, version, epoch and first of it)
        self.copies = set()  # epochs of which it was told that they are of copies
        self.acks = collections.Counter()

    def close(self):
        self.context.destroy(linger=0)

    def subscribe(self, instance=None):
        """To the acknowledgements of an instance; until stored has been told, or one could come before and be lost. It has
        had its database once: who subscribes to the gradings then is sent the newest at once."""
        if instance is not None:
            self.instance = instance
        self.sub.subscribe(b"ack" + self.instance)
        self.sub.subscribe(b"grading")
        while True:
            assert self.sub.poll(60000), "stored does not answer a subscription"
            if self.sub.recv_multipart()[0] == b"grading":
                break
        self.sub.unsubscribe(b"grading")

    def batch(self, records, version=1, schema=None, names=NAMES, accounts=None):
        """Keeps a batch; its sequence."""
        return self.keep(0, len(records), [records_frame(records, schema),
                                           accounts_frame(records) if accounts is None else accounts,
                                           grades_frame(records, version, names)], version)

    def restart(self, sequence=None):
        """As ingestd does: another epoch, which begins behind this sequence, or the last."""
        self.sequence = self.sequence if sequence is None else sequence
        self.epoch, self.first = random.getrandbits(63) | 1, self.sequence + 1

    def keep(self, kind, count, frames, version=0):
        self.sequence += 1
        self.pending[self.sequence] = (kind, count, frames, version, {"epoch": self.epoch, "first": self.first})
        return self.sequence

    def send(self, *sequences):
        """Pushes these, or all that are pending; as they are, in this order."""
        for sequence in sequences or sorted(self.pending):
            kind, count, frames, version, name = self.pending[sequence]
            oldest = min(self.pending)
            header = pack(BATCH_HEADER, kind, self.instance, 0, sequence, min(oldest, sequence), count,
                          self.received_us or now_us(), self.dropped, version, **name)
            self.push.send_multipart([header, *frames])

    def take_acks(self, seconds=60, but=(), whole=False):
        """Until all but these are acknowledged, at most so long; or all of this time."""
        end = time.monotonic() + seconds
        while (self.pending.keys() - but or whole) and (left := end - time.monotonic()) > 0 and self.sub.poll(int(left * 1000) + 1):
            topic, message = self.sub.recv_multipart()
            if topic == b"grading":  # one more, from when this was subscribed to
                continue
            message = msgpack.unpackb(message)
            if message[1] == COPY:
                self.copies.add(fields(COPY, message)["epoch"])
                continue
            ack = fields(ACK, message)
            assert (ack["instance"], ack["shard"]) == (self.instance, 0)
            for sequence in ack["sequences"]:
                self.acks[sequence] += 1
                if sequence in self.pending and self.pending[sequence][4]["epoch"] == ack["epoch"]:
                    del self.pending[sequence]

    def take_copies(self):
        """The epochs of which it was told by now that they are of copies."""
        self.take_acks(0.1, whole=True)
        return self.copies

    def settle(self, seconds=120, again_s=1.0):
        """Until all is acknowledged; pushes again what is not, as ingestd does."""
        end = time.monotonic() + seconds
        self.take_acks(again_s)
        while self.pending:
            assert time.monotonic() < end, f"no acknowledgement for {sorted(self.pending)[:20]}"
            self.send()
            self.take_acks(again_s)

    def commit(self, records, **options):
        """One batch, sent and acknowledged; after a restart of stored the first acknowledgement may come before this
        side has subscribed again, so that the batch is pushed again, as ingestd does."""
        self.send(self.batch(records, **options))
        self.settle(again_s=5.0)


class Stored:
    """The process, with a database and a run directory of its own; `own`: what record-types.d says, or None."""

    def __init__(self, build, cluster, own=SHORT_GAPS, **settings):
        self.folder = tempfile.mkdtemp(prefix="ezs", dir=folder_of_sets())
        self.run_dir = os.path.join(self.folder, "run")
        self.cluster = cluster
        self.database = cluster.take_database()
        self.program = os.path.join(build, "stored", "stored")
        self.settings = {"database": cluster.connect_string(database=self.database), **settings}
        self.schemas = os.path.join(ROOT, "schemas")
        self.config = os.path.join(self.folder, "ezrepo.json")
        self.own = os.path.join(self.folder, "record-types.d")
        os.mkdir(self.own)
        if own is not None:
            self.say("tests.json", own)
        self.process = None
        self.senders = []

    def write_config(self):
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump({"common": {"run_dir": self.run_dir, "schemas_dir": self.schemas},
                       "stored": self.settings}, file)

    def say(self, name, types):
        """A file of record-types.d: an object, or any text."""
        with open(os.path.join(self.own, name), "w", encoding="utf-8") as file:
            file.write(types if isinstance(types, str) else json.dumps(types))

    def reload(self):
        """SIGHUP, and what it says came of it."""
        number = self.status()["reload"]["number"]
        self.process.send_signal(signal.SIGHUP)
        self.wait(lambda: self.status()["reload"]["number"] != number)
        return self.status()["reload"]

    def start(self, wait=True):
        self.write_config()
        with open(os.path.join(self.folder, "log"), "a", encoding="utf-8") as log:
            begin = log.tell()
            self.process = subprocess.Popen([self.program, "--config", self.config], stderr=log)
        if wait:  # by its log, for the status is written once a second
            self.wait(lambda: "database.connected" in self.log()[begin:]
                      and self.status().get("pid") == self.process.pid)
        return self

    def status(self):
        try:
            with open(os.path.join(self.run_dir, "status", "stored-0.json"), encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return {}

    def counter(self, name):
        """As it is now."""
        return counters_now(self.status)[name]

    def status_at_once(self):
        """As it is now, for who looks often: whoever reads his configuration again says how he is, without waiting for the next second."""
        self.reload()
        return self.status()

    def note(self, name):
        """As it is now."""
        return status_now(self.status)["notes"].get(name, "")

    def log(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait(self, what, seconds=120):
        def seen():
            found = what()
            assert found or self.process.poll() is None, self.log()[-3000:]
            return found
        wait_for(seen, seconds, lambda: self.log()[-3000:])

    def wait_for_no_session(self):
        """Until PostgreSQL has noticed, too, that it has ended."""
        wait_for(lambda: self.sql("SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'ezrepo-stored%'"
                                  " AND datname = current_database()") == [], 60)

    def copy_schemas(self):
        """From its next start on it reads a copy of the schemas, which the test may change: its folder."""
        self.schemas = os.path.join(self.folder, "schemas")
        shutil.copytree(os.path.join(ROOT, "schemas"), self.schemas)
        return self.schemas

    def sender(self, subscribed=True):
        """One more. Not subscribed: of a stored that did not have its database yet."""
        one = Sender(self.run_dir)
        self.senders.append(one)
        if subscribed:
            one.subscribe()
        return one

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        code = self.process.wait(120)
        if number == signal.SIGTERM:
            assert code == 0, self.log()[-3000:]
        return code

    def sql(self, query, *values):
        return self.cluster.ask(self.database, query, values)

    def close(self):
        for sender in self.senders:
            sender.close()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.cluster.give_database(self.database)
        log = self.log() if self.process is not None else ""
        shutil.rmtree(self.folder)
        assert_clean(log)


DIFFERENCE = "SELECT * FROM (({a}) EXCEPT ALL ({b})) x UNION ALL SELECT * FROM (({b}) EXCEPT ALL ({a})) y"
PERIODS = "SELECT * FROM "  # all columns: a new one is compared, too
EVENTS = "SELECT series_id, grade_id, t, t_end, key, from_grade, to_grade, flap FROM "
COUNTED = ("grade_rollup", "grade_rollup_day", "grade_total")


def check_store(stored):
    """Periods, events and roll-ups are what the records alone say."""
    assert stored.sql(DIFFERENCE.format(a=PERIODS + "period_now", b=PERIODS + "period_reference")) == []
    assert stored.sql(DIFFERENCE.format(a=EVENTS + "event WHERE retracted_at IS NULL",
                                        b=EVENTS + "event_reference")) == []
    for table in COUNTED:
        assert stored.sql(DIFFERENCE.format(a=f"TABLE {table}", b=f"TABLE {table}_reference")) == []
    assert stored.sql("SELECT DISTINCT date_trunc('hour', t_start) FROM measurement EXCEPT"
                      " SELECT hour FROM measured_hour") == []
    assert stored.sql("SELECT hour, reach, t_end FROM measured_hour JOIN measurement"
                      " ON hour = date_trunc('hour', t_start) WHERE t_end > reach") == []


def naive_periods(records, gap, in_order=False):
    """The definition once more, in Python, for one series and one grade name: (t, end, row, grade)."""
    found = []
    for t, end, row, grade in records if in_order else sorted(records):
        if not 1 <= grade <= 5:
            continue
        last = found[-1] if found else None
        if last and grade == last[0] and t - last[3] <= gap:
            last[3] = max(last[3], end)
            last[4] += 1
        else:
            if last:
                last[5] = "gap" if t - last[3] > gap else "grade"
            found.append([grade, t, row, end, 1, None])
    return [tuple(p) for p in found]


def microseconds(t):
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return (t - epoch) // datetime.timedelta(microseconds=1)


def random_records(rng, count, series, base, spread):
    records = []
    for i in range(count):
        t = base + (rng.randrange(spread) if rng.random() < 0.3 else i * spread // count)
        end = t + (rng.randrange(spread // 5) if rng.random() < 0.2 else 0)
        records.append(Record(t, (rng.choice([0, 4, 5, 5, 5, NONE]), rng.choice([1, 2, NONE, NONE])), end=end,
                              row=rng.randrange(2), series=rng.randrange(series), label=str(i)))
    return records


def naive_store(stored, records):
    """The stored periods of every series and name equal what Python computes from the first arrivals."""
    first = {}
    for r in records:
        first.setdefault(r.key(), r)
    gap = 300 * SECOND
    for index in range(2):
        by_series = collections.defaultdict(list)
        for r in first.values():
            by_series[r.dims[2]].append((r.t, r.end, r.row, r.grades[index]))
        want = {(probe, *p) for probe, rows in by_series.items() for p in naive_periods(rows, gap)}
        have = {(r[0], r[1], microseconds(r[2]), r[3], microseconds(r[4]), r[5], r[6]) for r in stored.sql(
            "SELECT probe, grade, t_start, key_digest(start_key)::int - 1, t_end, records, ended FROM period_now"
            " JOIN series s ON s.id = series_id WHERE grade_id = %s", index + 1)}
        assert have == want
