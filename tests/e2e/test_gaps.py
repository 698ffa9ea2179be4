# SPDX-License-Identifier: Apache-2.0
"""After how long a silence a period ends: what is delivered, what the operator says, what a store of before keeps; and that
periods are made again where it changes, whatever is killed."""
import json
import os
import random
import signal
import subprocess
import time

import pytest
from conftest import time_text
from stores import NONE, SECOND, Record, check_store, now_us
from test_rebuild import Rebuild
from test_upgrade import Before, check_converted

HALF_HOUR = 1800 * SECOND
GAPS = "SELECT type, extract(epoch FROM gap)::float FROM record_type ORDER BY type"


@pytest.fixture
def stored(make_stored):
    """As a new set has it: with what is delivered."""
    return make_stored(own=None).start()


def dims(kind, probe=0):
    return (kind, "", f"probe{probe}", "192.0.2.1", "2001:db8::1", "")


def every(kind, interval_us, count, ago_us, probe=0, grade=5):
    start = now_us() - ago_us
    return [Record(start + i * interval_us, (grade, NONE), dims=dims(kind, probe)) for i in range(count)]


def periods(stored, kind):
    return stored.sql("SELECT records, ended FROM period_now JOIN series ON id = series_id WHERE type = %s"
                      " ORDER BY probe, t_start", kind)


def settled(stored):
    """Until no series is left whose periods are to be made again, and stored knows."""
    stored.wait(lambda: stored.sql("SELECT count(*) FROM series_again") == [(0,)] and " of " not in stored.note("rebuild"))


def gap_of(stored, kind):
    return dict(stored.sql(GAPS)).get(kind)


def test_a_good_host_that_is_measured_every_five_minutes_has_one_period(stored):
    rng = random.Random(27)
    start = now_us() - 20 * 3600 * SECOND
    records = [Record(start + i * 300 * SECOND + rng.randrange(-4 * SECOND, 4 * SECOND), (5, NONE)) for i in range(200)]
    stored.sender().commit(records)
    assert periods(stored, "ping") == [(200, None)]
    check_store(stored)


def test_where_no_interval_is_known_a_quarter_of_an_hour_ends_a_period(stored):
    t = now_us() - 3600 * SECOND
    times = [0, 900 * SECOND, 1800 * SECOND + 1]
    stored.sender().commit([Record(t + us, (5, NONE), dims=dims("other")) for us in times])
    assert periods(stored, "other") == [(2, "gap"), (1, None)]
    assert gap_of(stored, "") == 900 and gap_of(stored, "ping") == 750
    check_store(stored)


def test_half_hourly_tests_are_told_and_become_one_period(build_dir, stored):
    """Since when is it bad? Before the operator says how often he measures, nothing tells."""
    sender = stored.sender()
    records = every("speedtest", HALF_HOUR, 6, 6 * HALF_HOUR, grade=1)
    sender.commit(records[:5])
    assert periods(stored, "speedtest") == [(1, "gap")] * 4 + [(1, None)]
    assert stored.sql("SELECT count(*) FROM event WHERE from_grade IS NULL") == [(5,)]
    stored.wait(lambda: stored.note("sparse") == '"speedtest" every 1800 s, gap 900 s')
    stored.say("speedtest.json", {"types": {"speedtest": {"interval_s": 1800}}})
    assert not stored.reload()["refused"]
    settled(stored)
    assert gap_of(stored, "speedtest") == 4500
    assert periods(stored, "speedtest") == [(5, None)]
    assert stored.sql("SELECT to_grade FROM event WHERE retracted_at IS NULL") == [(1,)]
    assert stored.note("sparse") == "" and 'type="speedtest" was_ms=' in stored.log()
    sender.commit(records[5:])
    assert periods(stored, "speedtest") == [(6, None)]
    check_store(stored)
    Rebuild(build_dir, stored).identical()
    # And back, when the file goes.
    os.unlink(os.path.join(stored.own, "speedtest.json"))
    stored.reload()
    settled(stored)
    assert len(periods(stored, "speedtest")) == 6
    check_store(stored)


def test_an_interruption_is_not_told(stored):
    """All series of a type pause once, as when a probe was off; that is no reason to change anything."""
    batch = [r for probe in range(20) for r in every("ping", 60 * SECOND, 5, 7200 * SECOND, probe)]
    batch += [r for probe in range(20) for r in every("ping", 60 * SECOND, 5, 600 * SECOND, probe)]
    stored.sender().commit(batch)
    assert len(periods(stored, "ping")) == 40 and stored.note("sparse") == ""


def many(count):
    """Series with a period each, of which a gap of less than ten minutes makes six."""
    records = [r for probe in range(count) for r in every("mine", 600 * SECOND, 6, 3600 * SECOND, probe)]
    random.Random(5).shuffle(records)
    return records


def block_after(stored, series):
    """A transaction that keeps what is written of this series from being struck off."""
    holder = stored.cluster.connect(stored.database)
    holder.cursor().execute("BEGIN; SELECT FROM series_again WHERE series_id = %s FOR UPDATE", (series,))
    return holder


def begin_to_change(stored, count):
    """Until periods of some series are made again by another gap, and one is at hand that cannot be done."""
    stored.sender().commit(many(count))
    assert len(periods(stored, "mine")) == count
    holder = stored.cluster.connect(stored.database)
    # It waits for the lock with the first series; then all are in the list, and one is held there.
    holder.cursor().execute("BEGIN; LOCK TABLE period IN SHARE MODE")
    stored.say("mine.json", {"types": {"mine": {"gap_s": 500}}})
    stored.process.send_signal(signal.SIGHUP)
    stored.wait(lambda: stored.sql("SELECT count(*) FROM series_again WHERE meanwhile") == [(count,)])
    middle, = stored.sql("SELECT series_id FROM series_again ORDER BY 1 OFFSET %s LIMIT 1", count // 2)[0]
    blocker = block_after(stored, middle)
    holder.close()
    stored.wait(lambda: 0 < stored.sql("SELECT count(*) FROM series_again")[0][0] <= count - count // 2
                and stored.sql("SELECT 1 FROM pg_locks WHERE NOT granted") != [])
    return blocker


def test_killed_in_its_midst_it_goes_on(build_dir, stored):
    blocker = begin_to_change(stored, 40)
    stored.stop(signal.SIGKILL)
    blocker.close()
    stored.wait_for_no_session()
    assert stored.sql("SELECT count(*) FROM series_again") in ([(20,)], [(19,)])  # the server may have gone on with one
    assert gap_of(stored, "mine") == 500
    stored.start()
    settled(stored)
    assert periods(stored, "mine") == ([(1, "gap")] * 5 + [(1, None)]) * 40
    check_store(stored)
    Rebuild(build_dir, stored).identical()
    assert stored.log().count("rebuild.again ") == 2


def test_changed_once_more_in_its_midst(build_dir, stored):
    """What was made by the gap in between is made again, too."""
    blocker = begin_to_change(stored, 40)
    stored.say("mine.json", {"types": {"mine": {"gap_s": 600}}})
    stored.process.send_signal(signal.SIGHUP)
    blocker.close()
    stored.wait(lambda: gap_of(stored, "mine") == 600)
    settled(stored)
    assert periods(stored, "mine") == [(6, None)] * 40
    check_store(stored)
    Rebuild(build_dir, stored).identical()


def test_records_are_taken_meanwhile(build_dir, stored):
    """In order and late ones, of series that are done and of those that are not."""
    sender = stored.sender()
    sender.commit(many(120))
    stored.say("mine.json", {"types": {"mine": {"gap_s": 500}}})
    stored.process.send_signal(signal.SIGHUP)
    rng, t = random.Random(6), now_us()
    for _ in range(8):
        sender.commit([Record(t - rng.choice([0, 7, 1900, 3700]) * SECOND - rng.randrange(500), (rng.choice([5, 5, 1]), NONE),
                              dims=dims("mine", probe), row=rng.randrange(3)) for probe in range(120)])
    settled(stored)
    check_store(stored)
    Rebuild(build_dir, stored).identical()


def test_a_faulty_file_changes_nothing(build_dir, stored):
    stored.sender().commit(every("speedtest", HALF_HOUR, 3, 3 * HALF_HOUR))
    stored.say("a.json", {"types": {"speedtest": {"interval_s": 1800}}})
    stored.say("b.json", '{"types": {"speedtest": {"gap_s": "x"}, "ping": {"interval": 7}}}')
    before = stored.sql(GAPS)
    told = stored.reload()
    said = "\n".join(told["said"])
    assert told["refused"]
    assert 'record-types.d/b.json: types.speedtest.gap_s: expected whole seconds 0..31536000, found "x"' in said
    assert "record-types.d/b.json: types.ping.interval: unknown, expected one of interval_s gap_s" in said
    assert stored.sql(GAPS) == before and len(periods(stored, "speedtest")) == 3
    for program in ("stored/stored", "ingestd/ingestd", "classifyd/classifyd"):
        done = subprocess.run([os.path.join(build_dir, program), "--config", config_for_all(stored), "--check-config"],
                              capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 1 and "b.json: types.speedtest.gap_s" in done.stderr, done
    done = subprocess.run([os.path.join(build_dir, "ctl", "ezrepoctl"), "types", "check",
                           os.path.join(stored.schemas, "record-types.json"), stored.own],
                          capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1 and "b.json: types.ping.interval: unknown" in done.stderr
    os.unlink(os.path.join(stored.own, "b.json"))
    assert not stored.reload()["refused"]
    settled(stored)
    assert periods(stored, "speedtest") == [(3, None)]
    # What leaves open which type a result is of.
    stored.say("c.json", {"mappings": [{"columns": ["x", "y"], "type": "a"}, {"columns": ["x", "z"], "type": "b"}]})
    done = subprocess.run([os.path.join(build_dir, "ctl", "ezrepoctl"), "types", "check",
                           os.path.join(stored.schemas, "record-types.json"), stored.own],
                          capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1 and 'both look at the column "x": the first decides' in done.stdout + done.stderr


def config_for_all(stored):
    """The same configuration with what other processes need."""
    with open(stored.config, encoding="utf-8") as file:
        config = json.load(file)
    path = os.path.join(stored.folder, "all.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**config, "ingestd": {"spool_dir": stored.folder}}, file)
    return path


def test_other_values_that_can_be_are_another_version_at_once(stored):
    """What of own record types enters grading."""
    first = stored.sql("SELECT max(version) FROM grading")[0][0]
    stored.say("loss.json", {"types": {"ping": {"valid": [{"metrics": ["loss"], "max": "0.5"}]}}})
    stored.reload()
    assert stored.sql("SELECT max(version), count(*) FROM grading") == [(first + 1, first + 1)]
    assert stored.status()["counters"]["grading.version"] == first + 1
    stored.reload()
    assert stored.sql("SELECT max(version) FROM grading") == [(first + 1,)]


def adopt(build_dir, stored, *options):
    done = subprocess.run([os.path.join(build_dir, "ctl", "ezrepoctl"), "types", "adopt", "--run-dir", stored.run_dir,
                           "--json", *options], capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done
    found = json.loads(done.stdout)
    assert found["adopted"] == ("--yes" in options)
    if found["grading"]["version"]:
        return found["grading"]
    return {t["type"]: (t["gap_s"], t["becomes_s"], t["series"]) for t in found["types"]}


def test_a_store_of_before_keeps_its_gaps_until_its_operator_agrees(build_dir, make_stored):
    stored = make_stored(own=None, seal_after_s=86400)
    before = Before(stored, 7)
    before.done()
    stored.start()
    check_converted(stored, before, before.records)
    assert {gap for _, gap in stored.sql(GAPS)} == {300.0}
    check_store(stored)
    Rebuild(build_dir, stored).identical()
    ping = "SELECT p.* FROM period p JOIN series ON id = series_id WHERE type = 'ping'"
    as_it_was = sorted(stored.sql(ping), key=repr)
    assert stored.note("kept").endswith(" gaps of record types")
    # A type that comes only now has what all others had.
    stored.sender().commit([Record(now_us() - us * SECOND, (5, NONE), dims=dims("new")) for us in (700, 0)])
    assert len(periods(stored, "new")) == 2
    shown = adopt(build_dir, stored)
    assert shown["ping"] == (300, 750, 4) and shown["OTT"] == (300, 900, 2) and shown[""] == (300, 900, 1)
    assert shown["traceroute"] == (300, 2250, 0)
    assert stored.sql("SELECT count(*) FROM series_again") == [(0,)] and {g for _, g in stored.sql(GAPS)} == {300.0}
    # What the operator says goes before what is kept.
    stored.say("ott.json", {"types": {"OTT": {"interval_s": 60}}})
    stored.reload()
    settled(stored)
    assert gap_of(stored, "OTT") == 150 and gap_of(stored, "ping") == 300
    assert "OTT" not in adopt(build_dir, stored)
    Rebuild(build_dir, stored).identical()
    assert sorted(stored.sql(ping), key=repr) == as_it_was
    stored.stop()
    stored.start()
    assert gap_of(stored, "ping") == 300
    assert adopt(build_dir, stored, "--yes")["ping"] == (300, 750, 4)
    settled(stored)
    assert gap_of(stored, "ping") == 750 and gap_of(stored, "OTT") == 150 and gap_of(stored, "") == 900
    assert periods(stored, "new") == [(2, None)]
    check_store(stored)
    Rebuild(build_dir, stored).identical()
    assert adopt(build_dir, stored) == {} and stored.note("kept") == ""
    stored.stop()
    stored.start()
    assert gap_of(stored, "ping") == 750 and stored.sql("SELECT count(*) FROM kept_gap") == [(0,)]


def test_a_default_grading_of_before_stays_until_its_operator_agrees(build_dir, make_stored, tmp_path):
    """One that somebody published is nobody else's to change."""
    old = tmp_path / "old.json"
    old.write_text('{"grading": [{"gradeName": "overall", "appliesTo": {}, "gradingRules": [{"grade": "5"}]}]}')
    stored = make_stored(own=None, grading_default=str(old)).start()
    assert stored.note("kept") == "" and adopt(build_dir, stored) == {}
    stored.stop()
    del stored.settings["grading_default"]
    stored.start()
    assert stored.note("kept") == "the default grading"
    assert adopt(build_dir, stored) == {"version": 1, "becomes": 0}
    assert stored.sql("SELECT max(version) FROM grading") == [(1,)]
    assert adopt(build_dir, stored, "--yes") == {"version": 1, "becomes": 2}
    with open(os.path.join(stored.schemas, "grading", "default.json"), encoding="utf-8") as file:
        assert stored.sql("SELECT document, author FROM grading WHERE version = 2") == [(file.read(), "default")]
    assert stored.note("kept") == "" and adopt(build_dir, stored) == {}
    stored.stop()
    stored.sql("UPDATE grading SET author = 'ann', document = replace(document, '5', '4')")
    stored.start()
    assert stored.note("kept") == "" and adopt(build_dir, stored, "--yes") == {}
    assert stored.sql("SELECT max(version) FROM grading") == [(2,)]


def test_adopted_and_killed(build_dir, make_stored):
    """Before all periods are made again."""
    stored = make_stored(own=None, seal_after_s=86400)
    before = Before(stored, 8, 400)
    before.done()
    stored.start()
    holder = stored.cluster.connect(stored.database)
    holder.cursor().execute("BEGIN; LOCK TABLE period IN SHARE MODE")
    adopt(build_dir, stored, "--yes")
    stored.wait(lambda: stored.sql("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'ezrepo.period'::regclass") != [])
    stored.stop(signal.SIGKILL)
    holder.close()
    stored.wait_for_no_session()
    stored.start()
    settled(stored)
    assert gap_of(stored, "ping") == 750
    check_store(stored)
    Rebuild(build_dir, stored).identical()


SPEEDTESTS = {"types": {"speedtest": {"interval_s": 1800, "collect": [
    {"parameters": ["source.ip4", "destination.ip4"], "results": ["bandwidth.imputed.kbps"]}]}},
              "mappings": [{"columns": ["bandwidth.imputed.kbps"], "type": "speedtest", "content": "download"}]}


def speedtest(t):
    return {"result": "measure", "version": 1, "label": "mine", "registry": "http://ict-mplane.eu/registry/core",
            "when": time_text(t), "parameters": {"source.ip4": "198.51.100.1", "destination.ip4": "192.0.2.62"},
            "metadata": {"System_ID": "field"}, "results": ["bandwidth.imputed.kbps"], "resultvalues": [["1000"]]}


def test_a_set_with_record_types_of_its_own(make_set):
    """Every process reads them again: ingestd finds the type, the gateway offers to collect it, stored has its gap. They
    outlive `up`; a file at fault is named, and changes nothing."""
    one = make_set()
    one.up()
    folder = os.path.join(one.state, "record-types.d")
    assert os.listdir(folder) == ["README"]
    t = time.time() - 4 * 1800
    one.send([speedtest(t - i * 1800) for i in range(5, -1, -1)])
    one.wait_matched(6)
    assert one.sql("SELECT DISTINCT type FROM series") == [("mine",)]
    one.wait_for(lambda: any('"mine" every 1800 s, gap 900 s' in text for text in one.status()["advice"]))
    own = os.path.join(folder, "speedtest.json")
    with open(own, "w", encoding="utf-8") as file:
        json.dump(SPEEDTESTS, file)
    assert "good" in one.cmd("types", "check").stdout
    assert "has read its configuration" in one.cmd("reload").stdout
    one.send([speedtest(t + i * 1800) for i in range(1, 4)])
    one.wait_matched(3, "--type", "speedtest", "--content", "download")
    assert one.sql("SELECT extract(epoch FROM gap)::int FROM record_type WHERE type = 'speedtest'") == [(4500,)]
    with open(own, encoding="utf-8") as file:
        text = file.read()
    with open(own, "w", encoding="utf-8") as file:
        file.write(text.replace("bandwidth.imputed.kbps", "no.such.element"))
    done = one.cmd("reload", check=False)
    assert done.returncode == 1 and "no.such.element" in done.stderr, done
    assert "record-types.d/speedtest.json: types.speedtest.collect[0]: " in done.stderr
    with open(own, "w", encoding="utf-8") as file:
        file.write(text)
    if os.geteuid() == 0:
        os.chmod(own, 0o666)
        done = one.cmd("reload", check=False)
        assert done.returncode == 1 and f"{own} can be written by others than root" in done.stderr, done
        os.chmod(own, 0o600)
        done = one.cmd("restart", check=False)
        assert done.returncode == 1 and "speedtest.json: the processes' users" in done.stderr, done
        os.chmod(own, 0o644)
    one.down()
    one.up()
    with open(own, encoding="utf-8") as file:
        assert file.read() == text
    one.send([speedtest(t + 10)])
    one.wait_matched(4, "--type", "speedtest")
    assert one.periods_differ() == []
    assert one.cmd("types", "adopt").stdout == "The store keeps nothing of the release before.\n"
    assert one.status()["advice"] == []
