# SPDX-License-Identifier: Apache-2.0
"""Silences are told as a slow reading of the definition says, once, whatever comes late and whatever is killed. Time is what
the records and the signs of life say: silence is judged as of these."""
import collections
import datetime
import json
import os
import random
import signal
import subprocess
import uuid

import pytest
import zmq
from messages import SIGNS, pack
from queries import CHANGES, SILENT, Queryd
from silences import DAY, MINUTE, US, Heard, state
from stores import NONE, Record, microseconds, now_us

INTERVALS = {"types": {"ping": {"interval_s": 300}, "other": {"gap_s": 900}}}
TYPE_US = {"ping": 300 * US}
ENTRIES = ("SELECT f.kind, coalesce(f.series_id, 0), coalesce(f.probe, ''), f.t FROM feed f"
           " WHERE f.kind IN ('silence', 'return', 'retired') OR (f.kind = 'retraction' AND f.event_id IS NULL) ORDER BY arrival, n")
ROWS = ("SELECT coalesce(series_id, 0), CASE WHEN series_id IS NULL THEN probe ELSE '' END, silent_from, last_end, expected_us,"
        " delay_us, retire_at, as_of, silent_until, retracted IS NOT NULL, retired IS NOT NULL FROM silence")


def text_of(us):
    """As answers have it."""
    return (datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=us)).strftime("%Y-%m-%d %H:%M:%S.%f")


class Told:
    def __init__(self, s, as_of):
        self.take(s)
        self.as_of, self.until, self.retracted, self.retired = as_of, None, False, False

    def take(self, s):
        self.silent_from, self.last, self.e, self.d, self.retire_at = s.silent_from, s.last, s.e, s.d, s.retire_at

    def is_open(self):
        return self.until is None and not self.retracted

    def row(self):
        return (self.silent_from, self.last, self.e, self.d, self.retire_at, self.as_of, self.until, self.retracted, self.retired)


class Model:
    """What is to be told of subjects: (number of a series, "") and (0, probe)."""

    def __init__(self):
        self.heard, self.told, self.type_us, self.probe_of = {}, {}, {}, {}
        self.until = None
        self.entries = []

    def tell(self, kind, subject, t):
        self.entries.append((kind, *subject, t))

    def commit(self, records):
        """records: of one transaction, (series, probe, type, Heard). Those of a wrong clock are not heard."""
        records = [r for r in records if r[3].start <= now_us() + 5 * MINUTE]
        starts = {}
        for number, probe, kind, heard in records:
            for subject in [(number, "")] + ([(0, probe)] if probe else []):
                self.heard.setdefault(subject, []).append(heard)
                starts.setdefault(subject, []).append(heard.start)
                known = self.type_us.get(subject)
                here = TYPE_US.get(kind)
                self.type_us[subject] = min(filter(None, [known, here]), default=None)
            self.probe_of[number, ""] = (0, probe) if probe else None
        again = {}
        for subject, some in starts.items():
            stands = [t for t in self.told.get(subject, []) if not t.retracted]
            touched = max((t.as_of if t.is_open() else t.until - 1 for t in stands), default=-1)
            behind = [s for s in some if s > touched]
            for t in stands:
                if t.is_open() and behind:
                    t.until = min(behind)
                    self.tell("return", subject, t.until)
            if min(some) <= touched:
                again[subject] = min(some)
        for subject, since in again.items():
            self.judge_again(subject, since)
        self.judge()

    def judge_again(self, subject, since):
        for t in self.told[subject]:
            if t.retracted or (t.until is not None and t.until <= since):
                continue
            s = state(self.heard[subject], t.as_of, self.type_us[subject])
            if s.silent_from is None or s.silent_from > t.as_of:
                self.tell("retraction", subject, t.silent_from)
                t.retracted = True
                continue
            t.take(s)
            was_open = t.until is None
            t.until = min((r.start for r in self.heard[subject] if r.start > t.as_of), default=t.until)
            if was_open and t.until is not None:
                self.tell("return", subject, t.until)

    def is_its_own(self, subject, s):
        probe = self.probe_of.get(subject)
        if probe is None:
            return True
        told = self.told.get(probe, [])
        if any(t.is_open() for t in told):
            return False
        if max(r.end for r in self.heard[probe]) >= s.silent_from:
            return True
        p = state(self.heard[probe], self.until, self.type_us[probe])
        return p.silent_from is None

    def told_from(self, subject, s):
        probe = self.probe_of.get(subject)
        ends = [t.until for t in self.told.get(probe, []) if not t.retracted and t.until is not None] if probe else []
        return max([s.told_from] + [end + s.e + s.d for end in ends])

    def judge(self):
        if self.until is None:
            return
        for subject, heard in self.heard.items():
            told = self.told.setdefault(subject, [])
            still = next((t for t in told if t.is_open()), None)
            if still:
                if not still.retired and still.retire_at <= self.until:
                    still.retired = True
                    self.tell("retired", subject, still.retire_at)
                continue
            if any(r.start > self.until for r in heard):
                continue  # the end of it is known already
            s = state(heard, self.until, self.type_us[subject])
            if (s is None or s.e is None or self.told_from(subject, s) > self.until or s.retire_at <= self.until
                    or not self.is_its_own(subject, s)):
                continue
            told.append(Told(s, self.until))
            self.tell("silence", subject, s.silent_from)

    def rows(self):
        return sorted((*subject, *t.row()) for subject, told in self.told.items() for t in told)


class Judged:
    """A stored, whose silence is judged as of when the test says, beside a model of it."""

    def __init__(self, stored, rng=None):
        self.stored, self.model, self.rng = stored, Model(), rng
        self.sender = stored.sender()
        self.numbers = {}
        self.instance = uuid.uuid4().bytes
        self.context = zmq.Context()
        self.push = self.context.socket(zmq.PUSH)
        self.push.linger = 0
        self.push.connect(f"ipc://{stored.run_dir}/signs")
        self.digest = 0

    def close(self):
        self.context.destroy(linger=0)

    def sign(self):
        now = now_us()
        self.push.send(pack(SIGNS, self.instance, now, now, self.model.until, ["ingestd"], [now], [], [], []))

    def settle(self):
        """Until nothing is due any more as of then."""
        def is_settled():
            self.sign()
            return self.stored.counter("silence.as_of") == self.model.until // US
        self.stored.wait(is_settled)

    def as_of(self, instant):
        self.model.until = instant
        self.settle()
        self.model.judge()

    def commit(self, records, received, settle=True):
        """records: (type, probe, source, start, end). Not settled: nothing of it is due."""
        sent = []
        for kind, probe, source, start, end in records:
            self.digest += 1
            sent.append(Record(start, (5, NONE), end=end, dims=(kind, "c", probe, source, "d", ""), digest=self.digest))
        self.sender.received_us = received
        if self.rng and self.rng.random() < 0.05:
            self.sender.send(self.sender.batch(sent))
            self.sender.take_acks(self.rng.choice([0, 0.01]))
            self.restart(signal.SIGKILL)
            self.sender.settle(again_s=5.0)
        else:
            self.sender.commit(sent)
        for number, probe, source in self.stored.sql("SELECT id, probe, source FROM series"):
            self.numbers[probe, source] = number
        # The times of a transaction are known to the second.
        self.model.commit([(self.numbers[probe, source], probe, kind, Heard(start, end, received, self.digest))
                           for kind, probe, source, start, end in records])
        if self.model.until is not None and settle:
            self.settle()

    def restart(self, number):
        self.stored.stop(number)
        self.stored.start()
        self.sender.subscribe()

    def check(self):
        have = [(kind, series, probe, microseconds(t)) for kind, series, probe, t in self.stored.sql(ENTRIES)]
        assert (collections.Counter(have) - collections.Counter(self.model.entries),
                collections.Counter(self.model.entries) - collections.Counter(have)) == ({}, {}), self.explain()
        rows = sorted(tuple(v if v is None or isinstance(v, (int, str)) else microseconds(v) for v in row)
                      for row in self.stored.sql(ROWS))
        assert rows == self.model.rows()


    def explain(self):
        """What is known of each, for who looks for the reason."""
        return "\n".join(f"{subject} {state(heard, self.model.until, self.model.type_us[subject])}"
                         for subject, heard in self.model.heard.items())


@pytest.fixture
def make_judged(make_stored):
    made = []

    def make(rng=None):
        made.append(Judged(make_stored(own=INTERVALS, feed_days=0).start(), rng))
        return made[-1]
    yield make
    for judged in made:
        judged.close()


@pytest.mark.parametrize("seed", [1])
def test_what_is_told_is_what_the_definition_says(make_judged, seed):
    rng = random.Random(seed)
    judged = make_judged(rng)
    base = now_us() // DAY * DAY - 130 * DAY
    plans = []
    for source in range(8):
        plans.append({"kind": rng.choice(["ping", "other"]), "probe": rng.choice(["", "a", "b", "b"]), "source": str(source),
                      "every": rng.choice([60, 120, 300, 1800]) * US, "batch": rng.choice([0, 0, 3600 * US]), "next": base,
                      "waiting": [], "quiet_until": 0})
    t = base
    for _ in range(7):
        t += rng.choice([5 * MINUTE, 20 * MINUTE, 2 * 60 * MINUTE, 3 * DAY, 9 * DAY] if rng.random() < 0.2 else
                        [5 * MINUTE, 10 * MINUTE, 40 * MINUTE])
        due = []
        for p in plans:
            if rng.random() < 0.25:
                p["quiet_until"] = t + rng.choice([10 * MINUTE, 60 * MINUTE, 5 * 60 * MINUTE])
            p["next"] = max(p["next"], t - 60 * p["every"])
            while p["next"] <= t:
                if p["next"] >= p["quiet_until"]:
                    start = p["next"] + rng.randrange(3 * US)
                    p["waiting"].append((p["kind"], p["probe"], p["source"], start, start + rng.choice([0, US, 40 * US])))
                p["next"] += p["every"]
            if not p["batch"] or rng.random() < 0.3:
                kept = [r for r in p["waiting"] if rng.random() < 0.1]  # late: with another batch
                due += [r for r in p["waiting"] if r not in kept]
                p["waiting"] = kept
        rng.shuffle(due)
        while due:
            size = rng.choice([20, 100])
            judged.commit(due[:size], t // US * US)
            due = due[size:]
        judged.as_of(t)
        judged.check()
    assert {"silence", "return"} <= {entry[0] for entry in judged.model.entries}


def regular(source, probe, base, count, every=60 * US, kind="ping"):
    return [(kind, probe, source, base + i * every, base + i * every + US) for i in range(count)]


@pytest.fixture
def quiet(make_judged):
    """A probe with two series that fell silent, and a series of another that did not; one of a third is retired."""
    judged = make_judged()
    base = now_us() // DAY * DAY - 20 * DAY
    judged.commit(regular("0", "gone", base - 10 * DAY, 30), base - 10 * DAY + 30 * MINUTE)
    judged.as_of(base - 10 * DAY + 100 * MINUTE)
    for i in range(30):
        judged.commit([*regular("1", "a", base + i * MINUTE, 1), *regular("2", "a", base + i * MINUTE, 1),
                       *regular("3", "b", base + i * MINUTE, 1)], base + i * MINUTE + 2 * US, settle=False)
    for i in range(30, 40):
        judged.commit(regular("3", "b", base + i * MINUTE, 1), base + i * MINUTE + 2 * US, settle=False)
    judged.as_of(base + 39 * MINUTE)
    judged.check()
    return judged, base


def test_a_probe_is_told_and_not_its_series(build_dir, quiet):
    judged, base = quiet
    told = [entry for entry in judged.model.entries if entry[0] == "silence"]
    assert [entry[1:3] for entry in told] == [(0, "gone"), (0, "a")]
    silent_from = base + 29 * MINUTE + US + 3 * MINUTE
    queryd = Queryd(build_dir, judged.stored.settings["database"], run_dir=judged.stored.run_dir)
    try:
        row, = queryd.rows(SILENT)
        assert (row["record.probe"], row["record.type"], row["series.count"]) == ("a", None, "2")
        assert row["silent.since"] == text_of(silent_from)
        assert (float(row["silence.expected"]), float(row["silence.delay"]), row["silence.retired"]) == (60, 1, "False")
        both = queryd.rows(SILENT, retired=1)
        assert [r["record.probe"] for r in both] == ["a", "gone"] and both[1]["silence.retired"] == "True"
        first, = queryd.rows(SILENT, retired=1, limit=1)
        assert [r["record.probe"] for r in queryd.rows(SILENT, retired=1, after=first["list.cursor"])] == ["gone"]
        assert queryd.rows(SILENT, dest="elsewhere") == [] and len(queryd.rows(SILENT, source="1")) == 1
        # Who sees some series sees the silence of a probe that has one of them; by the feed, too.
        sees = ["*", "*", "*", "3", "*", "*"]
        assert queryd.rows(SILENT, sees=sees) == [] and len(queryd.rows(SILENT, sees=["*", "*", "*", "2", "*", "*"])) == 1
        changes = queryd.rows(CHANGES, after="begin", kinds="silence,retired")[:-1]
        assert sorted((r["feed.kind"], r["record.probe"]) for r in changes) == [
            ("retired", "gone"), ("silence", "a"), ("silence", "gone")]
        assert json.loads(changes[0]["feed.detail"])["expected_s"] == 60
        assert queryd.rows(CHANGES, after="begin", kinds="silence", sees=sees)[:-1] == []
    finally:
        queryd.close()
    # The first of its records is its return; the other series is told once its own time has passed since.
    judged.commit(regular("1", "a", base + 45 * MINUTE, 1), base + 45 * MINUTE + 2 * US)
    assert judged.model.entries[-1] == ("return", 0, "a", base + 45 * MINUTE)
    judged.commit(regular("1", "a", base + 46 * MINUTE, 1), base + 46 * MINUTE + 2 * US)
    judged.as_of(base + 46 * MINUTE + 30 * US)
    judged.check()
    assert ("silence", judged.numbers["a", "2"], "", silent_from) in judged.model.entries


def test_what_late_records_prove_wrong_is_retracted_also_behind_a_kill(quiet):
    judged, base = quiet
    late = [*regular("1", "a", base + 30 * MINUTE, 10), *regular("2", "a", base + 30 * MINUTE, 10)]
    judged.stored.sql("CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(600); RETURN NEW; END$$")
    judged.stored.sql("CREATE TRIGGER hold BEFORE UPDATE ON silence FOR EACH ROW EXECUTE FUNCTION hold()")
    judged.sender.received_us = base + 40 * MINUTE
    judged.sender.commit([Record(start, (5, NONE), end=end, dims=(kind, "c", probe, source, "d", ""), digest=900 + i)
                          for i, (kind, probe, source, start, end) in enumerate(late)])
    assert judged.stored.sql("SELECT probe FROM silence_again") == [("a",)]
    judged.stored.stop(signal.SIGKILL)
    judged.stored.sql("DROP TRIGGER hold ON silence")
    judged.stored.start()
    judged.sign()
    judged.stored.wait(lambda: judged.stored.sql("SELECT retracted IS NOT NULL FROM silence WHERE probe = 'a'") == [(True,)])
    entry, = judged.stored.sql("SELECT detail ->> 'silence' FROM feed WHERE kind = 'retraction' AND probe = 'a'")
    assert judged.stored.sql("SELECT number::text FROM silence WHERE probe = 'a'") == [entry]
    assert judged.stored.sql("TABLE silence_again") == []


def test_a_record_of_a_wrong_clock_ends_no_silence_that_is_judged_again(quiet):
    judged, base = quiet
    judged.commit(regular("1", "a", now_us() + 60 * MINUTE, 1), base + 40 * MINUTE)
    judged.commit(regular("1", "a", base + 5 * MINUTE + 10 * US, 1), base + 40 * MINUTE)
    judged.check()
    assert judged.stored.sql("SELECT silent_until, retracted FROM silence WHERE probe = 'a'") == [(None, None)]


def test_what_fails_is_tried_again_and_holds_no_flush_up(quiet):
    judged, base = quiet
    judged.stored.sql("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'no'; END$$")
    judged.stored.sql("CREATE TRIGGER refuse BEFORE UPDATE ON silence FOR EACH ROW EXECUTE FUNCTION refuse()")
    judged.commit([*regular("1", "a", base + 30 * MINUTE, 10), *regular("2", "a", base + 30 * MINUTE, 10)], base + 40 * MINUTE,
                  settle=False)
    judged.stored.wait(lambda: judged.stored.counter("database.errors") > 0)
    judged.commit(regular("3", "b", base + 40 * MINUTE, 1), base + 40 * MINUTE + 2 * US, settle=False)
    assert judged.stored.counter("silence.as_of") == 0 and "away" not in judged.stored.note("database")
    judged.stored.sql("DROP TRIGGER refuse ON silence")
    judged.settle()
    judged.check()
    assert judged.stored.sql("SELECT retracted IS NOT NULL FROM silence WHERE probe = 'a'") == [(True,)]


def test_the_operator_says_how_often_series_are_expected(build_dir, quiet):
    judged, base = quiet

    def expect(*arguments, code=0):
        done = subprocess.run([os.path.join(build_dir, "ctl", "ezrepoctl"), "expect", *arguments, "--run-dir", judged.stored.run_dir],
                              capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == code, done.stderr
        return done.stdout

    def of_probe():
        return judged.stored.sql("SELECT retracted IS NOT NULL FROM silence WHERE probe = 'a' ORDER BY number")
    assert of_probe() == [(False,)]
    # Expected each hour it was not silent at the instant it was told; as it was before it is told again.
    number = expect("add", "--probe", "a", "--every", "1h", "--delay", "5m", "--author", "me").strip()
    judged.settle()
    assert of_probe() == [(True,)]
    entry, = [json.loads(line) for line in expect("list", "--output", "json").splitlines()]
    assert (entry["criteria"], entry["every_s"], entry["delay_s"], entry["retire_after_s"], entry["author"]) == \
        ({"probe": "a"}, 3600, 300, None, "me")
    judged.model.until = base + 29 * MINUTE + US + 185 * MINUTE - US
    judged.settle()
    assert of_probe() == [(True,)]
    judged.model.until += US
    judged.settle()
    assert of_probe() == [(True,), (False,)]
    assert judged.stored.sql("SELECT expected_us, delay_us FROM silence WHERE probe = 'a' AND retracted IS NULL") == [
        (3600 * US, 300 * US)]
    expect("remove", number)
    judged.settle()
    assert expect("list", "--output", "json") == ""
    assert judged.stored.sql("SELECT author, removed_by IS NOT NULL FROM expected") == [("me", True)]
    assert judged.stored.sql("SELECT expected_us FROM silence WHERE probe = 'a' AND retracted IS NULL") == [(60 * US,)]
    expect("remove", number, code=1)
    expect("add", "--dest", "10.0.0.0/33", "--every", "1h", code=1)
    expect("add", "--every", "never", code=2)
