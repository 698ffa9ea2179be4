# SPDX-License-Identifier: Apache-2.0
"""Webhooks and syslog are told of each alert once that it fires, once that it is over; what they are shown, and what is shown of secrets."""
import json
import os
import re
import signal
import time

import pytest
from alertmanagers import BAD, GOOD, Log, Webhook, bad, secret_file, send, verifier
from conftest import ROOT, ping, time_text, wait_for
from webds import check

SECRET, TOKEN = "0123456789abcdef-secret-of-hook", "token-that-nobody-may-see"
HOOK = ("all", "200")
ROUTES = [{"name": "PingBad", "range": [1, 2]}, {"name": "Other", "range": [1, 2], "criteria": {"dest": "192.0.2.9"}, "labels": {"team": "net"}}]


@pytest.fixture(scope="module", name="told")
def _told(module_set, tmp_path_factory):
    folder = tmp_path_factory.mktemp("receivers")
    hook, other, log = Webhook(SECRET), Webhook(SECRET), Log(f"{module_set.state}/log.socket")
    secret = secret_file(folder, "secret", SECRET)
    module_set.configure(alertd={
        "webhooks": [{"name": "hook", "url": hook.url, "secret": secret, "bearer": secret_file(folder, "token", TOKEN)},
                     {"name": "other", "url": other.url, "secret": secret, "routes": ["Other"]}],
        "syslog": log.where, "routes": ROUTES, "look_s": 1, "page_url": "https://ezrepo.example/series"})
    module_set.cmd("restart", "alertd")
    try:
        yield module_set, hook, other, log
    finally:
        for receiver in (hook, other, log):
            receiver.close()


def receivers(one, dest):
    row = next(r for r in one.rows("alerts", "--all") if r["record.dest"] == dest)
    return {name: (r["taken"], r["answer"]) for name, r in json.loads(row["alert.document"])["receivers"].items()}


def test_each_is_told_once(told):
    one, hook, other, log = told
    send(one, "192.0.2.1", BAD, 2, 1)
    send(one, "192.0.2.9", BAD, 2, 1)
    wait_for(lambda: hook.of("192.0.2.1") == ["firing"] and other.of("192.0.2.9") == ["firing"] and len(log.to("192.0.2.9")) == 2)
    alert = next(a for body in hook.bodies for a in body["alerts"] if a["labels"]["dest"] == "192.0.2.1")
    assert alert["labels"]["alertname"] == "PingBad" and "is not" in alert["annotations"]["why"]
    assert alert["generatorURL"] == alert["annotations"]["link"] and alert["generatorURL"].startswith("https://ezrepo.example/series?type=ping&")
    body = other.bodies[0]
    assert (body["version"], body["status"], body["receiver"], body["groupLabels"], body["externalURL"]) == (
        "4", "firing", "other", {"alertname": "Other"}, "https://ezrepo.example/series")
    assert hook.authorizations[0] == f"Bearer {TOKEN}" and other.authorizations[0] == ""
    line, = log.to("192.0.2.1")
    assert line.startswith("<28>") and f"firing route=PingBad id={alert['id']} " in line and 'labels={"alertname":"PingBad"' in line
    wait_for(lambda: receivers(one, "192.0.2.1") == {"hook": ("all", "200"), "syslog": ("all", "sent")})
    send(one, "192.0.2.1", GOOD, 0)
    send(one, "192.0.2.9", GOOD, 0)
    wait_for(lambda: hook.of("192.0.2.1") == ["firing", "resolved"] and len(other.of("192.0.2.9")) == 2 and len(log.to("192.0.2.9")) == 4)
    assert {i for _, dest, i in hook.heard if dest == "192.0.2.1"} == {alert["id"]}
    ended = next(a for body in hook.bodies for a in body["alerts"] if a["id"] == alert["id"] and a["status"] == "resolved")
    assert ended["startsAt"] == alert["startsAt"] < ended["endsAt"] and ended["fingerprint"] == alert["fingerprint"]
    wait_for(lambda: bad(one) == [] and one.rows("alerts") == [])
    assert hook.wrong == other.wrong == 0 and other.of("192.0.2.1") == []


def test_one_that_fails_is_told_later_and_in_order(told):
    one, hook, _, log = told
    hook.status = 503
    for dest, delay_us in (("192.0.2.2", BAD), ("192.0.2.2", GOOD), ("192.0.2.2", BAD), ("192.0.2.3", BAD)):
        before = len(log.of("route=PingBad"))
        send(one, dest, delay_us, 0)
        wait_for(lambda: len(log.of("route=PingBad")) > before)  # pylint: disable=cell-var-from-loop
    wait_for(lambda: "503" in one.process("alertd")["notes"].get("receivers", ""))
    assert "hook" in one.process("alertd")["notes"].get("receivers", "")
    hook.heard.clear()
    hook.status = 200
    wait_for(lambda: hook.of("192.0.2.2") == ["firing", "resolved", "firing"] and hook.of("192.0.2.3") == ["firing"], 60)
    ids = [i for _, dest, i in hook.heard if dest == "192.0.2.2"]
    assert ids[0] == ids[1] != ids[2]
    assert [line.split()[4] for line in log.to("192.0.2.2")] == ["firing", "resolved", "firing"]


def test_one_alert_that_is_refused_keeps_no_others_from_being_told(told):
    one, hook, _, log = told
    refused, *others = [f"192.0.2.{n}" for n in (10, 11, 12)]
    before = one.process("alertd")["counters"]["passed_over"]
    hook.refuses = refused
    one.send([ping(dest, time_text(time.time()), BAD) for dest in (refused, *others)])
    wait_for(lambda: all(log.to(dest) for dest in (refused, *others)))  # they are in the store
    wait_for(lambda: [receivers(one, dest).get("hook") for dest in (refused, *others)] == [("nothing", "422"), HOOK, HOOK])
    one.send([ping(dest, time_text(time.time()), GOOD) for dest in (refused, *others)])
    wait_for(lambda: all(hook.of(dest)[-1] == "resolved" for dest in others) and len(log.to(refused)) == 2)
    wait_for(lambda: one.process("alertd")["counters"]["passed_over"] > before)
    assert receivers(one, refused)["hook"] == ("nothing", "422") and set(hook.of(refused)) == {"firing"}
    hook.refuses = ""
    wait_for(lambda: hook.of(refused)[-1] == "resolved", 90)
    wait_for(lambda: receivers(one, refused)["hook"] == HOOK and "422" not in one.process("alertd")["notes"].get("receivers", ""))
    assert hook.of(refused)[-2:] == ["firing", "resolved"]


def test_kills(told):
    """Only what was not answered, or was answered when it was killed, is said again."""
    one, hook, other, log = told
    wait_for(lambda: receivers(one, "192.0.2.3").get("hook") == ("all", "200"))
    hook.heard.clear()
    hook.held.clear()
    send(one, "192.0.2.3", GOOD, 0)
    wait_for(lambda: hook.of("192.0.2.3") == ["resolved"] and receivers(one, "192.0.2.3")["syslog"][0] == "all")
    one.kill("alertd")
    hook.held.set()
    send(one, "192.0.2.4", BAD, 0)
    wait_for(lambda: hook.of("192.0.2.3") == ["resolved"] * 2 and hook.of("192.0.2.4") == ["firing"], 60)
    assert len({i for _, dest, i in hook.heard if dest == "192.0.2.3"}) == 1  # by which it is known
    wait_for(lambda: set(receivers(one, "192.0.2.4")) == {"hook", "syslog"} and receivers(one, "192.0.2.3")["hook"][0] == "all")
    one.kill("alertd")
    send(one, "192.0.2.4", GOOD, 0)
    send(one, "192.0.2.2", GOOD, 0)
    wait_for(lambda: hook.of("192.0.2.4") == ["firing", "resolved"] and hook.of("192.0.2.2") == ["resolved"], 60)
    wait_for(lambda: one.rows("alerts") == [])
    assert hook.of("192.0.2.3") == ["resolved"] * 2 and len(log.to("192.0.2.3")) == len(log.to("192.0.2.4")) == 2
    assert other.of("192.0.2.4") == [] and hook.wrong == 0


def test_who_is_being_told_is_waited_for(told):
    """Who answers while alertd ends is not told again by the next one."""
    one, hook, _, _ = told
    for status, delay_us in (("firing", BAD), ("resolved", GOOD)):
        hook.held.clear()
        send(one, "192.0.2.6", delay_us, 0)
        wait_for(lambda: hook.of("192.0.2.6")[-1:] == [status])  # pylint: disable=cell-var-from-loop
        one.kill("alertd", signal.SIGTERM)
        hook.held.set()
        one.cmd("restart", "alertd")
    for status, delay_us in (("firing", BAD), ("resolved", GOOD)):  # what would be told again is told before
        send(one, "192.0.2.7", delay_us, 0)
        wait_for(lambda: hook.of("192.0.2.7")[-1:] == [status])  # pylint: disable=cell-var-from-loop
    assert hook.of("192.0.2.6") == ["firing", "resolved"]


def tried(one, *words, code=0):
    done = one.cmd("alert", "test", "--output", "json", *words, check=False)
    assert done.returncode == code, done.stderr
    return {r["receiver"]: (r["fires"], r["over"], r["taken"]) for r in map(json.loads, done.stdout.splitlines())}, done.stderr


def test_a_test(told):
    """Goes to whom real ones go, is over again, and tells what came back."""
    one, hook, other, log = told
    for receiver in (hook, other):
        receiver.bodies.clear()
    assert tried(one)[0] == {"hook": ("200", "200", True), "other": ("200", "200", True), "syslog": ("sent", "sent", True)}
    for receiver in (hook, other):
        assert [(b["status"], b["alerts"][0]["labels"]) for b in receiver.bodies] == [
            (status, {"alertname": "EzrepoTest", "test": "true"}) for status in ("firing", "resolved")]
    assert len(log.of('"EzrepoTest"')) == 2
    other.status = 500
    assert tried(one, "--route", "PingBad")[0]["other"] == ("not told of this route", "", True)
    found, complaint = tried(one, "--route", "Other", code=1)
    assert found["hook"] == ("200", "200", True) and found["other"] == ("500", "", False) and "1 of 3 did not take it" in complaint
    assert hook.bodies[-1]["alerts"][0]["labels"] == {"alertname": "Other", "team": "net", "test": "true"}
    send(one, "192.0.2.9", BAD, 0)
    wait_for(lambda: other.of("192.0.2.9")[2:])
    assert tried(one, code=1)[0]["other"] == ("500", "", False)  # also where others wait to be told
    other.status = 200
    assert tried(one, "--route", "Other")[0]["other"] == ("200", "200", True)  # at once, however long it was to be left alone
    send(one, "192.0.2.9", GOOD, 0)
    wait_for(lambda: one.rows("alerts") == [])
    assert "--route: there is no route of this name" in tried(one, "--route", "Nosuch", code=2)[1]
    assert one.rows("alerts") == []


def test_by_udp_as_rfc_5424_has_it(told):
    one, _, _, _ = told
    remote = Log()
    try:
        one.configure(alertd={"syslog": remote.where})
        one.cmd("restart", "alertd")
        send(one, "192.0.2.5", BAD, 0)
        wait_for(lambda: remote.to("192.0.2.5"), 60)
        line, = remote.to("192.0.2.5")
        head, text = line.split("\ufeff")
        priority, when, _, name, _, kind, data = head.split()
        assert (priority, name, kind, data) == ("<28>1", "ezrepo-alertd", "firing", "-") and when.endswith("Z")
        assert text.startswith("firing route=PingBad id=")
    finally:
        remote.close()


def test_secrets_are_shown_nowhere(told):
    one, _, _, _ = told
    shown = [*one.logs().values(), one.cmd("alerts", "--all", "--output", "json").stdout, one.cmd("status", "--json").stdout]
    for secret in (SECRET, TOKEN):
        assert not any(secret in text for text in shown)


def test_the_vector_in_the_docs():
    """Is true to the function beside it, and to no other body or secret; unit test alert_receivers computes it."""
    with open(os.path.join(ROOT, "docs", "operations.md"), encoding="utf-8") as page:
        secret, body, header = re.search(r"With the secret `(\w+)` and the body `(.*?)` it is, at \d+, `(.*?)`", page.read()).groups()
    with open(os.path.join(ROOT, "tests", "unit", "test_alert_receivers.c"), encoding="utf-8") as unit:
        text = re.sub(r'"\s*"', "", unit.read())
    assert secret in text and header in text
    is_true, ever = verifier(), float("inf")
    assert is_true(secret.encode(), header, body.encode(), ever)
    assert not is_true(secret.encode(), header, body.encode()) and not is_true(secret.encode(), header, b"{}", ever)
    assert not is_true(b"other", header, body.encode(), ever)


def test_a_secret_for_everybody_is_refused(told, tmp_path):
    """Before anything is stopped for it; and where it became so afterwards, an alertd that cannot start makes the set ill."""
    one, hook, _, _ = told
    file = secret_file(tmp_path, "secret", SECRET)
    os.chmod(file, 0o644)
    one.configure(alertd={"webhooks": [{"name": "hook", "url": hook.url, "secret": file}]})
    before = one.pid("alertd")
    done = one.cmd("restart", "alertd", check=False)
    assert done.returncode == 1 and f"hook: {file}: expected a file for its owner and group only" in done.stderr and one.pid("alertd") == before
    os.chmod(file, 0o600)
    one.cmd("restart", "alertd")
    os.chmod(file, 0o644)
    one.kill("alertd", signal.SIGTERM)
    wait_for(lambda: f"secret.file receiver=hook file={file}" in one.logs()["alertd.log"] or "expected a file" in one.logs()["alertd.log"], 60)
    wait_for(lambda: (done := check(one)).returncode == 1 and "alertd is stopped" in done.stdout, 60)
    os.chmod(file, 0o600)
    wait_for(lambda: check(one).returncode == 0, 60)  # it is tried again
