# SPDX-License-Identifier: Apache-2.0
"""Tokens at the door for tools: what one may, from where, until when, how often; what is told of it. The document is that of
a stand-in for stored."""
import base64
import contextlib
import hashlib
import http.client
import json
import secrets
import socket
import ssl
import time
import zlib

import pytest
from conftest import wait_for
from gateways import make_context
from ingest_doors import FPING, running, without_time
from stored_access import StoredAccess


class Tokens:
    """A door, and what stored keeps for it."""

    def __init__(self, door):
        self.door = door
        self.stored = StoredAccess(door.ingestd.zmq, door.ingestd.run_dir, "access")
        self.tokens, self.roles, self.authorizations = {}, {}, {}

    def in_force(self):
        self.stored.document = {"tokens": list(self.tokens.values()), "roles": self.roles,
                                "authorizations": self.authorizations}
        line = f"access.in_force version={self.stored.version + 1}"
        self.stored.tell(lambda: line in self.door.log())

    def issue(self, name, **more):
        token = "ezr_" + base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        self.tokens[name] = {"name": name, "digest": hashlib.sha256(token.encode()).hexdigest(), "identity": f"id-{name}",
                             "types": ["*"], **more}
        self.in_force()
        return token

    def post(self, token, body=FPING, path="/ingest/fping-text"):
        return self.door.post(path, body, name=None, Authorization=f"Bearer {token}")


@pytest.fixture(scope="module")
def tokens(build_dir, tmp_path_factory):
    with running(build_dir, tmp_path_factory.mktemp("t"), unknown_per_second=1, unknown_burst=40) as door:
        yield Tokens(door)


def test_a_token_is_an_identity(tokens):
    token = tokens.issue("all")
    assert without_time(tokens.post(token)[2]) == {"records": 1, "refused": 0}
    record, = tokens.door.ingestd.collect(1)
    assert record["dest"] == "192.0.2.1"
    wait_for(lambda: 'identity="id-all" token="all"' in tokens.door.audit())
    assert token not in tokens.door.audit() + tokens.door.log() and token[4:] not in tokens.door.audit() + tokens.door.log()


def test_a_token_may_what_it_says(tokens):
    for name, more, reason in (("types", {"types": ["mtr", "trace*"]}, None), ("elsewhere", {"from": ["192.0.2.0/24"]}, "elsewhere"),
                               ("ended", {"until": "2026-01-01T00:00:00Z"}, "ended")):
        status, _, told = tokens.post(tokens.issue(name, **more))
        if reason is None:
            assert (status, told["reason"]) == (403, "denied") and "Collect-ping" in told["detail"], told
        else:
            assert (status, told["detail"]) == (401, "expected a client's certificate, or a token that is good here"), told
            wait_for(lambda name=name, reason=reason: f'reason={reason} token="{name}"' in tokens.door.log())
    here = tokens.issue("here", **{"from": ["127.0.0.0/8"], "types": ["ping"], "until": "2099-01-01T00:00:00Z"})
    assert tokens.post(here)[0] == 200
    assert tokens.door.ingestd.collect(1, rejects=True)


def test_what_is_revoked_is_over_also_on_a_kept_connection(tokens):
    token = tokens.issue("gone")
    connection = tokens.door.connect()

    def status():
        connection.request("POST", "/ingest/fping-text", FPING, {"Authorization": f"bearer {token}"})
        response = connection.getresponse()
        response.read()
        return response.status
    assert status() == 200
    del tokens.tokens["gone"]
    tokens.in_force()
    assert status() == 401
    connection.request("POST", "/ingest/fping-text", FPING)  # who was known a moment ago is so no longer
    assert connection.getresponse().status == 401
    connection.close()
    tokens.door.ingestd.collect(1, rejects=True)


def test_a_token_has_a_rate(tokens):
    token = tokens.issue("slow", per_second=1)
    told = [tokens.post(token) for _ in range(12)]
    assert [status for status, _, _ in told[:10]] == [200] * 10 and 429 in [status for status, _, _ in told[10:]]
    status, headers, told = next(t for t in told if t[0] == 429)
    assert int(headers["Retry-After"]) >= 1 and told["reason"] == "limited"
    tokens.door.ingestd.collect(1, rejects=True)


def test_wrong_tokens_are_limited_by_address_and_keep_no_good_one(tokens):
    good = tokens.issue("good")
    assert tokens.post("ezr_" + "x" * 43)[0] == 401
    end = time.monotonic() + 60  # each second some more are answered so: it takes as many as come faster
    while (answer := tokens.post("ezr_" + "x" * 43))[0] == 401 and time.monotonic() < end:
        pass
    assert answer[0] == 429 and answer[1]["Retry-After"]
    assert tokens.post(good)[0] == 200
    assert tokens.door.post("/ingest/fping-text", name="probe")[0] == 200


def report(*tasks, results=None, wrap=True):
    """As GLIMPSE's clients post it: the JSON, by zlib, in base64, in JSON."""
    one = {"start_time": "2026-11-28T12:54:20", "end_time": "2026-11-28T12:54:25", "error": "",
           "probe_result": {"round_trip_avg": 23.1, "round_trip_loss": 0.0, "destination_ip": "192.0.2.1"}}
    text = json.dumps({"device_id": "d41d8cd9", "reports": [{"task_id": t, "results": results or [one]} for t in tasks]}).encode()
    return json.dumps({"data": base64.b64encode(zlib.compress(text) if wrap else text).decode()})


def test_glimpse_as_its_clients_have_it(tokens):
    door = tokens.door
    key = "ApiKey 0123abcd:" + tokens.issue("glimpse", types=["GLIMPSE"])
    status, _, told = door.post("/api/v1/report/", report(17, 18), name=None, Authorization=key, Content_Type="application/json")
    assert (status, told) == (200, {"tasks": [17, 18]})
    found = []
    while len(found) < 2:
        found += [r for r in door.ingestd.collect(1, rejects=True) if r["type"] == "GLIMPSE"]
    assert {(r["probe"], r["dest"]) for r in found} == {("d41d8cd9", "192.0.2.1")}
    for body in ("", "{}", '{"data": 5}', '{"data": "=="}', '{"data": "abc"}', '{"data": "eJw="}', report(1, wrap=False),
                 '{"data": "' + base64.b64encode(zlib.compress(b"[]")).decode() + '"}', report(1, results=[5])):
        status, _, told = door.post("/api/v1/report/", body, name=None, Authorization=key)
        assert status == 400 and told["error"], (body, told)
    bomb = '{"data": "' + base64.b64encode(zlib.compress(b" " * 50_000_000)).decode() + '"}'
    assert door.post("/api/v1/report/", bomb, name=None, Authorization=key)[0] == 400
    assert door.post("/api/v1/report/", report(1), name=None, Authorization="ApiKey x:y")[0] in (401, 429)
    assert door.post("/ingest/fping-text", name=None, Authorization=key)[0] in (401, 429)  # another scheme's


def test_what_binds_its_identity_binds_it(tokens):
    """Each record is looked at by itself; by a certificate it is the same."""
    bound, free = tokens.issue("bound"), tokens.issue("free")
    both = FPING + FPING.replace("192.0.2.1", "198.51.100.1")
    series = [{"dest": "192.0.2.0/24", "type": "p?ng"}]
    tokens.roles = {"acme": {"identities": ["id-bound"], "delivers": series}, "probe": {"delivers": series}}
    tokens.in_force()
    for answer in (tokens.post(bound, both), tokens.door.post("/ingest/fping-text", both)):
        assert (answer[0], answer[2]["records"], answer[2]["refused"]) == (200, 1, 1), answer
        assert answer[2]["reason"] == "denied.series"
    rejected = []
    while len(rejected) < 2:
        batch = tokens.door.ingestd.batch()
        tokens.door.ingestd.acknowledge(batch.sequence)
        rejected += [r for r in batch.rejects if r["reason"] == "denied.series"] if batch.kind == 1 else []
    assert {r["sender"] for r in rejected} == {"https:id-bound", "https:org.example.probe"}
    assert all(r["detail"].startswith("fping-text: ") and 'of type "ping"' in r["detail"] and 'dest "198.51.100.1"' in r["detail"]
               for r in rejected), rejected
    refused = tokens.post(bound, FPING.replace("192.0.2.1", "198.51.100.1"))
    assert (refused[0], refused[2]["reason"]) == (403, "denied.series")
    assert without_time(tokens.post(free, both)[2]) == {"records": 2, "refused": 0}
    # Of another role that may deliver any series of the type he may, too.
    tokens.roles["probe"], tokens.authorizations = ["id-bound"], {"Collect-p*": ["probe"]}
    tokens.in_force()
    assert without_time(tokens.post(bound, both)[2]) == {"records": 2, "refused": 0}


def test_while_stored_is_away_the_last_copy_holds(tokens):
    token = tokens.issue("kept")
    wait_for(lambda: b'"kept"' in (tokens.door.folder / "run/ingest-gw.access").read_bytes())
    tokens.stored.socket.close()
    tokens.door.kill()
    tokens.door.start()
    assert tokens.post(token)[0] == 200
    assert "version" in tokens.door.status()["notes"]["access"]


def is_closed(connection):
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except ssl.SSLWantReadError:
        return False
    except OSError:
        return True


def test_strangers_who_send_slowly_keep_no_token_out(build_dir, tmp_path):
    """They have all connections of their address, each with a request that never ends: the slowest of them goes."""
    with running(build_dir, tmp_path, connections_max_per_address=4) as door, contextlib.ExitStack() as stack:
        tokens = Tokens(door)
        token = tokens.issue("good")
        strangers = []
        for _ in range(4):
            raw = stack.enter_context(socket.create_connection(("127.0.0.1", door.port), timeout=60))
            strangers.append(stack.enter_context(make_context(door.ca.file).wrap_socket(raw, server_hostname="127.0.0.1")))
            strangers[-1].sendall(b"POST /ingest/fping-text HTTP/1.1\r\nX: ")
        strangers[1].sendall(b"x" * 2000)

        def answered():
            with contextlib.suppress(OSError, http.client.HTTPException):
                return tokens.post(token)[0] == 200
        wait_for(answered)  # a connection of less than a quarter of a second is never closed for another
        gone = [i for i, one in enumerate(strangers) if is_closed(one)]
        assert gone and 1 not in gone
        door.ingestd.collect(1)
