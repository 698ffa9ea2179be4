# SPDX-License-Identifier: Apache-2.0
"""When processes on the way in were not there: what the store makes of it, against a slow reading of what it says."""
import datetime
import random

import pytest
from stores import Stored

BASE = datetime.datetime(2026, 5, 1, tzinfo=datetime.timezone.utc)
GATEWAYS = ("mplane-gw", "ingest-gw")


@pytest.fixture(scope="module")
def sql(build_dir, cluster):
    """Of a store with nothing in it, that nobody works with any more."""
    stored = Stored(build_dir, cluster)
    try:
        stored.start()
        stored.stop()
        yield stored.sql
    finally:
        stored.close()


def at(second):
    return BASE + datetime.timedelta(seconds=second)


def slow(absences, ingestd, door, since):
    """Second by second: those in which one of the processes was not there, as [from, to)."""
    through = {"ingestd"} | (set() if door in ("udp", "file", "import") else set(GATEWAYS))
    away = {second for who, process, begin, end in absences if who == ingestd and process in through
            for second in range(max(begin, since), end)}
    return [(at(s), at(next(e for e in range(s, 1000) if e not in away))) for s in sorted(away) if s - 1 not in away]


@pytest.mark.parametrize("seed", range(5))
def test_absences_are_merged(sql, seed):
    rng = random.Random(seed)
    absences = {}
    for _ in range(rng.choice([5, 40, 150])):
        begin = rng.randrange(300)
        key = (rng.choice("ab"), rng.choice(("ingestd", *GATEWAYS)), begin)
        absences[key] = begin + rng.choice([1, 2, 5, 30])
    absences = [(*key, end) for key, end in absences.items()]
    sql("DELETE FROM absence; INSERT INTO absence SELECT v.i, v.p, %s + v.f * interval '1 second', %s + v.t * interval '1 second'"
        " FROM unnest(%s, %s, %s, %s) AS v (i, p, f, t)", BASE, BASE, *(list(column) for column in zip(*absences)))
    for _ in range(20):
        ingestd, door, since = rng.choice("abc"), rng.choice(["udp", "https", "file", "import", ""]), rng.randrange(350)
        assert sql("SELECT * FROM absences_of(%s, %s, %s)", ingestd, door, at(since)) == slow(absences, ingestd, door, since)


def test_who_is_absent_now_is_so_without_end(sql):
    sql("DELETE FROM absence; INSERT INTO sign VALUES ('x', 'mplane-gw', %s, %s), ('x', 'ingestd', %s, NULL)", at(0), at(0), at(9))
    sql("INSERT INTO absence VALUES ('x', 'ingestd', %s, %s)", at(-5), at(3))
    assert sql("SELECT t_from, t_to::text FROM absences_of('x', 'https', %s)", at(-9)) == [(at(-5), "infinity")]
    assert sql("SELECT t_from, t_to FROM absences_of('x', 'udp', %s)", at(-9)) == [(at(-5), at(3))]
