# SPDX-License-Identifier: Apache-2.0
"""Late records in periods that last many hours: exact, without reading all their records."""
import random

import pytest
from stores import HOUR, NONE, SECOND, Record, check_store, naive_store, start_of_hour

BASE_HOURS = 14


def everything_is_sealed(stored):
    return stored.sql("SELECT bool_and(sealed) FROM measured_hour") == [(True,)]


def dense(series, since, hours, grades, step_s=15):
    return [Record(since + i * step_s * SECOND, grades, series=series) for i in range(hours * 3600 // step_s)]


@pytest.mark.parametrize("seed", range(4))
def test_late_records_in_long_periods(make_stored, seed):
    rng = random.Random(seed)
    stored = make_stored(seal_after_s=1).start()
    sender, base = stored.sender(), start_of_hour() - BASE_HOURS * HOUR
    records = dense(0, base + rng.randrange(HOUR), 11, (5, 4))
    for r in rng.sample(records, 20):  # whose ends reach into later hours
        r.end += rng.choice([SECOND, HOUR, rng.randrange(5 * HOUR)])
    records += dense(1, base, 5, (5, 4)) + dense(1, base + 5 * HOUR, 6, (3, NONE))
    # What bridges hours without records is one record that lasts.
    records += dense(2, base, 1, (5, NONE), 5) + [Record(base + HOUR, (5, NONE), end=base + 7 * HOUR, series=2)]
    records += dense(2, base + 7 * HOUR + rng.randrange(300) * SECOND, 2, (5, NONE), 10)
    records += dense(3, base, 11, (5, 5), 240)
    for at in range(0, len(records), 4000):
        sender.commit(records[at:at + 4000])
    stored.wait(lambda: everything_is_sealed(stored))
    for part in range(10):
        late = []
        for n in range(rng.randrange(1, 6)):
            t = base + rng.randrange(11 * HOUR) // SECOND * SECOND + 1 + part * 10 + n
            late.append(Record(t, (rng.choice([1, 1, 5]), rng.choice([NONE, 2, 4])), series=rng.randrange(4),
                               end=t + rng.choice([0, 0, SECOND, rng.randrange(2 * HOUR)])))
        if rng.random() < 0.5:  # and one in order in the same transaction
            late.append(Record(base + 12 * HOUR + part * SECOND, (rng.choice([1, 5]), 4), series=rng.randrange(4)))
        records += late
        sender.commit(late)
        check_store(stored)
    naive_store(stored, records)
    stored.stop()
    check_store(stored)


def rows_read(stored, records=()):
    """By a stored that is started, commits these and is stopped: PostgreSQL tells it when a session ends."""
    def told():
        stored.wait_for_no_session()
        return stored.sql("SELECT sum(idx_tup_fetch + seq_tup_read)::bigint FROM pg_stat_user_tables"
                          " WHERE schemaname = 'ezrepo'")[0][0]
    before = told()
    stored.start()
    if records:
        stored.sender().commit(records)
    stored.stop()
    return told() - before


@pytest.mark.parametrize("ended", [False, True], ids=["open", "ended"])
@pytest.mark.parametrize("late_h", [0.2, 5.9, 11.8])
def test_a_late_record_does_not_read_a_long_period(make_stored, late_h, ended):
    """Neither what lies hours before it nor what lies behind it."""
    stored = make_stored(seal_after_s=1).start()
    sender, base = stored.sender(), start_of_hour() - BASE_HOURS * HOUR
    records = dense(0, base, 12, (5, NONE), 5)  # 720 in an hour
    if ended:
        records += dense(0, base + 12 * HOUR, 1, (4, NONE), 5)
    for at in range(0, len(records), 4000):
        sender.commit(records[at:at + 4000])
    stored.wait(lambda: everything_is_sealed(stored))
    stored.stop()
    nothing = rows_read(stored)
    late = Record(base + int(late_h * HOUR) // SECOND * SECOND + 1, (2, NONE))
    assert rows_read(stored, [late]) - nothing < 4 * 720
    check_store(stored)
    naive_store(stored, records + [late])


@pytest.mark.parametrize("name", ["in order", "behind another name"])
def test_a_long_period_that_ended_in_the_flush_of_a_late_record(make_stored, name):
    """What ended it lies in an hour before the late record's: it is not counted as the period's."""
    stored = make_stored(seal_after_s=1).start()
    sender, base = stored.sender(), start_of_hour() - BASE_HOURS * HOUR
    records = dense(0, base, 5, (5, NONE))
    records += dense(1, base, 13, (5, NONE), 600)  # hours that are sealed
    if name == "behind another name":
        records.append(Record(base + 12 * HOUR, (NONE, 3)))  # what the other name has then is late in its series
    sender.commit(records)
    stored.wait(lambda: everything_is_sealed(stored))
    late = [Record(base + 7 * HOUR, (3, NONE)), Record(base + 11 * HOUR, (4, NONE)), Record(base + 9 * HOUR, (5, NONE))]
    sender.commit(late)
    check_store(stored)
    naive_store(stored, records + late)
