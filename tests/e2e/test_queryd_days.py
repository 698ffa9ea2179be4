# SPDX-License-Identifier: Apache-2.0
"""queryd over a store of many days: answers as over few, but only the partitions of days that matter are touched."""
import pytest
import test_queryd
from conftest import wait_for
from queries import COUNT, HISTOGRAM, OK, PERIODS, RECORDS, TIMEOUT, prepare_store
from test_queryd import HOUR, Store, T0

CLUSTER_OPTIONS = ["max_locks_per_transaction=256"]
PAST_DAYS = 200


@pytest.fixture(scope="module")
def store(cluster):
    sql = cluster.connect().cursor()
    prepare_store(sql)
    return Store(sql, seed=2, past_days=PAST_DAYS)


@pytest.mark.parametrize("seed", range(5000, 5060))
def test_counts_equal_plain_counting(queryd, store, seed):
    test_queryd.test_counts_equal_plain_counting(queryd, store, seed)


@pytest.mark.parametrize("seed", range(5100, 5110))
def test_histogram_equals_plain_counting(queryd, store, seed):
    test_queryd.test_histogram_equals_plain_counting(queryd, store, seed)


@pytest.mark.parametrize("seed", range(5200, 5240))
def test_records_equal_plain_selection_page_by_page(queryd, store, seed):
    test_queryd.test_records_equal_plain_selection_page_by_page(queryd, store, seed)


@pytest.mark.parametrize("seed", range(5300, 5310))
def test_periods_equal_the_reference_page_by_page(queryd, store, cluster, seed):
    test_queryd.test_periods_equal_the_reference_page_by_page(queryd, store, cluster, seed)


def test_only_days_that_matter_are_touched(queryd, cluster):
    """Whoever plans for a partition or reads it waits at its lock."""
    instant = T0 + HOUR
    wide = [(COUNT, {"probe": "p*1"}), (HISTOGRAM, {"probe": "p*1"}), (COUNT, {"since": instant, "instant": 1}),
            (COUNT, {"since": instant, "instant": 1, "dest": "*:*"}), (RECORDS, {"limit": 100}),
            (RECORDS, {"limit": 100, "source": "192.0.0.0/16"}), (PERIODS, {"limit": 20})]
    reading = cluster.connect().cursor()
    reading.execute("SELECT i.inhrelid::regclass::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
                    " WHERE i.inhparent = 'measurement'::regclass AND right(c.relname, 8) < '20160216'"
                    " AND right(c.relname, 8) NOT IN (SELECT to_char(hour, 'YYYYMMDD') FROM measured_hour"
                    " WHERE NOT sealed OR reach >= 'epoch'::timestamptz + %s * interval '1 us')", (instant,))
    others = [table for table, in reading.fetchall()]
    assert len(others) > PAST_DAYS / 2
    before = [queryd.rows(kind, **criteria) for kind, criteria in wide]
    locking = cluster.connect().cursor()
    locking.execute("BEGIN; LOCK TABLE " + ", ".join(others) + " IN ACCESS EXCLUSIVE MODE")
    try:
        for (kind, criteria), rows in zip(wide, before):
            answer = queryd.ask(kind, **criteria)
            assert (answer.status, answer.rows) == (OK, rows), (criteria, answer.message)
        # What no day's records are enough for goes through all of them.
        assert queryd.ask(RECORDS, limit=10000, timeout=500).status == TIMEOUT
    finally:
        locking.execute("ROLLBACK")
    assert len(queryd.rows(RECORDS, limit=10000)) > 1000


@pytest.mark.parametrize("kind, criteria", [(COUNT, {"probe": "*1"}), (RECORDS, {"probe": "*1", "limit": 10000})])
def test_one_snapshot_however_many_days(queryd, cluster, kind, criteria):
    """A late record that comes while the question is under way is in all counts and rows, or in none."""
    writing, watching = cluster.connect().cursor(), cluster.connect().cursor()
    before = queryd.rows(kind, **criteria)
    writing.execute("BEGIN; LOCK TABLE measurement IN ACCESS EXCLUSIVE MODE")

    def waits():
        watching.execute("SELECT FROM pg_locks WHERE NOT granted AND relation = 'measurement'::regclass")
        return watching.rowcount > 0

    # Into an hour that is not sealed, and another that is.
    insert = ("INSERT INTO measurement SELECT series_id, t_start + interval '7 us', t_end + interval '7 us', key, 0,"
              " schema_id, 0, 5, grading_version, 0, 0, '{{5}}', '', \"values\", label FROM measurement"
              " WHERE series_id = 1 AND t_start >= '2016-02-18 {0}' AND t_start < '2016-02-18 {1}' LIMIT 1")
    count = "UPDATE rollup_hour SET n0 = n0 + {} WHERE hour = '2016-02-18 14:00' AND series_id = 1 AND grade_id = 0"
    try:
        sent = queryd.send(kind, **criteria)
        wait_for(waits, 60)
        writing.execute(insert.format("13:00", "14:00"))
        assert writing.rowcount == 1
        writing.execute(insert.format("14:00", "15:00"))
        assert writing.rowcount == 1
        writing.execute(count.format(1))
        assert writing.rowcount == 1
        writing.execute("COMMIT")
        answer = queryd.receive()
        assert (answer.id, answer.status) == (sent, OK), answer.message
        assert answer.rows == before
        later = queryd.rows(kind, **criteria)
        if kind == COUNT:
            assert int(later[0]["records.matched"]) == int(before[0]["records.matched"]) + 2
        else:
            assert len(later) == len(before) + 2
    finally:
        writing.execute("ROLLBACK")
        writing.execute("DELETE FROM measurement WHERE row = 5")
        if writing.rowcount > 0:
            writing.execute(count.format(-1))
