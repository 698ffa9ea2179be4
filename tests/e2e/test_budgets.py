# SPDX-License-Identifier: Apache-2.0
"""What one sender may have: so much that no probe comes near it, and no sender takes all."""
import json
import signal

import pytest
from conftest import wait_for
from ingestds import result
from posts import exception, is_kept, post
from stores import stay_within_a_day


@pytest.fixture(autouse=True)
def one_day():
    stay_within_a_day()


def of_series(number, **more):
    return result(parameters={"destination.ip4": f"10.0.{number // 250}.{number % 250}"}, **more)


def of_day(number, **more):
    return result(when=f"2026-{1 + number // 28:02}-{1 + number % 28:02} 12:00:00", **more)


def taken(ingestd, sent):
    """How many of so many datagrams were accepted, once all are read; all others were refused."""
    counters = ingestd.counters(received__datagrams=sent)
    assert counters["datagrams.accepted"] + counters["datagrams.rejected"] == sent
    return counters["datagrams.accepted"]


def test_series_of_a_day(start):
    """About so many: of those beyond a part is taken for known. What is known goes on."""
    ingestd = start(senders=[{"door": "udp", "sender": "127.0.0.1", "series_per_day": 100}])
    ingestd.send(*[of_series(n) for n in range(200)])
    first = taken(ingestd, 200)
    assert 90 <= first <= 150
    ingestd.send(*[of_series(n, value="2") for n in range(50)])
    assert taken(ingestd, 250) == first + 50
    ingestd.counters(rejected__budget__series=200 - first)
    ingestd.closes()
    assert ingestd.ledger["budget.series"] == 200 - first
    assert "expected at most 100 series of one sender in a day; the limit is series_per_day" in ingestd.log_text()


def test_days_of_a_day(start):
    ingestd = start(senders=[{"door": "udp", "days_per_day": 3}])
    ingestd.send(*[of_day(n) for n in range(5)], of_day(1, value="2"))
    ingestd.counters(datagrams__accepted=4, rejected__budget__days=2)
    ingestd.closes()
    assert "expected records of at most 3 days of one sender in a day" in ingestd.log_text()


def test_records_of_a_second(start):
    """One result is taken as a whole, however large; what it has too much is missing from the next."""
    ingestd = start(senders=[{"door": "udp", "records_per_s": 1, "records_burst": 5}])
    ingestd.send(result(resultvalues=[[str(n)] for n in range(1000)]), result(value="x"), result(value="y"))
    ingestd.counters(datagrams__accepted=1, accepted__records=1000, rejected__budget__records=2)
    ingestd.closes()
    ingestd.options["senders"] = [{"door": "udp", "records_per_s": 0}]
    ingestd.write_configuration()
    ingestd.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "config.reloaded" in ingestd.log_text())
    ingestd.send(result(value="z"))
    ingestd.counters(datagrams__accepted=2, rejected__budget__records=2)


def test_posts_are_to_come_again_later(pair):
    """429 and when; what was kept of it is a duplicate then. Another identity goes on."""
    pair.start(senders=[{"door": "https", "sender": "org.example.reader", "records_per_s": 1, "records_burst": 5},
                        {"door": "https", "sender": "org.example.admin", "days_per_day": 1}])
    assert is_kept(post(pair.gateway, result(resultvalues=[[str(n)] for n in range(1000)])))
    answer = post(pair.gateway, result())
    assert exception(answer, 429).startswith("not kept, post it again later: budget.records: expected at most 1 records a second")
    assert 1 <= int(answer[1]["Retry-After"]) <= 10
    answer = post(pair.gateway, {"envelope": "message", "version": 1, "contents": [of_day(0), of_day(1)]}, name="admin")
    assert exception(answer, 429).startswith("not all is kept, post it again later: budget.days: ")
    assert 1 <= int(answer[1]["Retry-After"]) <= 86401
    assert is_kept(post(pair.gateway, of_day(0), name="admin"))
    pair.gateway.counted("posts.limited", 2)
    pair.gateway.counted("posts.kept", 2)
    pair.ingestd.collect(1002, rejects=True)
    pair.ingestd.closes()


def test_files_have_no_budget_by_themselves(start, tmp_path):
    """Who may write into the folder may bring archives."""
    folder = tmp_path / "drop"
    folder.mkdir()
    ingestd = start(drop_dir=str(folder), drop_settle_s=0)
    with open(folder / ".all", "w", encoding="utf-8") as file:
        file.writelines(json.dumps(of_day(n % 336, value=str(n))) + "\n" for n in range(700))
    (folder / ".all").rename(folder / "all.jsonl")
    assert len(ingestd.collect(700)) == 700
    ingestd.counters(datagrams__accepted=700, datagrams__rejected=0)
