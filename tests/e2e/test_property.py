# SPDX-License-Identifier: Apache-2.0
"""Whatever arrives in whatever order, in whatever batches, with restarts in between: what is stored is what the
records say, by the SQL reference, by a definition written a second time, and by the vectors.

EZREPO_EXAMPLES: how many examples hypothesis tries (30); EZREPO_SEED: the seed, printed at the start of each test.
"""
import json
import os
import random
import signal

import pytest
from conftest import ROOT
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from stores import HOUR, NONE, SECOND, Record, check_store, microseconds, naive_store, start_of_hour

EXAMPLES = int(os.environ.get("EZREPO_EXAMPLES", "30"))
SEED = int(os.environ.get("EZREPO_SEED", random.SystemRandom().randrange(2**31)))
BASE = start_of_hour() // (24 * HOUR) * 24 * HOUR - 60 * HOUR  # a seed is the same all day long

# Times that lie close, at the gap's ends, and around the ends of hours and days.
TIMES = st.one_of(st.integers(0, 40).map(lambda n: n * 60 * SECOND),
                  st.sampled_from([300 * SECOND, 300 * SECOND + 1, HOUR - 1, HOUR, 6 * HOUR, 24 * HOUR]),
                  st.integers(0, 8 * HOUR))
LENGTHS = st.one_of(st.just(0), st.sampled_from([1, SECOND, 300 * SECOND, HOUR]), st.integers(0, 600 * SECOND))
GRADES = st.tuples(st.sampled_from([NONE, 0, 3, 4, 5, 5, 5]), st.sampled_from([NONE, NONE, 1, 2]))
RECORDS = st.lists(st.tuples(st.integers(0, 2), TIMES, LENGTHS, st.integers(0, 1), GRADES), min_size=1, max_size=40)
BETWEEN = st.sampled_from(["", "", "", "", "again", "wait", "swap", "SIGTERM", "SIGKILL"])


class Arrivals:
    """One stored and one sender for all examples; each example has series of its own."""

    def __init__(self, stored):
        self.stored = stored
        self.sender = stored.sender()
        self.sender.push.sndtimeo = 120000
        self.everything = []
        self.examples = 0

    def records(self, drawn):
        """With labels by which it is known which of two with the same identity stayed."""
        self.examples += 1
        made = [Record(BASE + t, grades, end=BASE + t + length, row=row, series=f"-{self.examples}-{series}",
                       label=f"{self.examples}.{i}") for i, (series, t, length, row, grades) in enumerate(drawn)]
        self.everything += made
        return made

    def between(self, action, sequence):
        if action in ("SIGTERM", "SIGKILL"):
            if action == "SIGTERM":  # which ends a process that has only just been started otherwise
                self.stored.wait(self.is_up)
            self.stored.stop(getattr(signal, action))
            self.stored.start(wait=False)
        elif action == "again":
            self.sender.send(sequence)
        elif action == "wait":
            self.sender.take_acks(0.05)

    def arrive(self, records, sizes, actions):
        """In batches of these sizes; after each, one of BETWEEN."""
        at, n, swapped = 0, 0, []
        while at < len(records):
            size = sizes[n % len(sizes)]
            sequence = self.sender.batch(records[at:at + size])
            at += size
            action = actions[n % len(actions)]
            n += 1
            if action == "swap":  # overtaken by the next one
                swapped.append(sequence)
                continue
            self.sender.send(sequence)
            if swapped and swapped[0] in self.sender.pending:
                self.sender.send(swapped.pop())
            if sequence in self.sender.pending:
                self.between(action, sequence)
        self.sender.settle()
        self.stored.wait(self.is_up)

    def is_up(self):
        return self.stored.status().get("pid") == self.stored.process.pid

    def check(self):
        check_store(self.stored)
        assert self.stored.sql("SELECT reason, detail FROM rejected") == []
        labels = {r.label: r for r in self.everything}
        kept = [labels[label] for label, in self.stored.sql("SELECT label FROM measurement")]
        assert {r.key() for r in kept} == {r.key() for r in self.everything}
        assert len(kept) == len({r.key() for r in kept})
        naive_store(self.stored, kept)


def test_whatever_arrives_is_what_is_stored(make_stored):
    print(f"EZREPO_SEED={SEED}")
    stored = make_stored(seal_after_s=1, reorder_wait_ms=30, max_series=3).start()
    arrivals = Arrivals(stored)

    @seed(SEED)
    @settings(max_examples=EXAMPLES, deadline=None, print_blob=True, database=None,
              suppress_health_check=list(HealthCheck))
    @given(drawn=RECORDS, order=st.randoms(use_true_random=False), sizes=st.lists(st.integers(1, 15), min_size=1, max_size=5),
           actions=st.lists(BETWEEN, min_size=1, max_size=6))
    def example(drawn, order, sizes, actions):
        if stored.process.poll() is not None:  # an example failed: the next ones need not wait for nobody
            stored.start()
        order.shuffle(drawn)  # draws: hypothesis may give an example up here, before its records count as sent
        arrivals.arrive(arrivals.records(drawn), sizes, actions)
        arrivals.check()

    example()
    # All hours and days are sealed at last, and are what the records say all the same.
    stored.wait(lambda: stored.sql("SELECT bool_and(sealed AND in_day) FROM measured_hour") == [(True,)], 240)
    check_store(stored)


def with_gaps(stored, gaps_us):
    """Record types "gap N", whose periods end after N microseconds."""
    stored.copy_schemas()
    path = os.path.join(stored.schemas, "record-types.json")
    with open(path, encoding="utf-8") as file:
        types = json.load(file)
    for gap in gaps_us:
        assert gap % SECOND == 0
        types["types"][f"gap {gap}"] = {"gap_s": gap // SECOND}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(types, file)


def stored_periods(stored, index):
    rows = stored.sql("SELECT p.grade, p.t_start, p.t_end, p.records, p.ended FROM period_now p JOIN series s"
                      " ON s.id = series_id WHERE probe = %s AND grade_id = 1 ORDER BY t_start, start_end, start_key", f"case {index}")
    return [{"grade": g, "t_start": microseconds(a), "t_end": microseconds(b), "count": n, "ended_by": ended}
            for g, a, b, n, ended in rows]


def stored_events(stored, index):
    rows = stored.sql("SELECT t, from_grade, to_grade FROM event e JOIN series s ON s.id = series_id WHERE probe = %s"
                      " AND grade_id = 1 AND retracted_at IS NULL ORDER BY t, t_end, key", f"case {index}")
    return [{"t": microseconds(t), "from": a, "to": b} for t, a, b in rows]


@pytest.mark.parametrize("how", ["as given", "shuffled"])
def test_the_vectors(make_stored, how):
    """All cases at once, their records interleaved; as each case gives them, or in any order."""
    print(f"EZREPO_SEED={SEED}")
    rng = random.Random(SEED)
    with open(os.path.join(ROOT, "tests", "golden", "periods.json"), encoding="utf-8") as file:
        cases = json.load(file)["cases"]
    stored = make_stored(max_series=40)
    with_gaps(stored, {case["gap_us"] for case in cases})
    stored.start()
    queues = [[Record(t, (grade, NONE), end=end, row=row,
                      dims=(f"gap {case['gap_us']}", "", f"case {i}", "", "", ""))
               for t, end, row, grade in case["arrival"]] for i, case in enumerate(cases)]
    if how == "shuffled":
        for queue in queues:
            rng.shuffle(queue)
    queues = [queue[::-1] for queue in queues if queue]
    sender, batch = stored.sender(), []
    while queues:
        queue = rng.choice(queues)
        batch.append(queue.pop())
        if not queue:
            queues.remove(queue)
        if len(batch) > rng.randrange(400) or not queues:
            sender.send(sender.batch(batch))
            batch = []
    sender.settle()
    for i, case in enumerate(cases):
        if how == "shuffled" and len({(t, row) for t, _, row, _ in case["arrival"]}) < len(case["arrival"]):
            continue  # another one is the first of its identity
        assert stored_periods(stored, i) == case["periods"], f"case {i}"
        assert stored_events(stored, i) == case["events"], f"case {i}"
    check_store(stored)
