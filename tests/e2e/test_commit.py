# SPDX-License-Identifier: Apache-2.0
"""What stored takes for a COMMIT that lasts, with a standby that is to have it too; and for how long it waits for one."""
import psycopg2
import pytest
from postgres import Cluster, Standby
from stores import NONE, SECOND, Record, check_store, now_us

WAITING = ("SELECT pid FROM pg_stat_activity WHERE application_name = 'ezrepo-stored' AND wait_event = 'SyncRep'")


@pytest.fixture
def pair():
    """A server each COMMIT of which waits for a standby, and that standby."""
    primary = Cluster("wal_keep_size=64MB", "synchronous_standby_names=walreceiver", durable=True)
    standby = None
    try:
        standby = Standby(primary)
        yield primary, standby
    finally:
        if standby is not None:
            standby.remove()
        primary.remove()


def cancel_a_wait(stored):
    """Of a COMMIT of stored's, once there is one."""
    stored.wait(lambda: stored.sql(WAITING))
    stored.sql("SELECT pg_cancel_backend(pid) FROM (" + WAITING + ") AS w")


def test_a_commit_that_no_standby_has_is_not_acknowledged(make_stored, pair):
    """Not when its wait is cancelled, nor when it is found to be there already: only once a standby has it."""
    primary, standby = pair
    stored = make_stored(on=primary).start()
    sender, t = stored.sender(), now_us() - 3600 * SECOND
    sender.commit([Record(t + i, series=i % 3) for i in range(20)])
    standby.stop()
    sender.send(sender.batch([Record(t + SECOND + i, series=i % 3) for i in range(20)]))
    for _ in range(3):
        cancel_a_wait(stored)
        sender.take_acks(1)
        assert sender.pending, "acknowledged, and no standby has it"
    assert stored.sql("SELECT count(*) FROM measurement") == [(40,)]
    stored.wait(lambda: stored.sql(WAITING))
    sender.take_acks(1)
    assert sender.pending, "acknowledged, and no standby has it"
    standby.start()
    sender.settle()
    primary.kill()
    standby.promote()
    stored.cluster = standby
    assert stored.sql("SELECT count(*) FROM measurement") == [(40,)]
    check_store(stored)


def test_a_server_whose_standby_is_gone_can_step_down(make_stored, pair):
    """Nothing of stored's is left to be committed when its session ends."""
    primary, standby = pair
    stored = make_stored(on=primary).start()
    sender, t = stored.sender(), now_us() - 3600 * SECOND
    sender.commit([Record(t + i) for i in range(20)])
    sender.commit([Record(t + i) for i in range(20)])  # repeated, so not by COPY
    standby.stop()
    primary.stop()
    stored.wait(lambda: "away" in stored.status()["notes"]["database"])


def test_a_server_that_is_frozen_is_given_up(make_stored, own_cluster):
    """stored says so, goes on with what needs no database, and loses nothing."""
    stored = make_stored(on=own_cluster, silence_s=2).start()
    sender, t = stored.sender(), now_us() - 3600 * SECOND
    sender.commit([Record(t + i, series=i % 3) for i in range(20)])
    with own_cluster.frozen():
        sender.send(sender.batch([Record(t + SECOND + i, (1 + i % 5, NONE), series=i % 3) for i in range(20)]))
        stored.wait(lambda: "has said nothing for" in stored.log())
        stored.wait(lambda: stored.status()["notes"]["database"].startswith("away"))
        assert sender.pending
    sender.settle()
    assert stored.sql("SELECT count(*) FROM measurement") == [(40,)]
    check_store(stored)


def test_stored_ends_while_the_server_is_frozen(make_stored, own_cluster):
    stored = make_stored(on=own_cluster, silence_s=2, drain_ms=500).start()
    sender = stored.sender()
    sender.commit([Record(now_us())])
    with own_cluster.frozen():
        sender.send(sender.batch([Record(now_us() + 1)]))
        stored.wait(lambda: stored.status()["notes"]["database"] != "connected")
        stored.stop()


def test_the_status_is_written_while_a_statement_takes_long(make_stored, pair):
    primary, standby = pair
    stored = make_stored(on=primary, silence_s=60).start()
    sender = stored.sender()
    sender.commit([Record(now_us())])
    standby.stop()
    sender.send(sender.batch([Record(now_us() + 1)]))
    stored.wait(lambda: stored.status()["notes"]["database"].startswith("silent for"))
    updated = stored.status()["updated_at"]
    stored.wait(lambda: stored.status()["updated_at"] > updated)
    standby.start()
    sender.settle()
    stored.wait(lambda: stored.status()["notes"]["database"] == "connected")


def test_who_may_only_read_cannot_keep_stored_out(make_stored, cluster):
    """By no lock that anybody may take, nor by one on what says who writes."""
    stored = make_stored().start()
    stored.sender().commit([Record(now_us())])
    stored.stop()
    stored.sql("DO $$ BEGIN CREATE ROLE reader LOGIN IN ROLE ezrepo_read; EXCEPTION WHEN duplicate_object THEN END $$")
    reader = cluster.connect(stored.database, "reader")
    with reader.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(x'657a7265706f'::bigint), pg_advisory_lock(x'657a7365616c'::bigint)")
        for statement in ("DO $$ BEGIN LOCK TABLE writer IN SHARE ROW EXCLUSIVE MODE; END $$", "SELECT FROM writer FOR UPDATE",
                          "DELETE FROM writer"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(statement)
    stored.start()
    stored.sender().commit([Record(now_us() + SECOND)])
    reader.close()


def test_a_session_that_has_the_number_of_the_one_before_keeps_nobody_out(make_stored):
    """What a copy of the database says of the session that wrote is of another server's sessions."""
    stored = make_stored().start()
    stored.stop()
    holder = stored.cluster.connect(stored.database)
    with holder.cursor() as cursor:
        cursor.execute("UPDATE writer SET pid = pg_backend_pid()")
    stored.start()
    stored.sender().commit([Record(now_us())])
    holder.close()
