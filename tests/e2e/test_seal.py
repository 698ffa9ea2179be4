# SPDX-License-Identifier: Apache-2.0
"""Sealing: what a stored that was killed leaves under way in PostgreSQL neither deceives nor holds up the next one."""
import pytest
from stores import HOUR, NONE, SECOND, Record, check_store, start_of_hour

BASE = start_of_hour() - 5 * HOUR
HELD = 42  # an advisory lock: as long as the test has it, the function hold() does not return


@pytest.fixture
def held(make_stored):
    """A stored that seals at once, and records of an hour to be sealed; gives it and the connection that holds."""
    stored = make_stored(seal_after_s=1).start()
    stored.sql("CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS"
               f" $$ BEGIN PERFORM pg_advisory_xact_lock_shared({HELD}); RETURN NULL; END $$")
    holder = stored.cluster.connect(stored.database)
    with holder.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", (HELD,))
    yield stored, holder
    holder.close()


def records(first, count):
    return [Record(BASE + i * SECOND, (1 + i % 5, NONE)) for i in range(first, first + count)]


def wait_for_hold(stored, statement):
    stored.wait(lambda: stored.sql(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ezrepo-stored-seal'"
        " AND datname = current_database() AND query LIKE %s AND wait_event_type = 'Lock'", statement) == [(1,)])


def is_connected(stored):
    return stored.status().get("pid") == stored.process.pid and stored.status()["notes"]["database"] == "connected"


def kill_and_start(stored):
    """The next one does not seal the hour by itself."""
    stored.process.kill()
    stored.process.wait()
    stored.settings["seal_after_s"] = 86400
    stored.start(wait=False)


SEALING = """
BEGIN;
SELECT FROM measured_hour WHERE NOT sealed FOR UPDATE;
UPDATE measured_hour SET sealed = true;
INSERT INTO rollup_hour (hour, series_id, grade_id, n0, n1, n2, n3, n4, n5)
    SELECT hour, series_id, grade_id, n0, n1, n2, n3, n4, n5 FROM grade_rollup_reference;
LOCK TABLE writer IN SHARE ROW EXCLUSIVE MODE
"""


def test_a_sealing_that_commits_after_stored_was_killed(make_stored):
    """Or records that come late into that hour would be missing from its counts for ever. The test is the session whose
    COMMIT, sent by a stored that was killed then, PostgreSQL has not come to yet."""
    stored = make_stored(seal_after_s=86400).start()
    stored.sender().commit(records(0, 10))
    session = stored.cluster.connect(stored.database)
    with session.cursor() as cursor:
        cursor.execute(SEALING)
    kill_and_start(stored)
    stored.wait(lambda: is_connected(stored) or "become the one that writes" in stored.log())
    assert not is_connected(stored)
    with session.cursor() as cursor:
        cursor.execute("COMMIT")
    session.close()
    stored.wait(lambda: is_connected(stored))
    stored.sender().commit(records(10, 10))
    assert stored.sql("SELECT sum(n0) FROM grade_rollup WHERE grade_id = 0") == [(20,)]
    check_store(stored)


def test_a_count_that_stored_did_not_live_to_see(held):
    """It cannot be committed any more, so the next one does not wait for its end."""
    stored, holder = held
    stored.sql("CREATE TRIGGER hold AFTER INSERT ON rollup_hour FOR EACH STATEMENT EXECUTE FUNCTION hold()")
    stored.sender().commit(records(0, 10))
    wait_for_hold(stored, "INSERT INTO rollup_hour %")
    kill_and_start(stored)
    stored.wait(lambda: is_connected(stored))
    assert "become the one that writes" not in stored.log()
    stored.sender().commit(records(10, 10))
    holder.close()
    stored.wait(lambda: stored.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s", HELD)
                == [(0,)])
    assert stored.sql("SELECT sealed FROM measured_hour") == [(False,)]
    check_store(stored)
