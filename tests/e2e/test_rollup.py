# SPDX-License-Identifier: Apache-2.0
"""Counts over long ranges: stored fills the roll-ups, queryd answers from them, plain counting is the judge.

Records come with random lateness into hours and days that are open, being sealed or sealed; whatever the
moment, an answer is what counting the records themselves gives.
"""
import contextlib
import random
import time

import pytest
from queries import COUNT, FUTURE, HISTOGRAM, PAST, Queryd
from stores import HOUR, NAMES, NONE, SECOND, Record, check_store, now_us
from test_queryd import matches

DAY = 24 * HOUR
DIMENSIONS = ["type", "content", "probe", "source", "dest", "path"]
SERIES = [("ping", "ICMPECHO", "p1", "192.0.2.1", "198.51.100.1", ""),
          ("ping", "ICMPECHO", "p2", "192.0.2.2", "198.51.100.2", ""),
          ("ping", "UDP", "p1", "192.0.2.1", "2001:db8::1", "lte"),
          ("pong", "ICMPECHO", "p1", "192.0.3.1", "198.51.100.1", ""),
          ("OTT", "http://x.example/", "p2", "host", "", ""),
          ("", "", "", "", "", "")]


@pytest.fixture
def make_pair(build_dir, make_stored):
    """A stored that seals so many seconds after an hour's last record came, and a queryd on its database."""
    with contextlib.ExitStack() as stack:
        def make(seal_after_s):
            stored = make_stored(seal_after_s=seal_after_s).start()
            queryd = Queryd(build_dir, stored.settings["database"], rows_default=50)
            stack.callback(queryd.close)
            return stored, queryd
        yield make


@pytest.fixture
def pair(make_pair):
    """One that seals as early as it can."""
    return make_pair(1)


def random_time(rng, base):
    """Within four days, and once in a while the very first hour of all; often at or beside whole units."""
    if rng.random() < 0.01:
        return rng.randrange(HOUR)
    t = base - rng.choice([0, 0, 1, 2, 3]) * DAY - rng.choice([0, 0, 1, 7, 12]) * HOUR - rng.randrange(HOUR)
    unit = rng.choice([1, 60 * SECOND, HOUR, DAY])
    return t // unit * unit + rng.choice([0, 0, -1, 1])


def random_records(rng, base, count):
    return [Record(random_time(rng, base), (rng.choice([0, 1, 2, 3, 4, 5, 5, NONE]), rng.choice([3, 5, NONE])),
                   row=rng.randrange(3), dims=rng.choice(SERIES)) for _ in range(count)]


def random_question(rng, base):
    c = {"since": PAST, "until": FUTURE, "low": rng.randint(1, 5)}
    c["high"] = rng.randint(c["low"], 5)
    for dimension in rng.sample(DIMENSIONS, rng.choice([0, 0, 1, 1, 2])):
        c[dimension] = {"type": ["ping", "p?ng", "p*", "OTT", "", "none"], "content": ["ICMPECHO", "*P*"],
                        "probe": ["p1", "p?"], "source": ["192.0.2.0/24", "192.0.0.0/16", "host"],
                        "dest": ["198.51.100.0/31", "::/0"], "path": ["", "lte"]}[dimension][rng.randrange(2)]
    if rng.random() < 0.9:
        edge = [random_time(rng, base) + rng.choice([0, 0, 7]) for _ in range(2)]
        c["since"], c["until"] = min(edge), max(edge) + rng.choice([0, 1, 1])
    if rng.random() < 0.4:
        c["grade"] = rng.choice(NAMES)
    return c


def plain(records, c):
    """What the records in the list say: (matched, graded by name, grades by name)."""
    chosen = [r for r in records if c["since"] <= r.t < c["until"] and all(
        matches(c.get(d, "*"), v, d in ("source", "dest")) for d, v in zip(DIMENSIONS, r.dims))]
    names = NAMES if c.get("grade", "all") == "all" else [c["grade"]]
    counts = [{"grade.name": n, "records.matched": str(len(chosen)), "records.graded": str(sum(
        1 for r in chosen if c["low"] <= r.grades[NAMES.index(n)] <= c["high"])), "maintenance.windows": None} for n in names]
    histogram = [(n, str(g), str(sum(1 for r in chosen if r.grades[NAMES.index(n)] == g)))
                 for n in names for g in range(6)]
    return counts, histogram


def check_answers(queryd, records, rng, base, count):
    for _ in range(count):
        c = random_question(rng, base)
        counts, histogram = plain(records, c)
        assert queryd.rows(COUNT, **c) == counts, c
        assert [(r["grade.name"], r["grade.value"], r["records.count"])
                for r in queryd.rows(HISTOGRAM, **c)] == histogram, c


@pytest.mark.parametrize("seed", range(4))
def test_counts_are_exact_whatever_is_sealed(pair, seed):
    stored, queryd = pair
    rng = random.Random(seed)
    base, sender = now_us(), stored.sender()
    known = {}
    for _ in range(12):
        batch = random_records(rng, base, rng.choice([1, 30, 200]))
        sender.commit(batch)
        for r in batch:
            known.setdefault(r.key(), r)
        if rng.random() < 0.4:
            time.sleep(rng.uniform(0, 2.5))
        check_answers(queryd, list(known.values()), rng, base, 5)
    stored.wait(lambda: stored.sql("SELECT count(*) FROM measured_hour WHERE NOT in_day"
                                   " AND hour < date_trunc('day', now())") == [(0,)], 240)
    check_store(stored)
    check_answers(queryd, list(known.values()), rng, base, 40)
    # Late ones into what is sealed by now, and hours that are new in sealed days.
    batch = random_records(rng, base, 100)
    sender.commit(batch)
    for r in batch:
        known.setdefault(r.key(), r)
    check_answers(queryd, list(known.values()), rng, base, 20)
    check_store(stored)
    assert stored.sql("SELECT count(DISTINCT day) >= 3 FROM grade_rollup_day") == [(True,)]
    stored.wait(lambda: stored.counter("sealed.daily") >= 3)


def test_a_day_takes_in_hours_that_came_into_being_later(pair):
    stored, queryd = pair
    sender, day = stored.sender(), now_us() // DAY * DAY - 3 * DAY

    def settled(hours):
        stored.wait(lambda: stored.sql("SELECT count(*), bool_and(in_day) FROM measured_hour") == [(hours, True)])
        check_store(stored)

    sender.commit([Record(day + 5 * HOUR, series=1), Record(day + 7 * HOUR, (3, NONE))])
    settled(2)
    sender.commit([Record(day + 5 * HOUR + 1, series=1), Record(day + 6 * HOUR)])
    assert queryd.rows(COUNT, probe="p*", since=day, until=day + DAY)[0]["records.matched"] == "4"
    settled(3)
    assert stored.sql("SELECT sum(n0)::int FROM grade_rollup_day WHERE grade_id = 0") == [(4,)]
    assert queryd.rows(COUNT, probe="p*", since=day, until=day + DAY)[0]["records.matched"] == "4"


def test_a_day_grows_while_one_of_its_hours_is_open(make_pair):
    """Who asks for most of it gets the whole, less the hours outside of the range."""
    stored, queryd = make_pair(3)
    sender, day = stored.sender(), now_us() // DAY * DAY - 3 * DAY
    records = [Record(day + hour * HOUR + i, (hour % 5 + 1, NONE), series=1)
               for hour in (5, 6, 7, 8) for i in range(hour)]
    sender.commit(records)
    hour = 9

    def grows():
        """The open hour is never quiet, so it is not sealed. If this was held up and it is, the next one is open."""
        nonlocal hour
        in_day, waits, is_open = stored.sql(
            "SELECT array_agg(extract(hour FROM hour)::int ORDER BY hour) FILTER (WHERE in_day), count(*) FILTER"
            " (WHERE sealed AND NOT in_day), array_agg(extract(hour FROM hour)::int) FILTER (WHERE NOT sealed)"
            " FROM measured_hour")[0]
        if is_open == [hour] and waits == 0 and in_day == list(range(5, hour)):
            return True
        if is_open is None:
            hour += 1
            assert hour < 20, "held up over and over"
        records.append(Record(day + hour * HOUR + len(records) * 1000, series=1))
        sender.commit(records[-1:])
        return False

    stored.wait(grows)
    for since in (day, day + 6 * HOUR, day + 5 * HOUR + 1, day + 7 * HOUR, day + 9 * HOUR):
        for until in (day + 20 * HOUR, day + 8 * HOUR):
            rows = queryd.rows(COUNT, probe="p*", since=since, until=until)
            assert rows[0]["records.matched"] == str(sum(1 for r in records if since <= r.t < until))
    rows = queryd.rows(COUNT, probe="p*", since=day + 6 * HOUR, until=day + 9 * HOUR, low=2, high=3)
    assert rows[0]["records.graded"] == "13"
    check_store(stored)


def test_a_restart_while_a_day_is_sealed_leaves_it_exact(pair):
    stored, queryd = pair
    rng, sender = random.Random(5), stored.sender()
    base = now_us()
    records = {}
    for _ in range(6):
        batch = random_records(rng, base, 200)
        sender.commit(batch)
        for r in batch:
            records.setdefault(r.key(), r)
        time.sleep(rng.uniform(0.9, 1.4))
        stored.stop(9)
        stored.start()
        check_answers(queryd, list(records.values()), rng, base, 5)
    stored.wait(lambda: stored.sql("SELECT bool_and(sealed) FROM measured_hour WHERE hour < now() - interval '2 h'")
                == [(True,)], 240)
    check_store(stored)


def test_many_minutes_and_types_in_one_transaction(pair):
    """More rows of totals than one statement takes."""
    stored, queryd = pair
    base, sender = now_us() // DAY * DAY, stored.sender()
    records = [Record(base - (i % 50) * DAY - i * 61 * SECOND, (i % 6, NONE),
                      dims=(f"t{i % 97}", "", "", "", "", "")) for i in range(6000)]
    sender.commit(records)
    assert queryd.rows(COUNT, grade="overall", low=2, high=3)[0] == {
        "grade.name": "overall", "records.matched": "6000", "records.graded": "2000", "maintenance.windows": None}
    assert queryd.rows(COUNT, type="t7?")[0]["records.matched"] == str(sum(1 for r in records if r.dims[0] in
                                                                           [f"t7{d}" for d in range(10)]))
    assert stored.sql("TABLE grade_total EXCEPT TABLE grade_total_reference") == []
    assert stored.sql("TABLE grade_total_reference EXCEPT TABLE grade_total") == []
