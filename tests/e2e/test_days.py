# SPDX-License-Identifier: Apache-2.0
"""Records of days that the store does not have yet: partitions are made beside the flushes, and nobody else waits."""
import contextlib
import datetime
import json
import os
import random
import signal
import time

import psycopg2
import pytest
from conftest import ping, time_text
from stores import HOUR, NONE, SECOND, Record, check_store, now_us, stay_within_a_day

DAY = 24 * HOUR
# As whoever looks after a table's statistics holds it: records go in, questions are answered, no partition is attached.
HOLD = "LOCK TABLE ezrepo.measurement IN SHARE UPDATE EXCLUSIVE MODE"


@pytest.fixture(autouse=True)
def one_day():
    stay_within_a_day()


@contextlib.contextmanager
def no_new_days(connection):
    """Within it no partition can be made; the connection is closed at its end."""
    with contextlib.closing(connection), connection.cursor() as cursor:
        connection.autocommit = False
        cursor.execute(HOLD)
        yield
        connection.rollback()


@pytest.fixture
def hold():
    """hold(stored): the same in a stored's database."""
    return lambda stored: no_new_days(stored.cluster.connect(stored.database))


def old(days, first=2, **more):
    """A record of each of so many days, the newest so many days ago."""
    noon = now_us() // DAY * DAY + 12 * HOUR
    return [Record(noon - (first + n) * DAY, **more) for n in range(days)]


def present(count, series):
    return [Record(now_us() + i, series=series) for i in range(count)]


def partitions(stored):
    return {name for name, in stored.sql("SELECT relname::text FROM pg_class WHERE relispartition AND relkind = 'r'"
                                         " AND relnamespace = 'ezrepo'::regnamespace AND relname LIKE 'measurement%'")}


def name_of(t, kind):
    return f"measurement_{datetime.datetime.fromtimestamp(t // SECOND, datetime.timezone.utc):%Y%m%d}_c{kind}"


def test_today_and_tomorrow_are_there_beforehand(stored):
    assert partitions(stored) == {name_of(now_us() + n * DAY, 0) for n in (0, 1)}
    stored.sender().commit(present(3, 0))
    assert stored.counter("partitions.made") == 0


def test_others_do_not_wait(stored, hold):
    """What is of present days is committed first, however long the partitions take."""
    sender = stored.sender()
    with hold(stored):
        waiting = sender.batch(old(40))
        sender.send(waiting)
        stored.wait(lambda: stored.counter("partitions.waiting") == 1)
        for i in range(20):
            sender.send(sender.batch(present(5, i)))
        sender.take_acks(but={waiting})
        assert set(sender.pending) == {waiting}
        assert stored.sql("SELECT count(*) FROM measurement") == [(100,)]
    sender.settle(again_s=5)
    assert stored.sql("SELECT count(*), count(DISTINCT t_start::date) FROM measurement WHERE series_id ="
                      " (SELECT series_id FROM measurement ORDER BY t_start LIMIT 1)") == [(45, 41)]
    first, = stored.sql("SELECT max(arrival) < (SELECT max(arrival) FROM measurement) FROM measurement"
                        " WHERE t_start > now() - interval '1 day'")
    assert first == (True,)
    assert stored.counter("partitions.waiting") == 0 and stored.counter("partitions.made") == 2 * 40
    assert stored.counter("duplicates") == stored.counter("rejected.kept") == 0
    check_store(stored)


def test_what_waited_for_a_day_is_written_before_what_came_later(make_stored, hold):
    stored = make_stored(flush_ms=3000).start()
    sender, other = stored.sender(), stored.sender()
    first, = old(1)
    with hold(stored):
        sender.send(sender.batch([first]))
        stored.wait(lambda: stored.counter("partitions.waiting") == 1)
        other.commit(present(1, 1))  # the next transaction begins three seconds later
        sender.send(sender.batch([Record(first.t + SECOND, (4, NONE))]))
    sender.settle(again_s=10)
    assert stored.counter("late.records") == 0
    check_store(stored)


def test_a_day_that_cannot_be_made_keeps_no_other_from_being_made(stored):
    """Something of its name stands in its place, as when an operator detached it."""
    newest, *others = old(20)
    in_its_place = name_of(newest.t, 0).removesuffix("_c0")
    stored.sql(f"CREATE TABLE ezrepo.{in_its_place} (x integer)")
    sender = stored.sender()
    waiting = sender.batch([newest])
    rest = [sender.batch(others[i:i + 5]) for i in range(0, len(others), 5)]
    sender.send(waiting, *rest)
    stored.wait(lambda: stored.sql("SELECT count(*) FROM measurement") == [(len(others),)])
    assert set(sender.pending) - set(rest) == {waiting} and stored.counter("partitions.waiting") >= 1
    stored.sql(f"DROP TABLE ezrepo.{in_its_place}")
    stored.stop()
    stored.start()
    sender.settle(again_s=2)
    check_store(stored)


def test_what_waits_is_bounded(make_stored, hold):
    """Beyond half of the buffer, batches are left to who pushed them; there is room for others."""
    stored = make_stored(buffer_bytes=262144).start()
    sender = stored.sender()
    with hold(stored):
        waiting = [sender.batch(old(4, 2 + 4 * i, values=("x" * 8000, None, "y"))) for i in range(12)]
        for again in range(3):  # as ingestd pushes them again
            sender.send(*waiting)
            later = sender.batch(present(5, again))
            sender.send(later)
            sender.take_acks(but=set(waiting))
            assert set(sender.pending) == set(waiting)
        assert 0 < stored.counter("partitions.waiting") < 12 and stored.counter("buffered_bytes") <= 262144
    sender.settle(again_s=2)
    assert stored.sql("SELECT count(*) FROM measurement") == [(12 * 4 + 3 * 5,)]
    check_store(stored)


def test_one_that_is_larger_than_what_may_wait(make_stored):
    stored = make_stored(buffer_bytes=65536).start()
    stored.sender().commit(old(5, values=("x" * 12000, None, "y")))
    assert stored.sql("SELECT count(*) FROM measurement") == [(5,)]


def test_killed_while_days_are_made(stored, hold):
    """Whatever PostgreSQL still carries out when the next stored begins: all is there, and once."""
    rng = random.Random(1)
    sender = stored.sender()
    wanted = 0
    for turn in range(4):
        with hold(stored) if turn % 2 else contextlib.nullcontext():
            for k in range(3):
                records = old(8, 2 + 24 * turn + 8 * k) + present(5, k)
                wanted += len(records)
                sender.send(sender.batch(records))
            if turn % 2:
                stored.wait(lambda: stored.counter("partitions.waiting") == 3)
            else:
                time.sleep(rng.random())
            stored.process.kill()
            stored.process.wait()
            stored.start(wait=False)
        sender.settle()
    assert stored.sql("SELECT count(*), count(DISTINCT t_start::date) FROM measurement") == [(wanted, 97)]
    check_store(stored)


def test_the_database_goes_while_days_are_made(stored, hold):
    sender = stored.sender()
    with hold(stored):
        sender.send(sender.batch(old(30)))
        stored.wait(lambda: stored.counter("partitions.waiting") == 1)
        stored.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'ezrepo-stored%'"
                   " AND datname = current_database()")
        stored.wait(lambda: stored.counter("database.connects") >= 2)
    sender.settle(again_s=5)
    assert stored.sql("SELECT count(*) FROM measurement") == [(30,)]
    check_store(stored)


def test_two_classes(make_stored):
    """Types that are kept for their own time have partitions of their own, of the same days."""
    stored = make_stored(retention={"ping": 400, "*": 1000}).start()
    records = old(20) + old(20, 10, dims=("OTT", "http://e.x/", "p", "h", "", ""))
    stored.sender().commit(records)
    found = stored.sql("SELECT tableoid::regclass::text FROM measurement")
    assert sorted(name for name, in found) == sorted(name_of(r.t, 1 if r.dims[0] == "ping" else 0) for r in records)
    check_store(stored)


def test_a_day_that_is_dropped_meanwhile(stored, hold):
    """What waits for a day that is not kept any more waits no more: it is refused as what came later would be."""
    sender = stored.sender()
    with hold(stored):
        sender.send(sender.batch(old(5, 50)))
        stored.wait(lambda: stored.counter("partitions.waiting") == 1)
        stored.settings["retention"] = {"*": 20}
        stored.write_config()
        stored.process.send_signal(signal.SIGHUP)
        sender.settle(again_s=60)
    assert stored.counter("rejected.expired") == 5
    assert stored.sql("SELECT count(*) FROM measurement") == [(0,)]
    sender.commit(old(5, 10) + old(5, 100))
    assert stored.sql("SELECT count(*) FROM measurement") == [(5,)] and stored.counter("rejected.expired") == 10


def test_many_old_hours_are_sealed(make_stored):
    """Hours with a record each, one after the other, and their days."""
    stored = make_stored(seal_after_s=1).start()
    records = [Record(r.t + h * HOUR, (5, NONE)) for r in old(20, 3) for h in range(12)]
    stored.sender().commit(records)
    stored.wait(lambda: stored.counter("sealed.hourly") >= len(records) and stored.counter("sealed.daily") >= 20, 240)
    check_store(stored)


@pytest.fixture
def one(make_set):
    """A set that takes files from a folder."""
    one = make_set()
    folder = os.path.join(one.state, "drop")
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    one.configure(ingestd={"drop_dir": folder, "drop_settle_s": 0})
    one.up()
    return one


def test_a_datagram_for_each_day_of_a_year(one):
    """By UDP what is older than a week is refused, and told how it can be put in; as a file it is taken, and what is of
    today is stored meanwhile."""
    now = time.time()
    year = [ping("192.0.2.63", time_text(now - n * 86400), label="year") for n in range(2, 390)]
    one.send(year)
    one.wait_for(lambda: one.process("ingestd")["counters"]["rejected.time.past"] == len(year) - 5)
    one.wait_for(lambda: one.sql("SELECT count(*) FROM rejected") == [(len(year) - 5,)])
    for detail, in one.sql("SELECT detail FROM rejected"):
        assert "expected at most 604800 s ago, found 20" in detail
        assert detail.endswith("; the limit is past_limit_s of the door udp; archives are put in as files")
    one.wait_matched(5)
    with no_new_days(psycopg2.connect(host=f"{one.state}/postgres/socket", dbname="ezrepo", user="ezrepo_store")):
        file = os.path.join(one.state, "drop", "year.jsonl")
        with open(file + ".part", "w", encoding="utf-8") as f:
            f.writelines(json.dumps(line) + "\n" for line in year)
        os.rename(file + ".part", file)
        one.wait_for(lambda: one.process("stored")["counters"]["partitions.waiting"] > 0)
        one.send([ping(f"192.0.2.{i}", time_text(time.time()), label="today") for i in range(50)])
        one.wait_for(lambda: one.sql("SELECT count(*) FROM measurement WHERE label = 'today'") == [(50,)])
        assert one.sql("SELECT count(*) FROM measurement WHERE label = 'year'") == [(5,)]
    one.wait_matched(len(year) + 50)
    assert one.process("stored")["counters"]["duplicates"] == 5
    assert json.loads(one.cmd("ledger", "--verify", "--json").stdout)["closes"]
    assert one.periods_differ() == []
    # What was refused for its time alone can be put in as a file, too.
    one.send([ping("192.0.2.64", time_text(now - 30 * 86400), label="alone")])
    one.wait_for(lambda: one.process("ingestd")["counters"]["rejected.time.past"] == len(year) - 4)
    one.wait_for(lambda: one.sql("SELECT count(*) FROM rejected") == [(len(year) - 4,)])
    (number,), = one.sql("SELECT max(id) FROM rejected")
    # Who may write into the folder cannot have it written elsewhere.
    planted = os.path.join(one.state, "planted")
    for name in (f".rejected-{number}.json", f"rejected-{number}.json"):
        os.symlink(planted, os.path.join(one.state, "drop", name))
    done = one.cmd("rejected", "replay", str(number))
    assert not os.path.exists(planted)
    assert done.stdout == f"{number}  put into {one.state}/drop\n"
    one.wait_for(lambda: one.sql("SELECT count(*) FROM measurement WHERE label = 'alone'") == [(1,)])
