# SPDX-License-Identifier: Apache-2.0
"""A stored whose silence is judged as of when a test says, beside a model of what is to be told. Time is what the records and the signs of
life say: silence is judged as of these."""
import collections
import itertools
import signal
import uuid

import pytest
import zmq
from messages import SIGNS, pack
from silences import DAY, MINUTE, US, Heard, state
from stores import NONE, Record, microseconds, now_us

INTERVALS = {"types": {"ping": {"interval_s": 300}, "other": {"gap_s": 900}}}
TYPE_US = {"ping": 300 * US}
ENTRIES = ("SELECT f.kind, coalesce(f.series_id, 0), coalesce(f.probe, ''), f.t FROM feed f"
           " WHERE f.kind IN ('silence', 'return', 'retired') OR (f.kind = 'retraction' AND f.event_id IS NULL) ORDER BY arrival, n")
ROWS = ("SELECT coalesce(series_id, 0), CASE WHEN series_id IS NULL THEN probe ELSE '' END, silent_from, last_end, expected_us,"
        " delay_us, retire_at, as_of, silent_until, retracted IS NOT NULL, retired IS NOT NULL FROM silence")


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
            return self.stored.status_at_once()["counters"]["silence.as_of"] == self.model.until // US
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
        more, less = (dict(a - b) for a, b in itertools.permutations((collections.Counter(have), collections.Counter(self.model.entries))))
        assert not more and not less, f"told: {more}, not told: {less}\n{self.explain()}"
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
