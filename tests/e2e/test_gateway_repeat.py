# SPDX-License-Identifier: Apache-2.0
"""Repeated specifications at the gateway: runs at their times, answers gathered in an envelope."""
import datetime
import json
import os
import re
import signal
import threading
import time

import pytest
from gateways import COUNT_COLUMNS, all_questions, answered, counts, redeem, registry_url, set_grading, specification
from messages import CANCEL, QUERY
from processes import cpu_seconds

TIME = "%Y-%m-%d %H:%M:%S.%f"
SCOPE = re.compile(r"(\S+ \S+) \.\.\. (\S+ \S+?)(?: / (\w+))?$")


def at(text):
    return datetime.datetime.strptime(text, TIME).replace(tzinfo=datetime.timezone.utc).timestamp()


def text_of(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime(TIME)


def envelope_scope(envelope):
    start, end, period = SCOPE.fullmatch(envelope["when"]).groups()
    return at(start), at(end), period


def token_only(token, kind="redemption"):
    return {kind: "query", "version": 1, "token": token}


def redeemed(gateway, client, token, least):
    """The envelope of the job, once it has so many results."""
    got = {}

    def enough():
        got.update(client.post(token_only(token)))
        return len(got.get("contents", [])) >= least

    gateway.wait(enough)
    return got


def test_wire_3_repeated_specification(gateway):
    """A receipt at once, runs at their times, each about its own range, then an envelope with an absolute scope."""
    client = gateway.client()
    asked = len(gateway.queryd.of(QUERY))
    begun = time.time()
    spec = specification(gateway, "hourly", when="repeat now + 6s / 6s { now + 1s }", token="r-1")
    receipt = client.post(spec)
    assert receipt == {**{k: v for k, v in spec.items() if k != "specification"}, "receipt": "query",
                       "when": "repeat now + 6s / 6s { now + 1s } "}
    taken = time.time()
    assert "receipt" in client.post(redeem(receipt)) or time.time() - begun > 1, "there is no result yet"
    some = redeemed(gateway, client, "r-1", 1)
    assert len(some["contents"]) == 2 or envelope_scope(some)[1] > time.time(), "or programs would not redeem it again"
    gateway.wait(lambda: client.get("/") and len(gateway.queryd.of(QUERY)) == asked + 2)
    envelope = redeemed(gateway, client, "r-1", 2)
    assert envelope["envelope"] == "message" and envelope["version"] == 1
    assert (envelope["label"], envelope["token"]) == ("hourly", "r-1")
    start, end, period = envelope_scope(envelope)
    assert period == "6s" and begun - 1 < start < taken + 1 and 6.9 < end - start < 7.1
    gateway.wait(lambda: time.time() > end)
    assert envelope_scope(client.post(redeem(receipt)))[1] < time.time(), "the last one: programs stop redeeming"
    questions = gateway.queryd.of(QUERY)[asked:]
    for number, (result, question) in enumerate(zip(envelope["contents"], questions, strict=True)):
        assert result["result"] == "query" and result["label"] == "hourly"
        assert result["parameters"] == spec["parameters"] and result["results"] == COUNT_COLUMNS
        assert result["resultvalues"][0] == ["overall", "42", "7"]
        assert question["from_us"] == round((start + 6 * number) * 1e6)
        assert question["to_us"] - question["from_us"] == 10**6
        assert result["when"] == f"{text_of(start + 6 * number)} ... {text_of(start + 6 * number + 1)}"
    tokens = {m["token"] for m in envelope["contents"]}
    assert len(tokens) == 2 and "r-1" not in tokens
    assert "unknown job" in gateway.client("second").post(token_only("r-1"))["message"]
    assert envelope["contents"] == client.post(redeem(receipt))["contents"], "the end of it is kept"


def test_question_is_asked_when_its_range_is_over(gateway):
    client = gateway.client()
    asked = len(gateway.queryd.of(QUERY))
    assert "receipt" in client.post(specification(gateway, when="repeat now + 1s / 2s { now + 2s }", token="r-2"))
    gateway.wait(lambda: len(gateway.queryd.of(QUERY)) > asked)
    assert time.time() * 1e6 >= gateway.queryd.of(QUERY)[asked]["to_us"]
    assert len(redeemed(gateway, client, "r-2", 1)["contents"]) == 1


@pytest.mark.parametrize("inner", ["", " { now }", " { now + 0s }"])
def test_run_without_a_range_is_about_its_moment(gateway, inner):
    client = gateway.client()
    token = "r-3" + inner
    assert "receipt" in client.post(specification(gateway, when=f"repeat now + 1s / 5s{inner}", token=token))
    result, = redeemed(gateway, client, token, 1)["contents"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", result["when"])
    assert gateway.queryd.of(QUERY)[-1]["instant"] == 1


def test_cron(gateway):
    client = gateway.client()
    reply = client.post(specification(gateway, when="repeat now + 1d cron * * * * * * { now }", token="r-4"))
    assert "receipt" in reply, reply
    envelope = redeemed(gateway, client, "r-4", 2)
    assert SCOPE.fullmatch(envelope["when"])[3] is None
    first, second = (at(m["when"]) for m in envelope["contents"][:2])
    assert first == int(first) and second - first >= 1
    ended = client.post(token_only("r-4", "interrupt"))
    assert ended["envelope"] == "message"


def test_interrupt_of_a_repeated_specification(gateway):
    """Only by its creator; answered with what there is, also nothing; no more runs."""
    client = gateway.client()
    spec = specification(gateway, "endless", when="repeat now ... future / 1s { now }", token="r-5")
    receipt = client.post(spec)
    begun = redeemed(gateway, client, "r-5", 2)
    assert begun["when"].endswith(" ... 9999-12-31 23:59:59.999999 / 1s")
    assert "unknown job" in gateway.client("second").post(token_only("r-5", "interrupt"))["message"]
    interrupt = {**{k: v for k, v in receipt.items() if k != "receipt"}, "interrupt": "query"}
    ended = client.post(interrupt)
    assert len(ended["contents"]) >= 2 and envelope_scope(ended)[1] <= time.time()
    asked = len(all_questions(gateway))
    assert client.post(redeem(receipt)) == ended
    assert client.post(interrupt) == ended
    time.sleep(1.5)  # longer than the period
    assert len(all_questions(gateway)) == asked + 1, "but for the one that was asked to see this"
    client.post(specification(gateway, when="repeat now ... future / 1d { now + 1d }", token="r-6"))
    nothing = client.post(token_only("r-6", "interrupt"))
    assert nothing["contents"] == [] and envelope_scope(nothing)[1] <= time.time()


def test_interrupt_before_the_first_run(gateway):
    """Its scope is over: programs stop to redeem what ends in the past, not what begins in years."""
    client = gateway.client()
    client.post(specification(gateway, when="repeat 2100-01-01 ... 2101-01-01 / 1d { now + 1h }", token="r-7"))
    nothing = client.post(token_only("r-7", "interrupt"))
    start, end, _ = (at(t) if t and t[0] == "2" else t for t in SCOPE.fullmatch(nothing["when"]).groups())
    assert nothing["contents"] == [] and start <= end <= time.time()


def test_interrupt_cancels_the_run_under_way(gateway):
    client = gateway.client()
    asked = len(all_questions(gateway)) + 1
    client.post(specification(gateway, when="repeat now ... future / 1s { now }", token="r-7",
                              parameters={"record.probe": "slow"}))
    gateway.wait(lambda: len(gateway.queryd.of(QUERY)) > asked)
    question = gateway.queryd.of(QUERY)[asked]
    assert question["probe"] == "slow"
    assert client.post(token_only("r-7", "interrupt"))["contents"] == []
    gateway.wait(lambda: question["id"] in [m["id"] for m in gateway.queryd.of(CANCEL)])


def test_repeated_specification_again_is_the_same_job(gateway):
    client, other = gateway.client(), gateway.client()
    spec = specification(gateway, "one", when="repeat now ... future / 1h { now }", token="r-8")
    receipt = client.post(spec)
    known = gateway.counters()["repeats.known"]
    redeemed(gateway, client, "r-8", 1)
    assert other.post({**spec, "label": "two"}) == {**receipt, "label": "two"}
    assert gateway.counters()["repeats.known"] == known
    by_label = client.post({**redeem(receipt), "label": "two"})
    assert by_label["label"] == "two" and {m["label"] for m in by_label["contents"]} == {"two"}
    reply = client.post({**spec, "when": "repeat now ... future / 2h { now }"})
    assert reply["exception"] == "r-8" and "token" in reply["message"]
    client.post(token_only("r-8", "interrupt"))


@pytest.mark.parametrize("when,says", [
    ("repeat now ... future cron 0 0 0 31 * 2 { now }", "none of cron's days is in one of its months"),
    ("repeat now ... future cron 0 0 0 30,31 * 2", "none of cron's days"),
    ("repeat now ... future cron 60 * * * * *", "seconds, from 0 to 59"),
    ("repeat now ... future cron * * * * 8 *", "days of week, from 0 to 7"),
    ("repeat now ... future cron * * 25 * * *", "hours"),
    ("repeat now ... future / 1h cron * * * * * *", "not both"),
    ("repeat now ... future", "either a period or cron"),
    ("repeat now ... future / 0s { now }", "more than 0s"),
    ("repeat now ... future / 99999999999d { now }", "a shorter duration"),
    ("repeat now ... future / 1h { now + 1h / 1m }", "no period in its scope"),
    ("repeat now ... future / 1h { past ... now }", "now, which an inner scope begins with"),
    ("repeat now ... future / 1h { now + 3600000d }", "none of the times"),
    ("repeat 2014-01-01 ... 2015-01-01 / 1h { now }", "none of the times of this repetition is to come"),
    ("repeat past ... 2015-01-01 cron 0 0 0 1 * * { now }", "none of the times of this repetition is to come"),
    ("repeat 2026-01-02 ... 2026-01-01 / 1h", "its end lies before its start"),
    ("repeat future / 1h", "future"),
    ("2026-01-01 ... now / 1h", "the capability has no period"),
    ("past ... now / 1s", "the capability has no period"),
])
def test_impossible_scopes_are_refused(gateway, when, says):
    reply = gateway.client().post(specification(gateway, when=when, token="r-9"))
    assert reply["exception"] == "r-9" and says in reply["message"], reply


def test_far_times_keep_the_processor_idle(make_gateway):
    """Times that come seldom, in a long while or never are waited for, not looked for again and again."""
    one = make_gateway(repeats_max_per_identity=50)
    client = one.client()
    far = ["repeat now ... future cron 0 0 0 29 1 2", "repeat 9999-01-01 ... future / 100000d",
           "repeat 2400-02-29 ... future cron 59 59 23 29 2 2", "repeat 2999-01-01 ... 2999-01-02 / 1s { now + 20000d }",
           "repeat past ... future cron 59 59 23 31 5 12 { now + 99999d }", "repeat past ... future / 3000000d { now + 1d }"]
    before = cpu_seconds(one.process.pid)
    for n, when in enumerate(far * 6):
        reply = client.post(specification(one, when=when, token=f"far-{n}"))
        assert "receipt" in reply, reply
    one.counted("repeats.known", 36)
    time.sleep(3)
    assert cpu_seconds(one.process.pid) - before < 2
    assert one.counters()["repeats.runs"] == 0


def test_slow_runs_do_not_pile_up(make_gateway):
    """One run at a time: the next waits, and times between are left out and counted."""
    one = make_gateway()
    client = one.client()
    one.queryd.answer = lambda m: None
    client.post(specification(one, when="repeat now ... future / 1s { now }", token="slow"))
    one.wait(lambda: one.queryd.of(QUERY))
    seen = time.time()
    time.sleep(3.2)
    question, = one.queryd.of(QUERY)
    one.queryd.send(question, answered(question, COUNT_COLUMNS, [["overall", "1", "1"]]))
    one.wait(lambda: len(one.queryd.of(QUERY)) == 2)
    second = one.queryd.of(QUERY)[1]
    assert question["from_us"] < second["from_us"] <= (seen + 1) * 1e6, "the one that waited"
    assert (second["from_us"] - question["from_us"]) % 10**6 == 0
    one.counted("repeats.skipped", 1)
    one.queryd.send(second, answered(second, COUNT_COLUMNS, [["overall", "2", "1"]]))
    one.wait(lambda: len(one.queryd.of(QUERY)) == 3)
    third = one.queryd.of(QUERY)[2]
    assert third["from_us"] - question["from_us"] >= 3 * 10**6, "no burst of those that were missed"


def test_runs_that_fail_are_exceptions_in_the_envelope(make_gateway):
    one = make_gateway(query_timeout_ms=1)
    client = one.client()
    one.queryd.answer = lambda m: None
    client.post(specification(one, when="repeat now ... future / 1h { now }", token="failing"))
    first, = redeemed(one, client, "failing", 1)["contents"]
    assert set(first) == {"exception", "message"} and "queryd did not answer" in first["message"]
    assert first["exception"] not in ("failing", "")


def test_what_is_kept_is_bounded(make_gateway):
    """The last runs, so many, in so many bytes; so many jobs of one identity, and of all."""
    one = make_gateway(repeat_runs=2, repeat_bytes=3000, repeats_max_per_identity=2, repeats_max=3)
    client = one.client()
    when = "repeat now ... future / 1s { now }"
    assert "receipt" in client.post(specification(one, when=when, token="a"))
    one.wait(lambda: len(one.queryd.of(QUERY)) >= 4)
    envelope = redeemed(one, client, "a", 2)
    assert len(envelope["contents"]) == 2
    assert envelope_scope(envelope)[0] < at(envelope["contents"][0]["when"]), "older ones were forgotten"
    assert "receipt" in client.post(specification(one, when=when, token="b"))
    reply = client.post(specification(one, when=when, token="c"))
    assert reply["exception"] == "c" and "too many repeated specifications of yours" in reply["message"]
    assert "receipt" in one.client("admin").post(specification(one, when=when, token="c"))
    assert "too many repeated" in one.client("second").post(specification(one, when=when, token="c"))["message"]
    # Ended ones make room.
    assert "envelope" in client.post(token_only("b", "interrupt"))
    assert "receipt" in client.post(specification(one, when=when, token="d"))
    one.queryd.answer = lambda m: answered(m, COUNT_COLUMNS, [["x" * 4000, "1", "1"]])
    one.wait(lambda: "larger than what is kept" in json.dumps(client.post(token_only("a"))))
    one.queryd.answer = lambda m: answered(m, COUNT_COLUMNS, [["y" * 2000, "1", "1"]])
    one.wait(lambda: "yyy" in json.dumps(client.post(token_only("a"))))
    one.wait(lambda: len(client.post(token_only("a"))["contents"]) == 1)
    assert one.counters()["jobs.bytes"] < 60000


def test_end_of_a_repetition_is_kept_for_a_while(make_gateway):
    one = make_gateway(result_keep_s=6)
    client = one.client()
    client.post(specification(one, when="repeat now + 1s / 5s { now }", token="short"))
    assert len(redeemed(one, client, "short", 1)["contents"]) == 1
    one.wait(lambda: "unknown job" in client.post(token_only("short")).get("message", ""))
    counters = one.counters()
    assert counters["repeats.known"] == 0 and counters["jobs.known"] == 0 and counters["jobs.bytes"] == 0


def test_publications_are_not_repeated(gateway):
    reply = gateway.client("admin").post(set_grading(gateway, "{}", when="repeat now ... future / 1h", token="r-10"))
    assert "only queries can be repeated" in reply["message"]


def test_capability_taken_away_ends_its_repetitions(make_gateway):
    one = make_gateway()
    client = one.client()
    client.post(specification(one, when="repeat now ... future / 1s { now }", token="taken"))
    one.wait(lambda: one.queryd.of(QUERY))
    one.options["access"]["roles"]["reader"] = []
    one.write_config()
    one.reload()
    one.wait(lambda: "repeat.withdrawn" in one.log())
    asked = len(all_questions(one))
    time.sleep(1.5)  # longer than the period
    assert len(all_questions(one)) == asked + 1, "but for the one that was asked to see this"
    assert one.counters()["repeats.known"] == 0
    assert "not authorized" in one.client().post(token_only("taken"))["message"]


# ---- over a restart ----

def restart(gateway, how):
    gateway.process.send_signal(how)
    gateway.process.wait(60)
    os.truncate(f"{gateway.folder}/log", 0)
    gateway.start()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_restart_keeps_repeated_specifications(make_gateway, tmp_path, how):
    file = f"{tmp_path}/repeats.jsonl"
    one = make_gateway(repeats_file=file)
    client = one.client()
    spec = specification(one, "kept", when="repeat now ... future / 1s { now }", token="kept")
    client.post(spec)
    client.post(specification(one, when="repeat now ... future / 1s { now }", token="ended"))
    started = envelope_scope(redeemed(one, client, "kept", 1))[0]
    client.post(token_only("ended", "interrupt"))
    one.wait(lambda: os.path.exists(file) and '"kept"' in open(file, encoding="utf-8").read()
             and '"ended"' not in open(file, encoding="utf-8").read())
    entry, = [json.loads(line) for line in open(file, encoding="utf-8")]
    assert entry["identity"] == "org.example.reader" and "resultvalues" not in json.dumps(entry)
    assert set(entry) == {"identity", "taken", "next", "specification"}
    assert os.stat(file).st_mode & 0o777 == 0o600
    restart(one, how)
    client = one.client()
    envelope = redeemed(one, client, "kept", 2)
    assert envelope["label"] == "kept" and envelope_scope(envelope)[0] == started
    assert all((at(m["when"]) - started) % 1 == 0 for m in envelope["contents"]), "the same times as before"
    assert client.post({**spec, "label": "again"})["receipt"] == "query"
    assert one.counters()["repeats.known"] == 1
    assert "unknown job" in one.client("second").post(token_only("kept"))["message"]


def test_times_missed_while_it_was_down_are_one_run(make_gateway, tmp_path):
    file = f"{tmp_path}/repeats.jsonl"
    one = make_gateway(repeats_file=file)
    client = one.client()
    client.post(specification(one, when="repeat now ... future / 1s { now }", token="down"))
    redeemed(one, client, "down", 1)
    one.process.send_signal(signal.SIGTERM)
    one.process.wait(60)
    before = one.queryd.of(QUERY)[-1]["peer"]
    down_until = time.time() + 4
    time.sleep(4)
    os.truncate(f"{one.folder}/log", 0)
    one.start()

    def asked_since():
        return [m for m in one.queryd.of(QUERY) if m["peer"] != before]

    one.wait(lambda: len(asked_since()) >= 2)
    first, second, *_ = asked_since()
    assert first["from_us"] < (down_until - 2) * 1e6 < (down_until - 1) * 1e6 < second["from_us"]
    one.counted("repeats.skipped", 1)


def test_damaged_file_of_repetitions(make_gateway, tmp_path):
    """What can be read is taken up, the rest is said and given up."""
    file = tmp_path / "repeats.jsonl"
    one = make_gateway(repeats_file=str(file))
    one.client().post(specification(one, when="repeat now ... future / 1h { now }", token="good"))
    redeemed(one, one.client(), "good", 1)
    one.wait(lambda: file.exists() and "good" in file.read_text())
    one.process.send_signal(signal.SIGTERM)
    one.process.wait(60)
    good = json.loads(file.read_text())
    other = {**good, "specification": specification(one, when="past ... now", token="not-repeated")}
    over = {**good, "specification": {**good["specification"], "when": "repeat 2014-01-01 ... 2015-01-01 / 1s"}}
    unknown = {**good, "specification": {**good["specification"], "results": ["grade.name"]}}
    lines = ["nonsense", "{}", json.dumps({**good, "taken": 5}), json.dumps(other), json.dumps(over),
             json.dumps(unknown), json.dumps({**good, "specification": []}), json.dumps(good), json.dumps(good)[:200]]
    file.write_text("\n".join(lines))
    os.truncate(f"{one.folder}/log", 0)
    one.start()
    log = one.log()
    assert log.count("repeats.damaged") == 4 and log.count("repeat.not_taken_up") == 4, log
    assert log.count("expected a repeated query") == 1, log
    assert one.client().post(token_only("good"))["receipt"] == "query"
    one.wait(lambda: len(file.read_text().splitlines()) == 1)


def test_file_that_cannot_be_written_is_said_and_disturbs_nobody(make_gateway, tmp_path):
    one = make_gateway(repeats_file=f"{tmp_path}/no/such/folder/repeats.jsonl")
    client = one.client()
    client.post(specification(one, when="repeat now ... future / 1s { now }", token="unsaved"))
    one.wait(lambda: "repeats.write" in one.log())
    assert len(redeemed(one, client, "unsaved", 2)["contents"]) >= 2


def test_many_repetitions_and_other_questions(make_gateway):
    """Others are answered meanwhile, and every repetition gets its runs."""
    one = make_gateway(repeats_max_per_identity=60, results_max_per_identity=200, requests_per_second=0)
    client = one.client()
    one.queryd.answer = counts
    for n in range(50):
        assert "receipt" in client.post(specification(one, when="repeat now ... future / 1s { now }", token=f"n-{n}"))
    stopping = threading.Event()
    faults = []

    def others():
        mine = one.client("admin")
        while not stopping.is_set():
            reply = mine.post(specification(one))
            if "result" not in reply:
                faults.append(reply)

    thread = threading.Thread(target=others)
    thread.start()
    for n in range(50):
        redeemed(one, client, f"n-{n}", 2)
    stopping.set()
    thread.join(60)
    assert not faults
    envelope = client.post({"envelope": "message", "version": 1,
                            "contents": [token_only(f"n-{n}", "interrupt") for n in range(50)]})
    assert [m["envelope"] for m in envelope["contents"]] == ["message"] * 50
    one.wait(lambda: one.counters()["repeats.known"] == 0)


def test_relative_repetition_without_a_token(gateway):
    """Programs send one; who does not gets a digest of the specification, and can redeem by it."""
    client = gateway.client()
    receipt = client.post(specification(gateway, when="repeat now ... future / 6h { now }"))
    assert re.fullmatch("[0-9a-f]{32}", receipt["token"]) and receipt["registry"] == registry_url(gateway)
    assert len(redeemed(gateway, client, receipt["token"], 1)["contents"]) == 1
    client.post(token_only(receipt["token"], "interrupt"))
