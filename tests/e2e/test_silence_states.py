# SPDX-License-Identifier: Apache-2.0
"""When series and probes are silent, as functions of the store say, is what a slow reading of the definition says."""
import random

import pytest
from silences import DAY, MINUTE, US, Heard, Listed, state
from stores import NONE, Record, microseconds, now_us

INTERVALS = {"types": {"ping": {"interval_s": 300}, "other": {"gap_s": 900}}}
STATES = "SELECT last, e, d, silent_from, told_from, retire_at FROM "


def rows(found):
    return [tuple(v if v is None or isinstance(v, int) else microseconds(v) for v in row) for row in found]


def as_row(s):
    return (s.last, s.e, s.d, s.silent_from, s.told_from, s.retire_at)


def random_series(rng, base, span):
    """Starts and ends of one series: regular, in bursts, by hand, dense, with holes, long ones, of several days."""
    kind = rng.choice(["regular", "bursts", "by hand", "dense", "few", "sparse"])
    step = {"regular": rng.choice([60, 90, 300, 3600]), "bursts": rng.choice([600, 7200]), "by hand": 40000, "dense": 7,
            "few": 1000, "sparse": 30000}[kind] * US
    count = {"few": rng.randrange(1, 10), "dense": 200}.get(kind, 60)
    t, found = base + rng.randrange(span), []
    for _ in range(rng.randrange(1, count + 1)):
        for _ in range(rng.randrange(1, 5) if kind == "bursts" else 1):
            long = rng.choice([0, 0, 0, 1, 30, 400]) * US * (20 if rng.random() < 0.05 else 1)
            found.append((t + rng.randrange(20) * US, long))
        t += step if rng.random() < 0.8 else rng.randrange(2 * step) if kind != "by hand" else rng.randrange(step)
    return [(a, a + long) for a, long in found]


def put_in_months(stored):
    """All hours at once, as if stored had come to them by now; it is not there any more."""
    stored.stop()
    stored.sql("INSERT INTO rollup_month (month, series_id, grade_id, c0) SELECT date_trunc('month', d.day, 'UTC'), d.series_id, 0,"
               " counts(31, extract(day FROM d.day AT TIME ZONE 'UTC')::integer, d.n) FROM (SELECT date_trunc('day', t_start, 'UTC')"
               " AS day, series_id, count(*) AS n FROM measurement GROUP BY 1, 2) AS d GROUP BY 1, 2"
               " ON CONFLICT (month, series_id, grade_id) DO UPDATE SET c0 = excluded.c0")
    stored.sql("UPDATE measured_hour SET sealed = true, in_day = true")


@pytest.mark.parametrize("seed", range(3))
def test_states_are_what_the_definition_says(make_stored, seed):
    rng = random.Random(seed)
    stored = make_stored(own=INTERVALS).start()
    sender = stored.sender()
    base = now_us() // DAY * DAY - 20 * DAY
    heard, records = {}, []
    for series in range(8):
        dims = (rng.choice(["ping", "other"]), "c", f"probe{series % 3}", str(series), "d", "")
        for start, end in random_series(rng, base, 10 * DAY):
            received = (end + rng.choice([0, 2, 50, 3600, 200000]) * US * rng.choice([0, 1])) // US * US - rng.choice([0, 1]) * US
            records.append((received, Record(start, (5, NONE), end=end, dims=dims, digest=len(records) + 1)))
            heard.setdefault(dims, []).append(Heard(start, end, received, len(records)))
    records.sort(key=lambda r: (r[0] if rng.random() < 0.9 else 0, r[1].digest))
    by_received = {}
    for received, record in records:
        by_received.setdefault(received, []).append(record)
    for received, some in by_received.items():
        sender.received_us = received
        sender.send(sender.batch(some))
        sender.take_acks(60)  # one transaction for each instant of receipt
    if seed > 0:
        put_in_months(stored)
    instance, = stored.sql("SELECT DISTINCT instance::text FROM ledger")[0]
    absences = []
    for _ in range(rng.randrange(3)):
        a = base + rng.randrange(20 * DAY)
        b = a + rng.randrange(DAY)
        if all(b < x or a > y for x, y in absences):
            absences.append((a, b))
            stored.sql("INSERT INTO absence VALUES (%s, 'ingestd', to_timestamp(0) + %s * interval '1 microsecond',"
                       " to_timestamp(0) + %s * interval '1 microsecond')", instance, a, b)
    listed = {}
    if rng.random() < 0.7:
        listed["1"] = Listed(rng.choice([50, 400]) * US, rng.choice([None, 7 * US]), rng.choice([None, DAY]))
        stored.sql("INSERT INTO expected (type, content, probe, source, dest, path, likes, every_us, delay_us, retire_us, author)"
                   " VALUES ('*', '*', '*', '1', '*', '*', ARRAY['%%', '%%', '%%', '1', '%%', '%%'], %s, %s, %s, 'x')",
                   listed["1"].every, listed["1"].delay, listed["1"].retire)
    ids = {tuple(dims): number for number, *dims in stored.sql("SELECT id, type, content, probe, source, dest, path FROM series")}
    type_us = {"ping": 300 * US}
    instants = [rng.choice(rng.choice(list(heard.values()))).start + rng.choice([0, -1, 1, rng.randrange(2 * DAY), MINUTE])
                for _ in range(8)] + [base + 40 * DAY]
    for instant in instants:
        want = {ids[dims]: state(all_of, instant, type_us.get(dims[0]), listed.get(dims[3]), absences)
                for dims, all_of in heard.items()}
        have = stored.sql("SELECT series_id, last, e, d, silent_from, told_from, retire_at FROM silence_states(%s,"
                          " to_timestamp(0) + %s * interval '1 microsecond', false)", list(ids.values()), instant)
        assert {row[0]: rows([row[1:]])[0] for row in have} == {number: as_row(s) for number, s in want.items() if s}
        for probe in {dims[2] for dims in heard}:
            its = {dims: all_of for dims, all_of in heard.items() if dims[2] == probe}
            want_probe = state(sum(its.values(), []), instant,
                               min((type_us[d[0]] for d in its if d[0] in type_us), default=None), None, absences)
            have_probe = stored.sql(STATES + "silence_of_probe(%s, to_timestamp(0) + %s * interval '1 microsecond')", probe, instant)
            assert rows(have_probe) == ([as_row(want_probe)] if want_probe else [])
            behind = [r.start for all_of in its.values() for r in all_of if r.start > instant]
            until = rng.choice([base + 100 * DAY, *behind, *(start - 1 for start in behind)])
            next_start, = stored.sql("SELECT next_start((SELECT array_agg(id) FROM series WHERE probe = %s), to_timestamp(0)"
                                     " + %s * interval '1 microsecond', to_timestamp(0) + %s * interval '1 microsecond')",
                                     probe, instant, until)[0]
            assert (next_start and microseconds(next_start)) == min((start for start in behind if start <= until), default=None)
