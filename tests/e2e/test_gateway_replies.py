# SPDX-License-Identifier: Apache-2.0
"""mplane-gw and answers on their way: readers that do not read, the same answer many times, large ones in turns. What
they take is bounded, and others are served meanwhile."""
import json
import re
import signal
import socket

from gateways import (COUNT_COLUMNS, MPLANE, TABLE, answered, counts, listing, make_context, opened, registry_url,
                      specification)
from messages import QUERY
from processes import memory_kib

ROWS = 10000
COLUMNS = TABLE["QueryRecords"][2]


def large(gateway, token, probe="large"):
    """A question whose answer has as many rows as an answer may have; a huge one has no room in a socket's buffers."""
    return listing(gateway, "QueryRecords", COLUMNS, **{"record.probe": probe}) | {"token": token}


def many_rows(message):
    if message["number"] == QUERY and message["probe"] in ("large", "huge"):
        text = "x" * (10 if message["probe"] == "large" else 200)
        row = ["2026-01-01 00:00:00.000000", *[text] * 6, "overall", "5", "1", "{}", None, "c"]
        return answered(message, COLUMNS, [row] * ROWS)
    return counts(message)


def slow_reader(gateway):
    """A connection that takes little before it is read from."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", gateway.port))
    return make_context(gateway.ca.file, gateway.files["reader"]).wrap_socket(raw, server_hostname="127.0.0.1")


def redemption(token, label=None):
    return {"redemption": "query", "version": 1, "token": token} | ({"label": label} if label else {})


def envelope(*messages):
    return {"envelope": "message", "version": 1, "contents": list(messages)}


def post_unread(connection, message):
    body = json.dumps(message).encode()
    connection.sendall(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {MPLANE}\r\nContent-Length: {len(body)}\r\n\r\n"
                       .encode() + body)


def read_reply(connection):
    """The body of the reply, which has a Content-Length."""
    connection.settimeout(60)
    got = bytearray()
    while b"\r\n\r\n" not in got:
        got += (more := connection.recv(65536))
        assert more, got
    head, _, rest = bytes(got).partition(b"\r\n\r\n")
    size = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    body = bytearray(rest)
    while len(body) < size:
        body += (more := connection.recv(1 << 20))
        assert more, (len(body), size)
    return json.loads(body)


def test_what_is_not_read_is_bounded(make_gateway):
    """Twenty connections of one identity, each asking for all its answers at once, several times, and none reads."""
    one = make_gateway(requests_per_second=0, results_bytes=1 << 30, transfer_timeout_s=600)
    one.queryd.answer = many_rows
    client = one.client()
    tokens = [f"t-{n}" for n in range(8)]
    size = 0
    for token in tokens:
        reply = client.post(large(one, token))
        assert len(reply["resultvalues"]) == ROWS
        size = max(size, len(json.dumps(reply, indent=2)))
    before = memory_kib(one.process.pid, "VmRSS")
    hogs = [opened(one) for _ in range(20)]
    for hog in hogs:
        post_unread(hog, envelope(*[redemption(token) for token in tokens]))
    one.wait(lambda: one.counters()["replies.held_back"] > 0)
    def answered_so_far():
        counters = one.counters()
        return counters["answered.result"] + counters["answered.receipt"] + len(tokens) * counters["limited"]
    one.wait(lambda: answered_so_far() == len(tokens) * (1 + len(hogs)))
    # The second gets the identity's share while nothing of the first has been read; whoever is beyond gets receipts.
    counters = one.counters()
    assert counters["replies.bytes"] <= (16 << 20) + size + 20 * 65536
    grown = memory_kib(one.process.pid, "VmRSS") - before
    assert grown < 3 * (16 << 10), f"{grown} KiB for answers of {size >> 10} KiB"
    # Another identity has room of its own, and is served.
    second = one.client("second")
    assert len(second.post(large(one, "t-0"))["resultvalues"]) == ROWS
    assert "result" in second.post(specification(one))
    # What was kept back is there, once what was sent has been read.
    kinds = []
    for hog in hogs:
        contents = read_reply(hog).get("contents", [])
        kinds += ["result" if "result" in m else "receipt" if "receipt" in m else m["message"] for m in contents]
    assert 0 < kinds.count("result") < len(kinds)
    assert set(kinds) == {"result", "receipt"}, set(kinds)
    one.wait(lambda: one.counters()["replies.bytes"] == 0)
    assert len(client.post(redemption("t-7"))["resultvalues"]) == ROWS


def test_nothing_is_begun_for_whom_too_much_is_on_its_way(make_gateway):
    one = make_gateway(replies_bytes_per_identity=65536, transfer_timeout_s=600)
    one.queryd.answer = many_rows
    hog, client = slow_reader(one), one.client()
    post_unread(hog, large(one, "t-1", "huge"))
    one.wait(lambda: one.counters()["replies.bytes"] > 65536)
    asked = len(one.queryd.of(QUERY))
    refusal = client.post(specification(one, token="t-2"))
    assert refusal["exception"] == "t-2" and "on their way" in refusal["message"]
    assert client.get("/capabilities")[0] == 429
    assert len(one.queryd.of(QUERY)) == asked
    assert "result" in one.client("second").post(specification(one))
    assert len(read_reply(hog)["resultvalues"]) == ROWS
    one.wait(lambda: one.counters()["replies.bytes"] == 0)
    assert "result" in client.post(specification(one, token="t-2"))


def test_who_leaves_gives_the_room_back(make_gateway):
    one = make_gateway(replies_bytes_per_identity=65536)
    one.queryd.answer = many_rows
    hog = slow_reader(one)
    post_unread(hog, large(one, "t-1", "huge"))
    one.wait(lambda: one.counters()["replies.bytes"] > 65536)
    hog.close()
    one.wait(lambda: one.counters()["replies.bytes"] == 0)
    assert "result" in one.client().post(specification(one))


def test_all_share_one_room(make_gateway):
    """What is on its way to one identity leaves so much less for the others, however little each has."""
    one = make_gateway(replies_bytes=1 << 20, replies_bytes_per_identity=1 << 20, transfer_timeout_s=600)
    one.queryd.answer = many_rows
    hog = slow_reader(one)
    post_unread(hog, large(one, "t-1", "huge"))
    one.wait(lambda: one.counters()["replies.bytes"] > 1 << 20)
    assert "to you or to all" in one.client("second").post(specification(one))["message"]
    hog.close()
    one.wait(lambda: one.counters()["replies.bytes"] == 0)
    assert "result" in one.client("second").post(specification(one))


def test_a_token_stands_once_in_an_envelope(gateway):
    client = gateway.client()
    client.post(specification(gateway, token="once"))
    reply = client.post(envelope(*[redemption("once")] * 3, specification(gateway, token="new"),
                                 envelope(specification(gateway, token="new"))))
    first, *again, new, nested = reply["contents"]
    assert "result" in first and "result" in new
    for number, refused in enumerate(again):
        assert refused["exception"] == "once"
        assert refused["message"].startswith(f"contents[{number + 1}].token: a redemption of this token")
    assert nested["exception"] == "new" and nested["message"].startswith("contents[4].contents[0].token: ")


def test_a_shared_answer_has_the_label_it_was_asked_under(gateway):
    client = gateway.client()
    first = client.post(specification(gateway, "one \"ü\"", token="shared"))
    assert first["label"] == "one \"ü\""
    for label in ("two", "drei \\ \x01", "one \"ü\"", ""):
        assert client.post(redemption("shared", label)) == first | {"label": label or "one \"ü\""}
    reply = client.post(envelope(redemption("shared", "x"), specification(gateway, "y")))
    assert [m["label"] for m in reply["contents"]] == ["x", "y"]
    assert reply["contents"][0] == first | {"label": "x"}


def test_an_envelope_of_large_answers_gives_others_their_turn(make_gateway):
    """They are made one after the other, and another's question is answered before all of them are there."""
    one = make_gateway(requests_per_second=0, results_bytes=1 << 30, replies_bytes=1 << 30, answer_timeout_ms=1,
                       replies_bytes_per_identity=1 << 30)
    one.queryd.answer = many_rows
    client, second = one.client(), one.client("second")
    tokens = [f"t-{n}" for n in range(16)]
    for number, token in enumerate(tokens):
        client.post(large(one, token))
        one.wait(lambda: len(one.queryd.of(QUERY)) > number)
    one.wait(lambda: one.counters()["jobs.bytes"] > 16 * ROWS * len(COLUMNS))
    second.get("/")
    hog = opened(one)
    one.process.send_signal(signal.SIGSTOP)
    post_unread(hog, envelope(*[redemption(token) for token in tokens]))
    post_unread(second.connection.sock, redemption("none"))
    one.process.send_signal(signal.SIGCONT)
    assert "unknown job" in read_reply(second.connection.sock)["message"]
    assert all("result" in m for m in read_reply(hog)["contents"])
    said = re.findall(r'request.answered .*identity="org.example.(\w+)" messages=(\d+)', one.log())
    assert said[-2:] == [("second", "1"), ("reader", str(len(tokens)))], said[-2:]


def test_bytes_are_charged(make_gateway):
    """A large answer counts as several requests."""
    one = make_gateway(requests_per_second=1, requests_burst=20, request_bytes=65536)
    one.queryd.answer = many_rows
    client = one.client()
    assert len(client.post(large(one, "t-1"))["resultvalues"]) == ROWS
    refusal = client.post(specification(one, token="t-2"))
    assert refusal["exception"] == "t-2" and "too many requests" in refusal["message"]
    assert "result" in one.client("second").post(specification(one))


def test_receipts_are_bounded_too(make_gateway):
    """A receipt repeats what was asked: it is as large as the question."""
    one = make_gateway(requests_per_second=0, answer_timeout_ms=1, replies_bytes_per_identity=1 << 20)
    one.queryd.answer = lambda m: None
    hogs = [opened(one) for _ in range(10)]
    for number, hog in enumerate(hogs):
        post_unread(hog, envelope(*[
            specification(one, "x" * 1000, columns=COUNT_COLUMNS, token=f"{number}-{n}-" + "y" * 6000,
                          registry=registry_url(one)) for n in range(60)]))
    for hog in hogs:
        assert read_reply(hog)
