# SPDX-License-Identifier: Apache-2.0
"""Periods and events with leave, hold and flap: whatever arrives in whatever order, with restarts in between, what is stored
is what the SQL reference and a slow reading of the semantics (steady.py) say. EZREPO_EXAMPLES, EZREPO_SEED as in
test_property.py.
"""
import collections
import os
import random

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from steady import Graded, Terms, periods_of
from stores import HOUR, NONE, SECOND, Record, check_store, microseconds, start_of_hour
from test_property import BETWEEN, Arrivals
from test_rebuild import Rebuild
from test_retention import DAY, MINUTE, keep, quiet, today

EXAMPLES = int(os.environ.get("EZREPO_EXAMPLES", "30"))
SEED = int(os.environ.get("EZREPO_SEED", random.SystemRandom().randrange(2**31)))
BASE = start_of_hour() // (24 * HOUR) * 24 * HOUR - 60 * HOUR
GAP = 300 * SECOND  # of the record type
# By their places in the version, from 1; 0 is none.
TERMS = [Terms(), Terms((1, 0, 1, 0)), Terms((2, 0, 2, 0)), Terms((3, 120, 2, 60)), Terms((1, 0, 3, 200)), Terms(None, (2, 240)),
         Terms((2, 0, 1, 0), (3, 600)), Terms(None, (4, 900)), Terms((2, 30, 2, 30), (2, 400)), Terms((2, 0, 1, 0), (3, 86400))]
STEPS = st.one_of(st.sampled_from([0, 1, 30, 60, 60, 60, 120, 299, 300, 301, 700]), st.integers(0, 200))
LENGTHS = st.sampled_from([0, 0, 0, 1, 60, 400])
RECORDS = st.lists(st.tuples(st.integers(0, 1), STEPS, LENGTHS, st.integers(0, 1), st.sampled_from([NONE, 0, 1, 3, 4, 5, 5, 5]),
                             st.integers(0, 31), st.integers(0, 3)), min_size=1, max_size=60)


def insert_terms(stored, version=1):
    for place, terms in enumerate(TERMS[1:], 1):
        numbers = [int(terms.hold is not None), *(terms.hold or (0, 0, 0, 0)), *(terms.flap or (0, 0))]
        stored.sql("INSERT INTO steady_terms VALUES (%s, %s, %s) ON CONFLICT (version, place) DO UPDATE SET terms = excluded.terms",
                   version, place, numbers)


def graded(record):
    bits = record.steady[0]
    return Graded(record.t, record.end, record.row, record.grades[0], frozenset(g for g in range(1, 6) if bits >> (g - 1) & 1),
                  TERMS[bits >> 5])


def check_slowly(stored, kept):
    """The first name's periods and events of every series."""
    by_series = collections.defaultdict(list)
    for record in kept:
        if 1 <= record.grades[0] <= 5:
            by_series[record.dims[2]].append(graded(record))
    periods, events = set(), set()
    for probe, records in by_series.items():
        told = periods_of(records, GAP)
        periods |= {(probe, p.first.start, p.first.key, p.grade, p.end, p.records, p.ended, p.flap) for p in told[0]}
        events |= {(probe, e.first.start, e.first.key, e.from_grade, e.to_grade, e.flap) for e in told[1]}
    assert {(r[0], microseconds(r[1]), r[2], r[3], microseconds(r[4]), *r[5:]) for r in stored.sql(
        "SELECT probe, t_start, key_digest(start_key)::int - 1, grade, t_end, records, ended, flap FROM period_now"
        " JOIN series s ON s.id = series_id WHERE grade_id = 1")} == periods
    # Each record measured one number: those of a period are all of its records, whatever their own grades.
    assert stored.sql("SELECT * FROM period_now JOIN period_metric m USING (series_id, grade_id, t_start, start_end, start_key)"
                      " WHERE m.values <> records AND NOT EXISTS (SELECT FROM period_dropped)") == []
    assert {(r[0], microseconds(r[1]), *r[2:]) for r in stored.sql(
        "SELECT probe, t, key_digest(key)::int - 1, from_grade, to_grade, flap FROM event JOIN series s ON s.id = series_id"
        " WHERE grade_id = 1 AND retracted_at IS NULL")} == events


class SteadyArrivals(Arrivals):
    def steady_records(self, drawn, blocks):
        self.examples += 1
        made, at = [], collections.Counter()
        for i, (series, step, length, row, grade, stands, which) in enumerate(drawn):
            at[series] += step * SECOND
            t, place = BASE + at[series], blocks[which % len(blocks)]
            bits = place << 5 | stands if place or which == 3 else 0
            made.append(Record(t, (grade, NONE), end=t + length * SECOND, row=row, series=f"-{self.examples}-{series}",
                               label=f"{self.examples}.{i}", steady=(bits, 0)))
        self.everything += made
        return made

    def check(self):
        check_store(self.stored)
        assert self.stored.sql("SELECT reason, detail FROM rejected") == []
        labels = {r.label: r for r in self.everything}
        check_slowly(self.stored, [labels[label] for label, in self.stored.sql("SELECT label FROM measurement")])


@pytest.fixture(name="steady_stored")
def steady_store(make_stored):
    stored = make_stored(seal_after_s=1, reorder_wait_ms=30, max_series=3).start()
    stored.stop()
    insert_terms(stored)
    return stored.start()


def test_whatever_arrives_is_what_is_stored(steady_stored):
    print(f"EZREPO_SEED={SEED}")
    arrivals = SteadyArrivals(steady_stored)

    @seed(SEED)
    @settings(max_examples=EXAMPLES, deadline=None, print_blob=True, database=None, suppress_health_check=list(HealthCheck))
    @given(drawn=RECORDS, blocks=st.lists(st.integers(0, len(TERMS) - 1), min_size=1, max_size=3), in_order=st.booleans(),
           order=st.randoms(use_true_random=False), sizes=st.lists(st.integers(1, 15), min_size=1, max_size=5),
           actions=st.lists(BETWEEN, min_size=1, max_size=6))
    def example(drawn, blocks, in_order, order, sizes, actions):
        if steady_stored.process.poll() is not None:
            steady_stored.start()
        records = arrivals.steady_records(drawn, blocks)
        if not in_order:
            order.shuffle(records)
        arrivals.arrive(records, sizes, actions)
        arrivals.check()

    example()


def random_series(r, count, series, base, blocks, step=60):
    records, t = [], base
    for i in range(count):
        t += r.choice([step, step, step, 2 * step, 0, 301 if r.random() < 0.1 else step]) * SECOND
        bits = r.choice(blocks) << 5 | (r.randrange(32) if r.random() < 0.4 else 0)
        records.append(Record(t, (r.choice([5, 5, 5, 4, 2]), NONE), row=i, series=series, label=f"{series}.{i}", steady=(bits, 0)))
    return records


def send(stored, sender, records):
    sender.batch(records)
    sender.send()
    sender.settle()
    check_store(stored)


def calm(hour, grade=5, length=12):
    return Record(BASE - 50 * DAY + hour * HOUR, (grade, NONE), end=BASE - 50 * DAY + (hour + length) * HOUR, row=hour % 12,
                  label=f"hour {hour}", steady=(2 << 5, 0))


def test_a_late_record_costs_what_lies_between_two_kept_states(steady_stored):
    """Two records a day for fifty days, of each of which a state is kept: but for some hours in the middle and a gap after
    thirty days nothing ever changed."""
    stored, sender = steady_stored, steady_stored.sender()
    days = [calm(12 * i, 2 if 30 <= i < 34 else 5, 11 if i == 59 else 12) for i in range(100)]
    send(stored, sender, days)
    assert stored.sql("SELECT records, ended FROM period_now ORDER BY t_start") == [(30, "grade"), (4, "grade"), (26, "gap"), (40, None)]
    assert stored.sql("SELECT count(*) FROM steady_walk") == [(50,)]
    read = stored.counter("periods.steady_read")
    late = [calm(24 * 3 + 1)]
    send(stored, sender, late)
    # Between that day's and the next; then from the last one on.
    assert stored.counter("periods.steady_read") - read <= 3 + 2 + 2
    assert stored.counter("periods.repaired") == 1
    # Far apart, within one period, near each other, at the end, and in order, all at once.
    read = stored.counter("periods.steady_read")
    late += [calm(24 * day + hour) for day, hour in ((5, 1), (5, 2), (10, 1), (18, 13), (25, 5), (40, 1), (49, 20))] + [calm(12 * 100)]
    send(stored, sender, late[1:])
    assert stored.counter("periods.steady_read") - read <= 6 * 4 + 6
    assert stored.sql("SELECT records, ended FROM period_now ORDER BY t_start") == [(34, "grade"), (4, "grade"), (28, "gap"), (43, None)]
    # What becomes another period: up to the gap.
    read = stored.counter("periods.steady_read")
    late += [calm(24 * 7 + hour, 1) for hour in (1, 2, 3)]
    send(stored, sender, late[-3:])
    assert stored.counter("periods.steady_read") - read <= 55 + 3
    assert len(stored.sql("SELECT 1 FROM period_now")) == 6
    check_slowly(stored, days + late)


def test_late_records_over_many_days(steady_stored):
    """States of many days; whatever comes between them, and with restarts."""
    stored, sender, r = steady_stored, steady_stored.sender(), random.Random(SEED)
    print(f"EZREPO_SEED={SEED}")
    records = []
    for series in range(3):
        t, grade = BASE - 40 * DAY, 5
        while t < BASE:
            end = t + r.choice([1, 2, 3, 3, 4, 6]) * HOUR - (301 * SECOND if r.random() < 0.03 else 0)
            grade = r.choice([5, 4, 2]) if r.random() < (0.1, 0.01, 0.4)[series] else grade
            records.append(Record(t, (grade if r.random() < 0.95 else 3, NONE), end=end + r.choice([0, 0, HOUR]), row=0, series=series,
                                  label=f"{series}.{t}", steady=(r.choice([2, 2, 2, 9]) << 5 | (16 if r.random() < 0.1 else 0), 0)))
            t = end if r.random() < 0.97 else end + 301 * SECOND
    late = [x for x in records if r.random() < 0.12]
    sender.batch([x for x in records if x not in late])
    sender.send()
    sender.settle()
    check_store(stored)
    r.shuffle(late)
    while late:
        count = r.choice([1, 1, 2, 4, 9])
        sender.commit(late[:count])
        del late[:count]
        if r.random() < 0.15:
            check_store(stored)
            stored.stop()
            stored.start()
    check_store(stored)
    check_slowly(stored, records)


def test_rebuild_finds_and_repairs(build_dir, steady_stored):
    """Periods, events and the states that are kept: of what somebody changed nothing is left."""
    rebuild = Rebuild(build_dir, steady_stored)
    print(f"EZREPO_SEED={SEED}")
    r = random.Random(SEED)
    records = [x for s in range(4) for x in random_series(r, 300, s, BASE, [0, 2, 3, 5, 6, 8])]
    r.shuffle(records)
    sender = steady_stored.sender()
    for i in range(0, len(records), 100):
        sender.batch(records[i:i + 100])
    sender.send()
    sender.settle()
    check_store(steady_stored)
    assert steady_stored.sql("SELECT count(*) > 0 FROM period WHERE flap") == [(True,)]
    assert steady_stored.sql("SELECT count(*) > 0 FROM period WHERE ended = 'steady'") == [(True,)]
    rebuild.identical()
    steady_stored.sql("UPDATE period SET records = records + 1 WHERE flap")
    steady_stored.sql("DELETE FROM event WHERE ctid IN (SELECT ctid FROM event WHERE retracted_at IS NULL LIMIT 3)")
    steady_stored.sql("DELETE FROM period WHERE ctid IN (SELECT ctid FROM period WHERE ended = 'grade' LIMIT 3)")
    steady_stored.sql("UPDATE steady_walk SET state = (SELECT state FROM steady_walk LIMIT 1)")
    assert rebuild.differs()["periods"]["missing"] == 3
    rebuild.repairs()
    rebuild.identical()
    check_store(steady_stored)
    check_slowly(steady_stored, records)
    # What comes next goes on from states that are right, also after a restart.
    more = [Record(BASE + 40 * 60 * SECOND + i * 61 * SECOND, (2, NONE), series=i % 4, row=7, label=f"more {i}", steady=(6 << 5, 0))
            for i in range(60)]
    steady_stored.stop()
    steady_stored.start()
    sender.batch(more)
    sender.send()
    sender.settle()
    check_store(steady_stored)


@pytest.mark.parametrize("restart", (False, True))
def test_kept_over_the_horizon(build_dir, steady_stored, restart):
    """Walks that began before it go on as if nothing had been dropped: also of series that were silent since."""
    stored = steady_stored
    r = random.Random(SEED)
    print(f"EZREPO_SEED={SEED}")
    start = today() - DAY - 100 * MINUTE
    early = [x for s in range(4) for x in random_series(r, 90 if s < 3 else 40, s, start, [3, 5, 6, 8])]
    late = [x for s in range(4) for x in random_series(r, 90, s, today() - DAY + (10 if s < 3 else 4) * MINUTE, [3, 5, 6, 8])]
    for x in late:
        x.label += " late"
    early = [x for x in early if x.t < today() - DAY]
    sender = stored.sender()
    sender.batch(early)
    sender.send()
    sender.settle()
    stored.wait(lambda: stored.sql("SELECT bool_and(in_day) FROM measured_hour") == [(True,)])
    keep(stored, {"*": 1})
    quiet(stored, c0=1)
    assert stored.sql("SELECT count(*) FROM measurement") == [(0,)]
    if restart:
        stored.stop()
        stored.start()
    r.shuffle(late)
    for i in range(0, len(late), 50):
        sender.batch(late[i:i + 50])
    sender.send()
    sender.settle()
    check_slowly(stored, early + late)
    Rebuild(build_dir, stored).identical()
