# SPDX-License-Identifier: Apache-2.0
"""mplane-gw, the real program, between clients with certificates and stand-ins for queryd and stored."""
import datetime
import hashlib
import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from gateways import (COUNT_COLUMNS, MPLANE, OPERATORS, TABLE, VERSIONS, all_questions, answered, ask_without_waiting, both_versions,
                      crawl, held, listing, make_context, redeem, registry_url, set_grading, slow, specification,
                      under_way)
from messages import ANSWER, CANCEL, PUBLISH, PUBLISHED, QUERY
from queries import CANCELLED, INVALID, TIMEOUT, TOO_LARGE, UNAVAILABLE

# ---- the six cases of mutual TLS, and their relatives ----

@both_versions
@pytest.mark.parametrize("name", ["reader", "cousin"])
def test_tls_good_and_other_allowed_ca(gateway, version, name):
    client = gateway.client(name, version)
    assert "record.type" in json.loads(client.get("/capabilities")[2])["contents"][0]["parameters"]
    assert client.post(specification(gateway))["result"] == "query"
    assert client.connection.sock.version() == {VERSIONS[0]: "TLSv1.2", VERSIONS[1]: "TLSv1.3"}[version]


@both_versions
@pytest.mark.parametrize("name", ["stranger", "expired", "nameless", None])
def test_tls_refused_clients(gateway, version, name):
    failed = gateway.counters()["handshakes.failed"]
    context = make_context(gateway.ca.file, gateway.files[name] if name else None, version)
    connection = http.client.HTTPSConnection("127.0.0.1", gateway.port, context=context, timeout=60)
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        connection.request("GET", "/capabilities")
        connection.getresponse()
    gateway.counted("handshakes.failed", failed + 1)


@both_versions
def test_tls_wrong_name_is_the_clients_to_see(gateway, version):
    context = make_context(gateway.ca.file, gateway.files["reader"], version)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as raw:
        with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
            context.wrap_socket(raw, server_hostname="elsewhere.test")
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as raw:
        context.wrap_socket(raw, server_hostname="gateway.test").close()


@both_versions
def test_tls_client_that_does_not_trust_us(gateway, version):
    with pytest.raises(ssl.SSLCertVerificationError):
        gateway.client("reader", version, ca=gateway.unknown_ca.file).get("/")
    assert gateway.client().get("/")[0] == 200


def test_plain_text_on_the_tls_port(gateway):
    failed = gateway.counters()["handshakes.failed"]
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as raw:
        raw.sendall(b"GET /capabilities HTTP/1.1\r\nHost: x\r\n\r\n")
        got = b""
        try:
            while part := raw.recv(1000):
                got += part
        except ConnectionError:
            pass
    assert b"HTTP" not in got and b"capabilit" not in got
    gateway.counted("handshakes.failed", failed + 1)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_old_tls_is_refused(gateway):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_verify_locations(gateway.ca.file)
    context.load_cert_chain(*gateway.files["reader"][:2])
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as raw:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(raw, server_hostname="127.0.0.1")


def test_ipv6(gateway):
    connection = http.client.HTTPSConnection("::1", gateway.port, timeout=60,
                                             context=make_context(gateway.ca.file, gateway.files["reader"]))
    connection._context.check_hostname = False
    connection.request("GET", "/")
    assert connection.getresponse().status == 200


def test_a_key_that_everybody_may_read_is_refused(make_gateway):
    one = make_gateway()
    os.chmod(one.server[1], 0o644)
    done = subprocess.run([f"{one.build}/mplane-gw/mplane-gw", "--config", f"{one.folder}/ezrepo.json"],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0 and "everybody may use this file" in done.stderr


# ---- discovery ----


def test_both_ways_of_discovery_give_the_table(gateway):
    admin = gateway.client("admin")
    crawled = {c["label"]: c for c in crawl(admin)}
    envelope = json.loads(admin.get("/capabilities")[2])
    assert envelope["envelope"] == "message" and envelope["version"] == 1
    assert crawled == {c["label"]: c for c in envelope["contents"]}
    assert set(crawled) == set(TABLE)
    for label, (verb, parameters, columns) in TABLE.items():
        one = crawled[label]
        assert one["capability"] == verb and one["version"] == 1
        assert set(one["parameters"]) == set(parameters) and one["results"] == columns
        assert one["when"] == "past ... future"
        assert one["registry"] == registry_url(gateway)
        assert one["link"] == f"https://127.0.0.1:{gateway.port}/"
        assert re.fullmatch("[0-9a-f]{32}", one["token"])
        assert "export" not in one


def test_discovery_shows_only_what_one_may_use(gateway):
    reader = gateway.client("reader")
    assert len(OPERATORS) > 3 and {c["label"] for c in crawl(reader)} == set(TABLE) - OPERATORS
    nobody = gateway.client("nobody")
    assert crawl(nobody) == []
    assert json.loads(nobody.get("/capabilities")[2])["contents"] == []


def test_front_page_is_for_people(gateway):
    status, kind, body = gateway.client().get("/")
    assert (status, kind) == (200, "text/html")
    assert "<a href='/capability'>" in body and "repository" in body


def test_handshake_only_connections_beside_an_idle_one(gateway):
    client = gateway.client()
    for _ in range(20):
        assert client.post(specification(gateway))["result"] == "query"
        assert client.handshake_only()["subject"]
    assert len(crawl(client)) == len(TABLE) - len(OPERATORS)


def test_registry_listener(gateway):
    def fetch(path, **options):
        url = f"http://127.0.0.1:{gateway.registry_port}{path}"
        with urllib.request.urlopen(urllib.request.Request(url, **options), timeout=60) as response:
            return response.headers["Content-Type"], json.load(response)

    kind, own = fetch("/registry/ezrepo")
    assert kind == "application/json"
    assert own["registry-uri"] == registry_url(gateway) and own["registry-format"] == "mplane-0"
    assert own["includes"] == ["http://ict-mplane.eu/registry/core"]
    known = {e["name"] for e in own["elements"] if isinstance(e, dict)}
    core = {e["name"] for e in fetch("/registry/core")[1]["elements"] if isinstance(e, dict)}
    for _, parameters, columns in TABLE.values():
        assert set(parameters + columns) <= known | core
    for path, method, status in [("/", "GET", 404), ("/capabilities", "GET", 404), ("/registry/ezrepo", "POST", 405),
                                 ("/registry/ezrepo", "PUT", 405), ("/registry/../../etc/passwd", "GET", 404)]:
        with pytest.raises(urllib.error.HTTPError) as caught:
            fetch(path, method=method, data=b"x" if method != "GET" else None)
        assert caught.value.code == status


# ---- queries ----

@pytest.mark.parametrize("path", ["/", "/capability", "/specification", "/specification/", "/?x=1"])
def test_query_on_every_path(gateway, path):
    spec = specification(gateway, "count-7", token="mine")
    reply = gateway.client().post(spec, path)
    assert reply["result"] == "query" and reply["version"] == 1
    assert (reply["label"], reply["token"], reply["registry"]) == ("count-7", "mine", registry_url(gateway))
    assert reply["parameters"] == spec["parameters"] and reply["results"] == COUNT_COLUMNS
    assert reply["resultvalues"] == [["overall", "42", "7"], ["bandwidth", "42", "*"]]


def test_link_with_a_path_takes_posts(make_gateway):
    one = make_gateway(public_url="https://gateway.test:8890/mplane/door/")
    client = one.client()
    assert json.loads(client.get("/capabilities")[2])["contents"][0]["link"].endswith("/mplane/door/")
    assert client.post(specification(one), "/mplane/door/")["result"] == "query"
    assert client.get("/mplane/door")[0] == 405


def test_columns_in_the_order_of_the_specification(gateway):
    reply = gateway.client().post(specification(gateway, columns=COUNT_COLUMNS[::-1]))
    assert reply["results"] == COUNT_COLUMNS[::-1]
    assert reply["resultvalues"] == [["7", "42", "overall"], ["*", "42", "bandwidth"]]


def sdk_token(spec):
    """The token that SDK programs compute for a specification with a definite scope."""
    names = sorted(spec["parameters"])
    text = (spec["registry"] + spec["specification"] + " w " + spec["when"] + " pk " + " ".join(names) + " pv " +
            " ".join(spec["parameters"][n] for n in names) + " r " + " ".join(sorted(spec["results"])))
    return hashlib.md5(text.encode()).hexdigest()


def test_token_of_a_definite_scope_is_the_one_the_sender_expects(gateway):
    spec = specification(gateway, when="2026-01-01 00:00:00.000000 ... 2026-01-02 00:00:00.000000")
    reply = gateway.client().post(spec)
    assert reply["token"] == sdk_token(spec)
    assert reply["when"] == spec["when"]


def last_query(gateway):
    return gateway.queryd.of(QUERY)[-1]


def test_question_that_reaches_queryd(gateway):
    given = {"record.type": "GLIMPSE", "record.content": "ICMP*", "record.probe": "p?", "record.source": "192.0.2.0/24",
             "record.dest": "2001:db8::1", "record.path": "**", "select.grade": "bandwidth", "range.grade": "1..2"}
    gateway.client().post(specification(gateway, parameters=given,
                                        when="2026-01-01 10:00:00 ... 2026-01-01 11:00:00.5"))
    asked = last_query(gateway)
    assert [asked[k] for k in ("kind", "type", "content", "probe", "source", "dest", "path")] == \
        [0, "GLIMPSE", "ICMP*", "p?", "192.0.2.0/24", "2001:db8::1", "**"]
    assert (asked["grade_name"], asked["grade_low"], asked["grade_high"]) == ("bandwidth", 1, 2)
    start = int(datetime.datetime(2026, 1, 1, 10, tzinfo=datetime.timezone.utc).timestamp()) * 10**6
    assert (asked["from_us"], asked["to_us"], asked["instant"]) == (start, start + 3600500000, 0)
    assert asked["timeout_ms"] == gateway.options["query_timeout_ms"]


@pytest.mark.parametrize("text,low,high", [("3 ... 5", 3, 5), ("3...5", 3, 5), ("3..5", 3, 5), ("3", 3, 3), ("0", 0, 0), ("0..2", 0, 2),
                                           ("*", 1, 5)])
def test_grade_ranges(gateway, text, low, high):
    assert "result" in gateway.client().post(specification(gateway, parameters={"range.grade": text}))
    assert (last_query(gateway)["grade_low"], last_query(gateway)["grade_high"]) == (low, high)


def test_scopes(gateway):
    client = gateway.client()
    absolute = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}"

    def ask(when):
        reply = client.post(specification(gateway, when=when))
        assert "result" in reply, reply
        return last_query(gateway), reply["when"]

    before = time.time() * 1e6
    asked, when = ask("past ... now")
    assert asked["from_us"] == -2**63 and before - 1e6 < asked["to_us"] < time.time() * 1e6 + 1e6
    assert re.fullmatch(f"1970-01-01 00:00:00.000000 ... {absolute}", when)
    asked, when = ask("past ... future")
    assert (asked["from_us"], asked["to_us"]) == (-2**63, 2**63 - 1)
    assert re.fullmatch(f"1970-01-01 00:00:00.000000 ... {absolute}", when) and not when.endswith("00:00.000000")
    asked, when = ask("2026-01-01 ... now")
    assert when.startswith("2026-01-01 00:00:00.000000 ... ")
    asked, when = ask("2026-01-01 00:00:00 + 1d")
    assert asked["to_us"] - asked["from_us"] == 86400 * 10**6 and asked["instant"] == 0
    asked, when = ask("now + 1h")
    assert asked["to_us"] - asked["from_us"] == 3600 * 10**6
    asked, when = ask("2026-01-01 12:00:00")
    assert asked["instant"] == 1 and when == "2026-01-01 12:00:00.000000"
    asked, when = ask("now")
    assert asked["instant"] == 1 and re.fullmatch(absolute, when)


def test_listing_question_and_null_times(gateway):
    columns = TABLE["QueryEvents"][2]
    row = [None, *"abcdef", "overall", None, "4", "False", None, "cursor-1"]
    seen = {}

    def events(message):
        seen.update(message)
        return answered(message, columns, [row]) if message["number"] == QUERY else None

    with gateway.queryd.answering(events):
        reply = gateway.client().post(listing(gateway, "QueryEvents", columns,
                                              **{"list.limit": "25", "list.after": "cursor-0"}))
    assert reply["resultvalues"] == [[None, *"abcdef", "overall", "*", "4", "False", "*", "cursor-1"]]
    assert (seen["kind"], seen["limit"], seen["after"]) == (3, 25, "cursor-0")


def test_empty_listing_is_a_result_without_rows(gateway):
    columns = TABLE["QueryPeriods"][2]
    with gateway.queryd.answering(lambda m: answered(m, columns, [])):
        reply = gateway.client().post(listing(gateway, "QueryPeriods", columns))
    assert reply["result"] == "query" and not reply.get("resultvalues")


@pytest.mark.parametrize("change,says", [
    ({"parameters": {"range.grade": "-1 ... 5"}}, "range.grade"),
    ({"parameters": {"range.grade": "4 ... 2"}}, "range.grade"),
    ({"parameters": {"range.grade": "6"}}, "range.grade"),
    ({"parameters": {"range.grade": "3 - 5"}}, "range.grade"),
    ({"parameters": {"range.grade": ""}}, "range.grade"),
    ({"parameters": {"range.grade": " "}}, "range.grade"),
    ({"parameters": {"record.content": "http://x.example/\\a"}}, "record.content"),
    ({"parameters": {"select.grade": "nonsense"}}, 'no grade is named "nonsense"'),
    ({"parameters": {"select.grade": ""}}, "select.grade"),
    ({"parameters": {"record.dest": "192.0.2.0/33"}}, "record.dest"),
    ({"parameters": {"record.probe": "x" * 2000}}, "record.probe"),
    ({"parameters": {"record.nonsense": "x"}}, "record.nonsense"),
    ({"columns": ["grade.name"]}, "records.matched"),
    ({"columns": COUNT_COLUMNS + ["list.cursor"]}, "list.cursor"),
    ({"columns": COUNT_COLUMNS + ["grade.name"]}, ""),
    ({"when": "sometimes"}, "when"),
    ({"when": "past ... now / 1h"}, "when"),
    ({"when": "2026-01-02 ... 2026-01-01"}, "when"),
    ({"registry": "http://elsewhere.test/registry"}, "registry"),
    ({"version": 7}, "version"),
])
def test_bad_specifications_are_answered_with_what_is_wrong(gateway, change, says):
    reply = gateway.client().post(specification(gateway, token="t-1", **change))
    assert set(reply) == {"exception", "message"}
    assert reply["exception"] == "t-1"
    assert says in reply["message"] and len(reply["message"]) > 10
    missing = specification(gateway, token="t-2")
    del missing["parameters"]["record.path"]
    reply = gateway.client().post(missing)
    assert reply["exception"] == "t-2" and "record.path" in reply["message"] and "missing" in reply["message"]


def test_limit_of_a_listing_is_checked(gateway):
    reply = gateway.client().post(listing(gateway, "QueryRecords", TABLE["QueryRecords"][2], **{"list.limit": "10001"}))
    assert "list.limit" in reply["message"]


def test_get_grading(gateway):
    columns = TABLE["GetGrading"][2]
    seen = {}

    def grading(message):
        seen.update(message)
        return answered(message, columns, [["3", "2026-01-01 00:00:00.000000", "org.example.admin", '{"grading": []}', "why"]])

    with gateway.queryd.answering(grading):
        spec = specification(gateway, "GetGrading", columns)
        spec["parameters"] = {"grading.version": "0"}
        reply = gateway.client().post(spec)
    assert (seen["kind"], seen["grading_version"]) == (5, 0)
    assert reply["resultvalues"][0][3] == '{"grading": []}'
    spec["results"] = columns[:-1]  # who asks without it gets what is asked
    with gateway.queryd.answering(grading):
        assert [len(row) for row in gateway.client().post(spec)["resultvalues"]] == [4]


@pytest.mark.parametrize("status,says", [(TIMEOUT, "too long"), (UNAVAILABLE, "unavailable"), (TOO_LARGE, "too large"),
                                         (CANCELLED, "cancelled"), (INVALID, "fault")])
def test_what_queryd_refuses_is_an_exception(gateway, status, says):
    with gateway.queryd.answering(lambda m: answered(m, [], [], status, "because of this")):
        reply = gateway.client().post(specification(gateway, token="t-3"))
    assert reply["exception"] == "t-3" and says in reply["message"] and "because of this" in reply["message"]


def test_nonsense_from_queryd_is_dropped(gateway):
    bad = gateway.counters()["answers.malformed"]

    def nonsense(message):
        if message["number"] == QUERY:
            gateway.queryd.send(message, [ANSWER, message["id"], 99, "", [], []])
            gateway.queryd.send(message, [PUBLISHED, message["id"], 0, "", 1, 1, []])
            gateway.queryd.send(message, [ANSWER, message["id"], 0, "", COUNT_COLUMNS, ["a", "1"]])
        return None

    with gateway.queryd.answering(nonsense):
        reply = gateway.client().post(specification(gateway, token="t-4"))
    assert reply["exception"] == "t-4" and "queryd" in reply["message"]
    gateway.counted("answers.malformed", bad + 2)


# ---- every door is guarded ----

def test_wrong_role_at_every_door(gateway):
    denied = gateway.counters()["denied"]
    nobody = gateway.client("nobody")
    for capability in json.loads(gateway.client("admin").get("/capabilities")[2])["contents"]:
        status, kind, body = nobody.get("/capability/" + capability["token"])
        assert (status, kind) == (200, MPLANE)
        assert json.loads(body)["exception"] == capability["token"] and "not authorized" in body
    asked = len(gateway.queryd.of(QUERY))
    for path in ("/", "/capability", "/specification"):
        reply = nobody.post(specification(gateway, token="t-5"), path)
        assert reply["exception"] == "t-5" and "not authorized" in reply["message"]
    reply = nobody.post({"envelope": "message", "version": 1, "contents": [specification(gateway, token="t-6")]})
    assert reply["contents"][0]["exception"] == "t-6"
    spec = specification(gateway, "SetGrading", ["grading.version", "grading.blocks"])
    spec["parameters"] = {"grading.document": "{}"}
    assert "not authorized" in gateway.client("reader").post(spec)["message"]
    assert len(all_questions(gateway)) == asked
    gateway.client("admin").post(set_grading(gateway, "{}"))  # behind which nothing can be under way to stored
    assert not [m for m in gateway.stored.of(PUBLISH) if m["author"] == "org.example.reader"]
    gateway.counted("denied", denied + len(TABLE) + 5)


def test_only_its_creator_redeems_or_interrupts_a_job(hasty):
    owner, other = hasty.client("reader"), hasty.client("second")
    receipt, question = held(hasty, owner, "mine", token="t-7")
    cancelled = len(hasty.queryd.of(CANCEL))
    for verb in ("redemption", "interrupt"):
        message = {**receipt, verb: "query"}
        del message["receipt"]
        for client in (other, hasty.client("nobody"), hasty.client("admin")):
            reply = client.post(message)
            assert reply["exception"] == "t-7" and "unknown job" in reply["message"]
    # The same token is another job for another identity.
    assert held(hasty, other, "theirs", token="t-7")[0]["label"] == "theirs"
    message = {**receipt, "interrupt": "query"}
    del message["receipt"]
    assert "interrupted" in owner.post(message)["message"]
    hasty.wait(lambda: len(hasty.queryd.of(CANCEL)) > cancelled)
    assert hasty.queryd.of(CANCEL)[cancelled]["id"] == question["id"], "the first to be cancelled"
    redemption = {"redemption": "query", "version": 1, "registry": registry_url(hasty), "token": "t-7"}
    assert other.post(redemption)["receipt"] == "query"


# ---- receipts ----

def test_receipt_then_redemption(hasty):
    client = hasty.client()
    begun = time.monotonic()
    spec = slow(hasty, "later", when="2026-01-01 00:00:00.000000 ... 2026-01-03 00:00:00.000000")
    asked = len(hasty.queryd.of(QUERY))
    receipt = client.post(spec)
    assert time.monotonic() - begun > 0.15, "so long an answer is waited for"
    assert receipt["receipt"] == "query" and receipt["label"] == "later" and receipt["token"] == sdk_token(spec)
    assert {k: receipt[k] for k in ("parameters", "results", "when", "registry")} == \
        {k: spec[k] for k in ("parameters", "results", "when", "registry")}
    assert client.post(redeem(receipt)) == receipt
    hasty.wait(lambda: len(hasty.queryd.of(QUERY)) > asked)
    question = last_query(hasty)
    hasty.queryd.send(question, answered(question, COUNT_COLUMNS, [["overall", "1", "0"]]))
    hasty.wait(lambda: "result" in client.post(redeem(receipt), "/capability"))
    token_only = {"redemption": "query", "version": 1, "token": receipt["token"]}
    result = client.post(token_only)
    assert result["label"] == "later" and result["resultvalues"] == [["overall", "1", "0"]]
    assert result["token"] == receipt["token"] and result["when"] == spec["when"]


def test_same_specification_while_its_job_is_under_way(hasty):
    first, second = hasty.client(), hasty.client()
    when = "2026-02-01 00:00:00.000000 ... 2026-02-03 00:00:00.000000"
    receipt, question = held(hasty, first, "label-1", when=when)
    asked = len(hasty.queryd.of(QUERY))
    again = second.post(slow(hasty, "label-2", when=when))
    assert again == {**receipt, "label": "label-2"}
    hasty.queryd.send(question, answered(question, COUNT_COLUMNS, [["overall", "5", "5"]]))
    hasty.wait(lambda: "result" in first.post(redeem(receipt)))
    # Delivered: the same question is a new one, its answer may have changed.
    assert held(hasty, second, "label-3", when=when)[1]["id"] != question["id"]
    assert len(hasty.queryd.of(QUERY)) == asked + 1


def test_token_of_another_question_under_way(hasty):
    client = hasty.client()
    held(hasty, client, "a", token="t-8")
    reply = client.post(slow(hasty, "b", token="t-8", when="2026-01-01 ... 2026-01-02"))
    assert reply["exception"] == "t-8" and "token" in reply["message"]


def test_interrupt_cancels_at_queryd(hasty):
    client = hasty.client()
    receipt, question = held(hasty, client, "stop-me", token="t-9")
    interrupt = {"interrupt": "query", "version": 1, "token": "t-9"}
    reply = client.post(interrupt, "/capability")
    assert reply["exception"] == "t-9" and "interrupted" in reply["message"]
    hasty.wait(lambda: question["id"] in [m["id"] for m in hasty.queryd.of(CANCEL)])
    assert "interrupted" in client.post(redeem(receipt))["message"]
    assert "unknown job" in client.post({**interrupt, "token": "nobody-has-this"})["message"]


@both_versions
@pytest.mark.parametrize("way", ["close", "abort"])
def test_asker_that_leaves_takes_its_question_along(gateway, version, way):
    spec = slow(gateway, "gone", token="t-10" + way)
    client, question = ask_without_waiting(gateway, spec, version=version)
    if way == "abort":
        client.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        os.close(client.connection.sock.detach())
    else:
        client.connection.close()
    gateway.wait(lambda: question["id"] in [m["id"] for m in gateway.queryd.of(CANCEL)])
    redemption = {"redemption": "query", "version": 1, "token": "t-10" + way}
    assert "unknown job" in gateway.client().post(redemption)["message"]


def test_asker_that_leaves_does_not_end_what_another_waits_for(gateway):
    spec = slow(gateway, "shared", token="t-11")
    first, question = ask_without_waiting(gateway, spec)
    second, requests = gateway.client(), gateway.counters()["requests"]
    second.connection.request("POST", "/", json.dumps(spec), {"Content-Type": MPLANE})
    gateway.counted("requests", requests + 1)
    first.connection.close()
    gateway.wait(lambda: ("abandoned", "t-11") in [(a["outcome"], a.get("token")) for a in gateway.audit()])
    gateway.queryd.send(question, answered(question, COUNT_COLUMNS, [["overall", "1", "1"]]))
    assert json.loads(second.connection.getresponse().read())["result"] == "query"
    all_questions(gateway)
    assert question["id"] not in [m["id"] for m in gateway.queryd.of(CANCEL)]


def test_requests_sent_while_one_is_answered_wait_their_turn(gateway):
    client = gateway.client()
    client.get("/")
    asked = len(gateway.queryd.of(QUERY))
    body = json.dumps(slow(gateway, "pipe", token="t-12"))
    request = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {MPLANE}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    client.connection.sock.sendall(request.encode() + b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
    gateway.wait(lambda: len(gateway.queryd.of(QUERY)) > asked)
    client.connection.sock.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    question = last_query(gateway)
    gateway.queryd.send(question, answered(question, COUNT_COLUMNS, [["overall", "1", "1"]]))
    got = b""
    while part := client.connection.sock.recv(65536):
        got += part
    assert got.count(b"HTTP/1.1 200") == 1 and got.count(b"HTTP/1.1 404") == 2
    assert got.index(b'"result"') < got.index(b"404")


def test_queryd_that_never_answers(make_gateway):
    one = make_gateway(query_timeout_ms=300, answer_timeout_ms=100)
    client = one.client()
    client.post(slow(one, "silence", token="t-13"))
    redemption = {"redemption": "query", "version": 1, "token": "t-13"}
    one.wait(lambda: "exception" in client.post(redemption))
    assert "queryd did not answer in time" in client.post(redemption)["message"]
    assert one.counters()["queries.unanswered"] == 1
    one.wait(lambda: one.queryd.of(CANCEL))


def test_jobs_of_one_identity_are_bounded(make_gateway):
    one = make_gateway(results_max_per_identity=3, answer_timeout_ms=50)
    client = one.client()
    for i in range(3):
        assert "receipt" in client.post(slow(one, "many", token=f"m-{i}"))
    reply = client.post(slow(one, "many", token="m-3"))
    assert reply["exception"] == "m-3" and "too many" in reply["message"]
    assert "receipt" in one.client("admin").post(slow(one, "other", token="m-3"))
    one.wait(lambda: len(one.queryd.of(QUERY)) == 4)
    # Answered ones make room, the oldest first.
    for question in one.queryd.of(QUERY)[:2]:
        one.queryd.send(question, answered(question, COUNT_COLUMNS, []))
    one.wait(lambda: "result" in client.post({"redemption": "query", "version": 1, "token": "m-1"}))
    assert "receipt" in client.post(slow(one, "many", token="m-4"))
    assert one.counters()["jobs.known"] == 4


def test_what_waits_holds_bounded_memory(make_gateway):
    """A large body is not held until there is an answer: its sender gets the receipt at once."""
    one = make_gateway(results_bytes=1048576, answer_timeout_ms=600000, query_timeout_ms=600000)
    client = one.client()
    assert "receipt" in client.post(slow(one, "large", token="l-1", junk=["x" * 700000] * 2))
    assert one.counters()["jobs.bytes"] < 50000
    one.wait(lambda: one.queryd.of(QUERY))
    question, = one.queryd.of(QUERY)
    one.queryd.send(question, answered(question, COUNT_COLUMNS, [["overall", "1", "1"]]))
    one.wait(lambda: "result" in client.post({"redemption": "query", "version": 1, "token": "l-1"}))


def test_answers_are_forgotten_in_time(make_gateway):
    one = make_gateway(result_keep_s=1)
    client = one.client()
    begun = time.monotonic()
    assert "result" in client.post(specification(one, token="t-14"))
    redemption = {"redemption": "query", "version": 1, "token": "t-14"}
    assert "result" in client.post(redemption) or time.monotonic() - begun > 1
    one.wait(lambda: "exception" in client.post(redemption))
    assert one.counters()["jobs.known"] == 0 and one.counters()["jobs.bytes"] == 0


def test_answer_too_large_is_an_exception(make_gateway):
    one = make_gateway(answer_bytes=1048576)
    columns = TABLE["QueryRecords"][2]
    row = ["2026-01-01 00:00:00.000000", *"abcdef", "overall", "1", "1", "x" * 20000, None, "c"]
    one.queryd.answer = lambda m: answered(m, columns, [row] * (40 if m["limit"] == 40 else 60))
    client = one.client()
    reply = client.post(listing(one, "QueryRecords", columns, **{"list.limit": "60"}))
    assert "too large" in reply["message"]
    reply = client.post(listing(one, "QueryRecords", columns, **{"list.limit": "40"}))
    assert len(reply["resultvalues"]) == 40


@pytest.mark.parametrize("value", [None, 0, "0", "4294967296", "*", "absent"])
def test_zero_may_be_left_out(gateway, value):
    """Some supervisors drop parameters that are 0: absent, null and another spelling say the same."""
    client = gateway.client()
    one = {**specification(gateway, "GetGrading", TABLE["GetGrading"][2]), "parameters": {"grading.version": value}}
    many = listing(gateway, "QueryRecords", TABLE["QueryRecords"][2], **{"list.limit": value, "list.after": ""})
    if value == "absent":
        one["parameters"] = {}
        del many["parameters"]["list.limit"], many["parameters"]["list.after"]
    with gateway.queryd.answering(lambda m: answered(m, [], [], INVALID, "seen")):
        for message, field in ((one, "grading_version"), (many, "limit")):
            before = len(gateway.queryd.of(QUERY))
            assert "seen" in client.post(message)["message"]
            question = gateway.queryd.of(QUERY)[before]
            assert question[field] == 0 and question["after"] == ""
    # What is not one of these has to be there.
    del many["parameters"]["record.dest"]
    assert "the parameter is missing: record.dest" in client.post(many)["message"]


def test_labels_with_a_prefix(make_gateway):
    """Clients see it everywhere; who may do what is said without it."""
    one = make_gateway(label_prefix="lab-1.")
    client = one.client()
    labels = [c["label"] for c in json.loads(client.get("/capabilities")[2])["contents"]]
    assert "lab-1.QueryByCriteria" in labels and all(label.startswith("lab-1.") for label in labels)
    assert "lab-1.SetGrading" not in labels
    reply = client.post(specification(one, "lab-1.QueryByCriteria"))
    assert "result" in reply and reply["label"] == "lab-1.QueryByCriteria"
    assert "result" in client.post(specification(one, "whatever"))
    assert "not authorized" in one.client("nobody").post(specification(one, "lab-1.QueryByCriteria"))["message"]


# ---- envelopes ----

def test_envelope_of_all_kinds(gateway):
    client = gateway.client()
    receipt, _asker = under_way(gateway, slow(gateway, "env", token="t-15"))
    inner = {"envelope": "message", "version": 1, "contents": [specification(gateway, "nested")]}
    reply = client.post({"envelope": "message", "version": 1, "label": "all", "token": "e-1", "contents": [
        specification(gateway, "one"), redeem(receipt), {"specification": "query", "version": 1, "token": "bad"},
        inner, {"interrupt": "query", "version": 1, "token": "t-15"}, "nothing"]})
    assert reply["envelope"] == "message" and (reply["label"], reply["token"]) == ("all", "e-1")
    one, two, three, four, five, six = reply["contents"]
    assert one["label"] == "one" and "result" in one
    assert two["receipt"] == "query"
    assert three["exception"] == "bad" and three["message"].startswith("contents[2].")
    assert four["label"] == "nested" and "result" in four
    assert "interrupted" in five["message"]
    assert six["exception"] and six["message"].startswith("contents[5].")


def test_specification_and_its_interrupt_in_one_envelope(gateway):
    reply = gateway.client().post({"envelope": "message", "version": 1, "contents": [
        slow(gateway, "both", token="t-16"), {"interrupt": "query", "version": 1, "token": "t-16"}]})
    assert ["interrupted" in m["message"] for m in reply["contents"]] == [True, True]


def test_envelopes_are_bounded(gateway):
    client = gateway.client()
    ones = [{"redemption": "query", "version": 1, "token": "x"}]
    assert len(client.post({"envelope": "message", "version": 1, "contents": ones * 64})["contents"]) == 64
    assert "at most 64" in client.post({"envelope": "message", "version": 1, "contents": ones * 65})["message"]
    assert client.post({"envelope": "message", "version": 1, "contents": []})["contents"] == []
    deep = {"envelope": "message", "version": 1, "contents": ones}
    for _ in range(6):
        deep = {"envelope": "message", "version": 1, "contents": [deep]}
    assert "nested" in client.post(deep)["message"]


# ---- SetGrading ----

def test_set_grading(gateway):
    admin = gateway.client("admin")
    reply = admin.post(set_grading(gateway, '{"grading": ["ü"]}', when="now"))
    assert reply["result"] == "store" and reply["resultvalues"] == [["2", "3"]]
    seen = gateway.stored.of(PUBLISH)[-1]
    assert (seen["author"], seen["document"], seen["comment"]) == ("org.example.admin", '{"grading": ["ü"]}', "")
    for comment, kept in (("**", ""), ("<b>why</b>\n", "<b>why</b>\n")):
        spec = set_grading(gateway, "{}")
        assert admin.post({**spec, "parameters": {**spec["parameters"], "grading.comment": comment}})["result"] == "store"
        assert gateway.stored.of(PUBLISH)[-1]["comment"] == kept
    assert gateway.stored.of(PUBLISH)[-1]["over"] == 0
    admin.post({**spec, "parameters": {**spec["parameters"], "grading.version": "7"}})
    assert gateway.stored.of(PUBLISH)[-1]["over"] == 7
    spec["parameters"]["grading.comment"] = "x" * 1025
    assert "grading.comment: expected at most 1024 bytes, found 1025" in admin.post(spec)["message"]
    reply = admin.post(set_grading(gateway, "nonsense", token="t-17"))
    assert reply["exception"] == "t-17"
    assert "grading[0]: expected an object" in reply["message"] and "grading[1].gradeName: missing" in reply["message"]
    assert "grading.document" in admin.post(set_grading(gateway, ""))["message"]
    big = '{"x": "' + "\\" * 500000 + '"}'
    assert admin.post(set_grading(gateway, big))["result"] == "store"
    assert gateway.stored.of(PUBLISH)[-1]["document"] == big


def test_stored_that_does_not_answer(make_gateway):
    one = make_gateway(answer_timeout_ms=100)
    one.stored.answer = lambda m: None
    admin = one.client("admin")
    receipt = admin.post(set_grading(one, "{}", token="t-18"))
    assert receipt["receipt"] == "store"
    interrupt = {"interrupt": "store", "version": 1, "token": "t-18"}
    assert admin.post(interrupt)["receipt"] == "store", "a publication cannot be taken back"
    one.change(store_timeout_ms=500)
    admin = one.client("admin")
    admin.post(set_grading(one, "{}", token="t-19"))
    redemption = {"redemption": "store", "version": 1, "token": "t-19"}
    one.wait(lambda: "exception" in admin.post(redemption))
    assert "stored did not answer in time" in admin.post(redemption)["message"]
