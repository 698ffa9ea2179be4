# SPDX-License-Identifier: Apache-2.0
"""mplane-gw: how much one identity may take, the audit log, and reloads that are all or nothing."""
import http.client
import json
import os
import threading
import time

import pytest
from gateways import (COUNT_COLUMNS, answered, ask_without_waiting, closed_within, redeem, slow, specification,
                      under_way)
from messages import QUERY


# ---- requests per identity ----

def until_limited(ask, left, since=None):
    """Asks until it is refused, when `left` requests were free at the time `since`, or are now, and there is one more each
    second, however long that takes here; what ask(number) returned last, how many were answered before, and a time before
    the last was asked, when none was free any more. ask returns None for an answer."""
    begun = last = time.monotonic() if since is None else since
    answered_ones = 0
    while (refusal := ask(answered_ones)) is None:
        answered_ones += 1
        last = time.monotonic()
    assert left <= answered_ones <= left + time.monotonic() - begun + 1
    return refusal, answered_ones, last


def ask_by_post(client, prefix="t", answer="result", **more):
    """For until_limited: a specification, whose token has its number."""
    def ask(number):
        reply = client.post(specification(client.gateway, token=f"{prefix}-{number}", **more))
        if answer in reply:
            return None
        assert "too many requests" in reply["message"], reply
        return reply
    return ask


def test_requests_of_one_identity_are_limited(make_gateway):
    one = make_gateway(requests_per_second=1, requests_burst=5)
    client, other = one.client("reader"), one.client("second")
    # An mPlane message gets an exception that its sender finds, by its token, and status 200.
    refusal, count, since = until_limited(ask_by_post(client), 5)
    assert refusal["exception"] == f"t-{count}"
    assert len(one.queryd.of(QUERY)) == count
    # Whatever else it asks for is told by the status; another connection is no other identity.
    again = one.client("reader")

    def ask_by_get(_):
        again.connection.request("GET", "/capabilities")
        answer = again.connection.getresponse()
        answer.read()
        return answer if answer.status != 200 else None

    answer, *_ = until_limited(ask_by_get, 0, since)
    assert answer.status == 429 and 1 <= int(answer.headers["Retry-After"]) <= 5
    assert "result" in other.post(specification(one, token="other"))
    # It may ask again after what it was told to wait.
    time.sleep(int(answer.headers["Retry-After"]))
    assert "result" in again.post(specification(one, token="again"))
    assert one.counters()["limited"] == 2


def test_each_message_of_an_envelope_is_a_request(make_gateway):
    one = make_gateway(requests_per_second=1, requests_burst=10)
    client = one.client()
    envelope = {"envelope": "message", "version": 1, "contents": [
        specification(one, token=f"e-{i}") for i in range(10)]}
    since = time.monotonic()
    assert len(client.post(envelope)["contents"]) == 10
    until_limited(ask_by_post(client), 0, since)


def test_the_limit_follows_sighup(make_gateway):
    one = make_gateway(requests_per_second=1, requests_burst=1)
    until_limited(ask_by_post(one.client()), 1)
    one.options["requests_per_second"] = 0
    one.write_config()
    one.reload()
    client = one.client()
    for i in range(20):
        assert "result" in client.post(specification(one, token=f"u-{i}"))


def test_a_large_body_is_refused_without_reading_it(make_gateway):
    one = make_gateway(requests_per_second=1, requests_burst=1)
    client = one.client()
    refusal, count, _ = until_limited(ask_by_post(client, junk="x" * 200000), 1)
    assert refusal["exception"] != f"t-{count}"


# ---- connections per identity ----

def test_connections_of_one_identity_are_limited(make_gateway):
    one = make_gateway(connections_max_per_identity=4)
    others = [one.client("second") for _ in range(3)]
    idle = [one.client() for _ in range(4)]
    for client in others + idle:
        assert client.get("/")[0] == 200
    one.counters()   # all of them have been answered, and are idle
    time.sleep(0.5)  # until then they are too young to be closed
    # The one that is idle for the longest makes room.
    newest = one.client()
    assert newest.get("/")[0] == 200
    assert closed_within(idle[0].connection.sock, 20)
    for client in idle + [newest]:
        client.connection.close()
    one.counted("connections.evicted", 1)
    one.wait(lambda: one.counters()["connections.open"] == 3)
    # Those that are being answered do not: then the new one is refused.
    busy = [one.client() for _ in range(4)]
    replies = []
    threads = [threading.Thread(target=lambda c=c, i=i: replies.append(c.post(slow(one, "busy", token=f"b-{i}"))))
               for i, c in enumerate(busy)]
    for thread in threads:
        thread.start()
    one.wait(lambda: len(one.queryd.of(QUERY)) == 4)
    with pytest.raises((OSError, http.client.HTTPException)):
        one.client().get("/")
    assert one.client("second").get("/")[0] == 200
    for question in one.queryd.of(QUERY):
        one.queryd.send(question, answered(question, COUNT_COLUMNS, [["overall", "1", "1"]]))
    for thread in threads:
        thread.join(60)
    assert [r["result"] for r in replies] == ["query"] * 4
    assert one.counters()["connections.refused"] == 1
    assert all(not closed_within(client.connection.sock, 0.1) for client in others)


# ---- the audit log ----

def test_audit_of_every_door(make_gateway):
    one = make_gateway()
    reader, nobody = one.client("reader"), one.client("nobody")
    begun = time.monotonic()
    reader.get("/")
    capability = json.loads(reader.get("/capabilities")[2])["contents"][0]
    nobody.get("/capability/" + capability["token"])
    reader.get("/capability/secret-that-nobody-gave")
    reader.request("DELETE", "/")
    reader.get("/not-there")
    reader.post(specification(one, "mine", token="a-1"))
    receipt, asker = under_way(one, slow(one, "later", token="a-2"))
    waited = time.monotonic()
    time.sleep(0.4)
    waited = time.monotonic() - waited
    one.client("second").post(redeem(receipt))
    reader.post({"interrupt": "query", "version": 1, "token": "a-2"})
    nobody.post(specification(one, "mine", token="a-3"))
    reader.request("POST", "/", b"{nonsense")
    reader.post({"envelope": "message", "version": 1, "contents": [
        specification(one, "first", token="a-4"), {"specification": "query", "version": 1, "token": "a-5"}]})
    lines = one.audit()
    told = [(line["identity"].rpartition(".")[2], line["door"], line["outcome"], line.get("token", ""))
            for line in lines]
    assert told[:12] == [
        ("reader", "page", "shown", ""), ("reader", "capabilities", "shown", ""),
        ("nobody", "capability", "denied", ""), ("reader", "capability", "unknown", ""),
        ("reader", "other", "method", ""),
        ("reader", "other", "unknown", ""), ("reader", "specification", "result", "a-1"),
        ("reader", "redemption", "receipt", "a-2"), ("second", "redemption", "exception", "a-2"),
        ("reader", "specification", "exception", "a-2"), ("reader", "interrupt", "exception", "a-2"),
        ("nobody", "specification", "denied", "a-3")]
    assert [t[1:3] for t in told[12:]] == [("message", "malformed"), ("specification", "result"),
                                           ("message", "malformed")]
    query = lines[6]
    assert query["verb"] == "query" and query["capability"] == "QueryByCriteria" and query["label"] == "mine"
    assert query["rows"] == "2" and query["peer"].startswith("127.0.0.1:")
    assert json.loads(asker.connection.getresponse().read())["exception"] == "a-2"
    assert float(lines[9]["ms"]) >= waited * 1000 and float(query["ms"]) < (time.monotonic() - begun) * 1000
    with open(f"{one.folder}/audit", encoding="utf-8") as file:
        text = file.read()
    # Neither what was asked for nor a path that might be a secret.
    assert "secret-that" not in text and "not-there" not in text and "past" not in text and "nonsense" not in text


def test_audit_of_a_receipt(make_gateway):
    one = make_gateway(answer_timeout_ms=100)
    assert "receipt" in one.client().post(slow(one, "later", token="a-6"))
    line, = one.audit()
    assert (line["door"], line["outcome"], line["token"], line["rows"]) == ("specification", "receipt", "a-6", "0")


def test_what_outsiders_send_forges_no_line(make_gateway):
    one = make_gateway()
    client = one.client()
    client.post(specification(one, 'x" outcome="denied\n2026-01-01T00:00:00Z audit', token="\x1b[31mred\u009b"))
    line, = one.audit()
    assert line["outcome"] == "result" and line["label"].startswith('x\\" outcome=\\"denied\\x0a2026')
    assert line["token"] == "\\x1b[31mred\\xc2\\x9b"


def test_abandoned_requests_are_told(make_gateway):
    one = make_gateway()
    client, _ = ask_without_waiting(one, slow(one, "gone", token="g-1"))
    client.connection.close()
    one.wait(lambda: [(a["outcome"], a["token"]) for a in one.audit()] == [("abandoned", "g-1")])


def test_what_the_audit_log_leaves_out_is_counted(make_gateway):
    one = make_gateway(audit_per_second=1)
    client = one.client()
    for _ in range(60):
        client.get("/")
    one.wait(lambda: one.counters()["audit.left_out"] > 0)

    def told():
        lines = one.audit()
        return sum(int(line["lines"]) for line in lines if "lines" in line), sum("door" in line for line in lines)

    one.wait(lambda: sum(told()) == 60)
    left_out, written = told()
    assert one.counters()["audit.left_out"] == left_out and written >= 1


# ---- reloads ----

def test_a_reload_is_all_or_nothing(make_gateway):
    one = make_gateway(answer_timeout_ms=300)
    good = open(one.server[0], "rb").read()
    with open(one.server[0], "wb") as file:
        file.write(b"nonsense")
    one.options["access"]["roles"]["reader"] = []
    one.options["answer_timeout_ms"] = 600000
    one.options["requests_per_second"], one.options["requests_burst"] = 1, 6
    one.write_config()
    one.reload()
    assert "config.refused" in one.log() and "tls.file" in one.log()
    client = one.client()
    for i in range(3):
        reply = client.post(specification(one, token=f"r-{i}"))
        assert "result" in reply or "receipt" in reply
    assert "receipt" in client.post(slow(one, "soon", token="r-3"))
    # The same with a file that is right takes all of it.
    with open(one.server[0], "wb") as file:
        file.write(good)
    one.reload()
    reply = one.client().post(specification(one, token="r-4"))
    assert reply["withdrawal"] == "query"
    ask = ask_by_post(one.client(), "s", "withdrawal")
    assert any(ask(number) for number in range(100)), "once a second, but for a few"


def test_new_rules_do_not_come_with_a_key_that_everybody_may_read(make_gateway):
    one = make_gateway()
    os.chmod(one.server[1], 0o644)
    one.options["access"]["roles"]["reader"].append("org.example.nobody")
    one.write_config()
    one.reload()
    assert "everybody may use this file" in one.log()
    assert "not authorized" in one.client("nobody").post(specification(one))["message"]
    os.chmod(one.server[1], 0o600)
    one.reload()
    assert "result" in one.client("nobody").post(specification(one))
