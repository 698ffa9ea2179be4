# SPDX-License-Identifier: Apache-2.0
"""What was told is judged again beside the flushes: whatever they commit meanwhile, each is told once, and never wrongly."""
import contextlib
import signal

from judged import make_judged, quiet, regular  # noqa: F401 pylint: disable=unused-import
from messages import SIGNS, pack
from silences import DAY, MINUTE, US
from stores import NONE, Record, microseconds, now_us

OF_A = "SELECT kind FROM feed WHERE probe = 'a' ORDER BY arrival, n"


@contextlib.contextmanager
def held(judged):
    """Whoever asks how silent something is has to wait, and does so by now."""
    with contextlib.closing(judged.stored.cluster.connect(judged.stored.database)) as other:
        other.cursor().execute("BEGIN; LOCK TABLE record_type_interval IN ACCESS EXCLUSIVE MODE")

        def wait():
            judged.stored.wait(lambda: judged.sign() or judged.stored.sql(
                "SELECT application_name FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                " AND datname = current_database()") == [("ezrepo-stored-silence",)])
        yield wait


def test_flushes_go_on_while_silences_are_judged_again(quiet):
    judged, base = quiet
    with held(judged) as wait:
        judged.commit(regular("1", "a", base + 10 * MINUTE + 7 * US, 1), base + 40 * MINUTE, settle=False)  # proves nothing wrong
        wait()
        # Meanwhile it returns, and what proves that it was not silent comes.
        judged.commit([*regular("1", "a", base + 45 * MINUTE, 1), *regular("1", "a", base + 30 * MINUTE, 10)], base + 45 * MINUTE, settle=False)
        wait()
    judged.settle()
    assert judged.stored.sql(OF_A) == [(entry[0],) for entry in judged.model.entries if entry[2] == "a"] == [
        ("silence",), ("return",), ("retraction",)]
    assert judged.stored.sql("TABLE silence_again") == []


def test_who_is_heard_of_while_looked_at_is_not_told(quiet):
    judged, base = quiet
    with held(judged) as wait:
        judged.model.until = base + 50 * MINUTE
        wait()
        judged.commit(regular("3", "b", base + 49 * MINUTE, 1), base + 49 * MINUTE + 2 * US, settle=False)
    judged.settle()
    judged.check()
    judged.as_of(base + 53 * MINUTE)
    judged.check()
    assert judged.model.entries[-1] == ("silence", 0, "b", base + 52 * MINUTE + US)


def test_many_silences_are_judged_in_several_transactions(quiet):
    judged, base = quiet
    judged.stored.sql("INSERT INTO silence (probe, silent_from, last_end, expected_us, delay_us, retire_at, as_of, told, silent_until, ended)"
                      " SELECT 'a', t, t, 60000000, 0, t, t, 1, t + interval '1 second', 1 FROM (SELECT to_timestamp(%s) + n * interval"
                      " '2 seconds' AS t FROM generate_series(1, 200) AS n) AS u", base // US + 15 * 60)
    judged.commit(regular("1", "a", base + 10 * MINUTE + 7 * US, 1), base + 40 * MINUTE)
    wrong = judged.stored.sql("SELECT count(*), count(DISTINCT retracted) FROM silence WHERE probe = 'a' AND retracted IS NOT NULL")
    assert wrong[0][0] == 200 and wrong[0][1] >= 4
    told = judged.stored.sql("SELECT count(*), count(DISTINCT detail ->> 'silence') FROM feed WHERE kind = 'retraction'")
    assert told == [(200, 200)]
    assert judged.stored.sql("TABLE silence_again") == []


def test_an_absence_that_becomes_known_later_proves_it_wrong(quiet):
    judged, base = quiet

    def tell(until):
        now = now_us()
        judged.model.until = until
        judged.push.send(pack(SIGNS, judged.sender.instance, now, now, until, ["ingestd"], [now], [0], [base + 30 * MINUTE],
                              [base + 38 * MINUTE]))
        judged.sign()

    def told():
        return judged.stored.sql("SELECT retracted IS NOT NULL FROM silence WHERE probe = 'a' ORDER BY number")
    assert told() == [(False,)]
    judged.stored.wait(lambda: tell(base + 39 * MINUTE) or told() == [(True,)])
    # Eight minutes do not count: it is silent from then on.
    judged.stored.wait(lambda: tell(base + 41 * MINUTE) or told() == [(True,), (False,)])
    since, = judged.stored.sql("SELECT silent_from FROM silence WHERE probe = 'a' AND retracted IS NULL")[0]
    assert microseconds(since) == base + 40 * MINUTE + US


def test_who_comes_by_a_closed_door_is_looked_at_seldom(quiet):
    judged, base = quiet

    def tell(gateway_s):
        now = now_us()
        judged.push.send(pack(SIGNS, judged.sender.instance, now, now, judged.model.until, ["ingestd", "mplane-gw"],
                              [now, now - gateway_s * US], [], [], []))

    def settle(until):
        judged.model.until = until
        judged.stored.wait(lambda: tell(9) or judged.sign() or judged.stored.status_at_once()["counters"]["silence.as_of"] == until // US)
    judged.stored.wait(lambda: tell(9) or judged.stored.counter("signs.absent") == 1)
    looked = judged.stored.counter("silences.looked")
    for i in range(9):  # put off for 5, 10, 20, 40 s, the probe b and its series, and a's
        settle(base + 50 * MINUTE + i * 6 * US)
    assert judged.stored.counter("silences.looked") - looked <= 12
    assert judged.stored.sql("SELECT 1 FROM feed WHERE probe = 'b'") == []
    # It is there again: at once.
    judged.stored.wait(lambda: tell(0) or judged.sign() or judged.stored.sql("SELECT kind FROM feed WHERE probe = 'b'") == [("silence",)])


def test_what_was_dropped_proves_nothing_wrong(make_judged):
    """Of the records by which it was told some are gone: by those that are left it would not be expected at all."""
    judged = make_judged()
    judged.stored.stop()
    judged.stored.settings["seal_after_s"] = 1
    judged.stored.start()
    judged.sender.subscribe()
    day = now_us() // DAY * DAY - 20 * DAY
    times = [day + DAY - 150 * MINUTE + i * 10 * MINUTE for i in range(18)]  # three of them of the next day
    judged.commit([("other", "a", "1", t, t + US) for t in times], times[-1] + 2 * US)
    judged.as_of(day + DAY + 3 * 60 * MINUTE + 150 * MINUTE)
    judged.check()
    assert [entry[0] for entry in judged.model.entries] == ["silence"]
    judged.stored.wait(lambda: judged.stored.sql("SELECT bool_and(sealed) FROM measured_hour") == [(True,)])
    judged.stored.stop()
    judged.stored.settings["retention"] = {"*": 19}
    judged.stored.start()
    judged.stored.wait(lambda: judged.stored.sql("SELECT count(*) FROM measurement") == [(3,)])
    judged.sender.subscribe()
    judged.commit([("other", "a", "1", times[-1] + MINUTE, times[-1] + MINUTE + US)], times[-1] + 2 * US, settle=False)
    judged.settle()
    assert judged.stored.sql("SELECT retracted, silent_until FROM silence") == [(None, None)]
    assert judged.stored.sql("TABLE silence_again") == []


def test_what_late_records_prove_wrong_is_retracted_also_behind_a_kill(quiet):
    judged, base = quiet
    late = [*regular("1", "a", base + 30 * MINUTE, 10), *regular("2", "a", base + 30 * MINUTE, 10)]
    judged.stored.sql("CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(600); RETURN NEW; END$$")
    judged.stored.sql("CREATE TRIGGER hold BEFORE UPDATE ON silence FOR EACH ROW EXECUTE FUNCTION hold()")
    judged.sender.received_us = base + 40 * MINUTE
    judged.sender.commit([Record(start, (5, NONE), end=end, dims=(kind, "c", probe, source, "d", ""), digest=900 + i)
                          for i, (kind, probe, source, start, end) in enumerate(late)])
    assert judged.stored.sql("SELECT probe FROM silence_again") == [("a",)]
    judged.stored.stop(signal.SIGKILL)
    judged.stored.sql("DROP TRIGGER hold ON silence")
    judged.stored.start()
    judged.sign()
    judged.stored.wait(lambda: judged.stored.sql("SELECT retracted IS NOT NULL FROM silence WHERE probe = 'a'") == [(True,)])
    entry, = judged.stored.sql("SELECT detail ->> 'silence' FROM feed WHERE kind = 'retraction' AND probe = 'a'")
    assert judged.stored.sql("SELECT number::text FROM silence WHERE probe = 'a'") == [entry]
    assert judged.stored.sql("TABLE silence_again") == []


def test_a_record_of_a_wrong_clock_ends_no_silence_that_is_judged_again(quiet):
    judged, base = quiet
    judged.commit(regular("1", "a", now_us() + 60 * MINUTE, 1), base + 40 * MINUTE)
    judged.commit(regular("1", "a", base + 5 * MINUTE + 10 * US, 1), base + 40 * MINUTE)
    judged.check()
    assert judged.stored.sql("SELECT silent_until, retracted FROM silence WHERE probe = 'a'") == [(None, None)]


def test_what_fails_is_tried_again_and_holds_no_flush_up(quiet):
    judged, base = quiet
    judged.stored.sql("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'no'; END$$")
    judged.stored.sql("CREATE TRIGGER refuse BEFORE UPDATE ON silence FOR EACH ROW EXECUTE FUNCTION refuse()")
    judged.commit([*regular("1", "a", base + 30 * MINUTE, 10), *regular("2", "a", base + 30 * MINUTE, 10)], base + 40 * MINUTE,
                  settle=False)
    judged.stored.wait(lambda: judged.stored.counter("database.errors") > 0)
    judged.commit(regular("3", "b", base + 40 * MINUTE, 1), base + 40 * MINUTE + 2 * US, settle=False)
    assert judged.stored.counter("silence.as_of") == 0 and "away" not in judged.stored.note("database")
    judged.stored.sql("DROP TRIGGER refuse ON silence")
    judged.settle()
    judged.check()
    assert judged.stored.sql("SELECT retracted IS NOT NULL FROM silence WHERE probe = 'a'") == [(True,)]
