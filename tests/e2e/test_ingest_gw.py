# SPDX-License-Identifier: Apache-2.0
"""The door for tools: POST /ingest/FORMAT with a client's certificate, the real ingest-gw and ingestd."""
import calendar
import contextlib
import datetime
import gzip
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading

import pytest
from conftest import ROOT, wait_for
from gateways import make_context
from ingest_doors import FPING, running, together, without_time
from ingestds import result


@pytest.fixture(scope="module")
def door(build_dir, tmp_path_factory):
    with running(build_dir, tmp_path_factory.mktemp("i"), post_bytes=100000, body_bytes=200000, transfer_timeout_s=5,
                 requests_per_second=0, unknown_per_second=1000, unknown_burst=100000) as one:
        yield one


def records_of(door, count):
    return door.ingestd.collect(count, rejects=True)


def test_a_body_is_kept(door):
    status, headers, told = door.post("/ingest/fping-text?target=x")
    assert (status, headers["Content-Type"], without_time(told)) == (200, "application/json", {"records": 1, "refused": 0})
    record, = records_of(door, 1)
    assert (record["type"], record["dest"]) == ("ping", "192.0.2.1")
    wait_for(lambda: 'identity="org.example.probe"' in door.audit() and 'format="fping-text" outcome="kept"' in door.audit())


def test_mplane_is_a_format_like_others(door):

    assert door.post("/ingest/mplane", json.dumps(result(value="77")))[2]["records"] == 1
    assert records_of(door, 1)[0]["values"][0] == "77"


def test_what_is_known_beside_the_body(door):
    """%XX and + are what they stand for; an empty body is a measurement that failed, where the mapping says so."""
    assert without_time(door.post("/ingest/fping-text?target=a%2Fb+c%C3%A9&probe=p", "")[2]) == {"records": 1, "refused": 0}
    assert records_of(door, 1)[0]["dest"] == "a/b cé"
    long = "&".join(f"n{i}=v" for i in range(57))
    for query, why in (("a=1&a=2", "twice"), ("=1", "no name"), ("a=%00", "NUL"), ("a=%ff", "UTF-8"), ("a=%4", "hexadecimal"),
                       ("prob=x", 'asks for no "prob"'), ("n" * 65 + "=1", "too long"), ("a=" + "v" * 1025, "too long"), (long, "too many")):
        status, _, told = door.post(f"/ingest/fping-text?{query}")
        assert status == 400 and told["reason"] == "context" and why in told["detail"], (query, told)


def test_what_has_no_time_has_that_of_the_request(door):
    """Else that of receipt; the answer tells which, so that it can be posted again as the same."""
    def us(time):
        return int(calendar.timegm(datetime.datetime.fromisoformat(time[:-1]).timetuple())) * 1000000 + int(time[-7:-1])

    _, _, told = door.post("/ingest/fping-text", FPING + "no such line\n")
    assert (told["undated"], told["time_from"], told["refused"]) == (1, "receipt", 1)
    record, = records_of(door, 1)
    assert us(told["time"]) == record["t_start_us"]
    for given, time in (("2026-11-28T13:30:11.5%2B01:00", "2026-11-28T12:30:11.500000Z"), (told["time"], told["time"])):
        again = door.post(f"/ingest/fping-text?time={given}")[2]
        assert (again["undated"], again["time"], again["time_from"]) == (1, time, "request")
        seen, = records_of(door, 1)
        assert us(time) == seen["t_start_us"]
    assert seen["digest"] == record["digest"]
    for query, why in (("time=yesterday", "time: at byte 0: expected"), ("time=", "time: "), ("received=1", "received: "),
                       ("time=2026-11-28&received=2026-11-28", "expected one of them")):
        status, _, told = door.post(f"/ingest/fping-text?{query}")
        assert status == 400 and told["reason"] == "context" and why in told["detail"], (query, told)
    with open(os.path.join(ROOT, "tests", "golden", "formats", "irtt", "sample.json"), encoding="utf-8") as sample:
        told = door.post("/ingest/irtt?time=2026-11-28", sample.read())[2]
    assert told == {"records": 1, "refused": 0}  # it has a time of its own
    records_of(door, 1)


def test_what_is_refused_is_told(door):
    status, _, told = door.post("/ingest/fping-text", "no such line\n")
    assert status == 400 and told["records"] == 0 and told["refused"] == 1 and told["reason"] == "format", told
    status, _, told = door.post("/ingest/fping-text", FPING + "no such line\n")
    assert status == 200 and (told["records"], told["refused"]) == (1, 1) and "line 2" in told["detail"], told
    records_of(door, 1)
    status, _, told = door.post("/ingest/nothing")
    assert status == 404 and "fping-text" in told["detail"] and "mplane" in told["detail"]
    assert door.post("/ingest/fping-text/more")[0] == door.post("/")[0] == door.post("/ingest/")[0] == 404
    status, headers, _ = door.ask("GET", "/ingest/fping-text")
    assert (status, headers["Allow"]) == (405, "POST")
    with make_context(door.ca.file, door.files["probe"]).wrap_socket(socket.create_connection(("127.0.0.1", door.port), timeout=60),
                                           server_hostname="127.0.0.1") as wrapped:
        wrapped.sendall(b"HEAD /ingest/fping-text HTTP/1.1\r\nConnection: close\r\n\r\n")
        told = b"".join(iter(lambda: wrapped.recv(65536), b""))
    assert told.startswith(b"HTTP/1.1 405 ") and told.endswith(b"\r\n\r\n") and told.count(b"\r\n\r\n") == 1, told
    assert door.post("/ingest/fping-text", Content_Type="multipart/form-data; boundary=x")[0] == 415


def test_bodies(door):
    zipped = gzip.compress(FPING.encode())
    assert door.post("/ingest/fping-text", zipped, Content_Encoding="gzip")[0] == 200
    records_of(door, 1)
    assert door.post("/ingest/fping-text", gzip.compress(b" " * 10_000_000), Content_Encoding="gzip")[0] == 413
    assert door.post("/ingest/fping-text", b"x" * 150000)[0] == 413  # told by us
    status, _, told = door.post("/ingest/fping-text", b"x" * 250000)  # by what reads requests
    assert (status, told["reason"], told["refused"]) == (413, "body", 1)
    assert door.post("/ingest/fping-text", b"{}", Content_Encoding="gzip")[0] == 400
    status, headers, _ = door.post("/ingest/fping-text", b"x", Content_Encoding="br")
    assert (status, headers["Accept-Encoding"]) == (415, "gzip")
    raw = door.connect("probe")
    raw.putrequest("POST", "/ingest/fping-text")
    raw.endheaders()
    assert raw.getresponse().status == 411
    raw.close()


def test_who_may(door):
    """No certificate: told what is missing; one of nobody's: denied; a wrong one: no handshake."""
    status, headers, told = door.post("/ingest/fping-text", name=None)
    assert (status, headers["WWW-Authenticate"], told["reason"]) == (401, 'Bearer realm="EZRepo"', "unknown")
    status, headers, other = door.post("/ingest/nothing", name=None, Authorization="Bearer ezr_" + "x" * 43)
    assert (status, other) == (401, told) and headers["WWW-Authenticate"].endswith('error="invalid_token"')
    status, _, told = door.post("/ingest/fping-text", name="nobody")
    assert (status, told["reason"]) == (403, "denied")
    for name in ("stranger", "old"):
        with pytest.raises((ssl.SSLError, OSError, http.client.HTTPException)):
            door.post("/ingest/fping-text", name=name)
    assert "ezr_" not in door.audit() + door.log()


def test_curl(door):
    """As it is written in the documentation."""
    certificate, key = door.files["probe"][:2]
    done = subprocess.run(["curl", "-sS", "--cacert", door.ca.file, "--cert", certificate, "--key", key, "--data-binary", "@-",
                           f"https://127.0.0.1:{door.port}/ingest/fping-text?target=192.0.2.1"], input=FPING.encode(),
                          capture_output=True, check=True)
    assert re.fullmatch(rb'\{"records":1,"refused":0,"undated":1,"time":"[-0-9]{10}T[0-9:]{8}\.[0-9]{6}Z","time_from":"receipt"\}\n', done.stdout), done
    records_of(door, 1)


def test_where_a_request_ends_is_certain(door):
    """Else nothing is taken, and what comes behind it is not read as the next request."""
    cases = [("POST {} HTTP/1.1\r\nTransfer-Encoding: gzip\r\n", FPING), ("POST {} HTTP/1.1\r\nContent-Length : 9\r\n", "GET / "),
             ("POST {} HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
             ("POST {} HTTP/1.1\r\nContent-Length: +1\r\n", "x"),
             ("POST {} HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Encoding: identity\r\nContent-Length: 1\r\n", "x"),
             ("POST {} HTTP/1.1\r\nno header\r\n", ""), ("POST {} HTTP/1.1\r\nX: a\0b\r\nContent-Length: 1\r\n", "x"),
             ("POST {} HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 18\r\n", "GET / HTTP/1.1\r\n\r\n"),
             ("POST {} HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"),
             ("GET {} HTTP/1.1\r\nContent-Length: 18\r\n", "GET / HTTP/1.1\r\n\r\n")]
    before, context = door.counters(), make_context(door.ca.file, door.files["probe"])
    for head, body in cases:
        with context.wrap_socket(socket.create_connection(("127.0.0.1", door.port), timeout=60),
                                 server_hostname="127.0.0.1") as wrapped:
            wrapped.sendall((head.format("/ingest/fping-text?target=x") + "\r\n" + body).encode())
            told = b"".join(iter(lambda sock=wrapped: sock.recv(65536), b""))
        assert told.startswith(b"HTTP/1.1 400 ") and told.count(b"HTTP/1.1 4") == 1, (head, told)
        assert json.loads(told.partition(b"\r\n\r\n")[2])["reason"] == "request", (head, told)
    for head, body in (("Content-Length: 99999999999999999999\r\n", "x"), ("Transfer-Encoding: chunked\r\n", "fffffffffff\r\n"),
                       ("Transfer-Encoding: chunked\r\n", "fffffffffffffffffffff\r\n")):
        with context.wrap_socket(socket.create_connection(("127.0.0.1", door.port), timeout=60),
                                 server_hostname="127.0.0.1") as wrapped:
            wrapped.sendall(f"POST /ingest/fping-text HTTP/1.1\r\n{head}\r\n{body}".encode())
            told = b"".join(iter(lambda sock=wrapped: sock.recv(65536), b""))
        assert told.startswith(b"HTTP/1.1 413 ") and json.loads(told.partition(b"\r\n\r\n")[2])["reason"] == "body", (head, told)
    after = door.counters()
    assert (after["requests"], after["posts.kept"]) == (before["requests"], before["posts.kept"])
    assert after["requests.malformed"] - before["requests.malformed"] >= 6  # of one of them evhttp says it itself


def test_a_body_that_was_cut_is_one_refusal(door):
    """Whatever stands in it: no part of a document is one. What stood before it is kept."""
    whole = json.dumps([{"target": "192.0.2.1", "hops": [{"hop": n, "rtt": [{"ms": n}, {"ms": n + 1}]} for n in range(9)]}])
    for text, kept in ((whole[:-9], 0), (json.dumps({"xs": [{"a": 1}, {"b": 2}]}, indent=0)[:-4], 0)):
        told = door.post("/ingest/globalping", text)[2]
        assert (told["records"], told["refused"], told["reason"]) == (kept, 1, "format") and "found the end in line" in told["detail"], told


CHUNKED = "POST /ingest/fping-text?target=192.0.2.1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("body, found", [
    ("zz\r\n", '"zz" as the size of chunk 1'), (f"{len(FPING):x}\r\n{FPING}\r\n-1\r\n", '"-1" as the size of chunk 2'),
    ("3;a=b\r\nabc\r\n0\r\n\r\n", '"3;a=b" as the size of chunk 1'),
    (f"{len(FPING):x}\r\n{FPING}0\r\n\r\n", '"0" behind the bytes of chunk 1')])  # evhttp takes that
def test_malformed_chunks(door, body, found):
    """They are what is wrong, not their size; and nothing of them is taken."""
    before, context = door.counters(), make_context(door.ca.file, door.files["probe"])
    with context.wrap_socket(socket.create_connection(("127.0.0.1", door.port), timeout=60), server_hostname="127.0.0.1") as wrapped:
        wrapped.sendall((CHUNKED + body).encode())
        told = b"".join(iter(lambda: wrapped.recv(65536), b""))
    answer = json.loads(told.partition(b"\r\n\r\n")[2])
    assert told.startswith(b"HTTP/1.1 400 ") and answer["reason"] == "request", told
    assert answer["detail"].startswith("expected chunks as RFC 9112, 7.1 has them: ") and answer["detail"].endswith(f"found {found}")
    after = door.counters()
    assert after["requests.malformed"] == before["requests.malformed"] + 1 and after["posts.kept"] == before["posts.kept"]


def test_chunks_one_after_the_other(door):
    """Good ones are taken, on a connection that is kept, also cut anywhere."""
    context, before = make_context(door.ca.file, door.files["probe"]), door.counters()
    with context.wrap_socket(socket.create_connection(("127.0.0.1", door.port), timeout=60), server_hostname="127.0.0.1") as wrapped:
        for _ in range(3):
            text = CHUNKED + "".join(f"{len(part):X}\r\n{part}\r\n" for part in (FPING[:20], FPING[20:])) + "0\r\n\r\n"
            for at in range(0, len(text), 7):
                wrapped.sendall(text[at:at + 7].encode())
            told = b""
            while not told.endswith(b"}\n"):
                told += wrapped.recv(65536)
            assert told.startswith(b"HTTP/1.1 200 ") and b'"records":1' in told, told
    assert door.counters()["posts.kept"] == before["posts.kept"] + 3


def test_slow_peers_and_junk_keep_nobody(door):
    context = make_context(door.ca.file)
    silent = [socket.create_connection(("127.0.0.1", door.port), timeout=60) for _ in range(20)]
    slow = []
    for _ in range(10):
        wrapped = context.wrap_socket(socket.create_connection(("127.0.0.1", door.port), timeout=60),
                                      server_hostname="127.0.0.1")
        wrapped.sendall(b"POST /ingest/fping-text HTTP/1.1\r\nContent-Length: 100000\r\n\r\nx")
        slow.append(wrapped)
    junk = (b"\x00" * 100, b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 1000)
    for one, data in zip(silent, junk):  # who gets it may close before all of it was sent
        with contextlib.suppress(OSError):
            one.sendall(data)
    for data in (b"\x00\r\n\r\n", b"POST /ingest/fping-text HTTP/9.9\r\n\r\n", b"POST " + b"a" * 30000):
        wrapped = context.wrap_socket(socket.create_connection(("127.0.0.1", door.port), timeout=60),
                                      server_hostname="127.0.0.1")
        with contextlib.suppress(OSError):
            wrapped.sendall(data)
        slow.append(wrapped)
    assert door.post("/ingest/fping-text")[0] == 200
    records_of(door, 1)
    for one in silent + slow:
        one.close()


def test_nothing_that_was_answered_is_lost(build_dir, tmp_path):
    """ingestd and the door are killed while bodies come; what was told 200 is there, the rest may be posted again."""
    with running(build_dir, tmp_path, ingestd={"batch_age_ms": 2000}, post_timeout_ms=2000) as door:
        def bodies(first):
            return {i: (lambda i=i: door.post("/ingest/fping-text", FPING.replace("192.0.2.1", f"192.0.2.{i}"))[0])
                    for i in range(first, first + 8)}

        def killed(victim, first):
            waiting = threading.Thread(target=lambda: told.update(together(bodies(first))))
            before = door.ingestd.status()["counters"]["received.datagrams"]
            waiting.start()
            wait_for(lambda: door.ingestd.status()["counters"]["received.datagrams"] >= before + 8)
            victim()
            waiting.join()
        told = {}
        killed(door.kill, 10)
        os.truncate(door.folder / "log", 0)
        door.start()
        killed(lambda: (os.kill(door.ingestd.process.pid, signal.SIGKILL), door.ingestd.process.wait()), 20)
        assert all(status in (200, 503) or not isinstance(status, int) for status in told.values()), told
        door.ingestd.kill()
        door.start_ingestd(batch_age_ms=5)
        door.wait_connected()
        kept = together(bodies(30))
        assert set(kept.values()) == {200}
        door.ingestd.kill()
        door.start_ingestd()
        answered = {f"192.0.2.{i}" for i, status in {**told, **kept}.items() if status == 200}
        found = set()
        while not answered <= found:
            found |= {r["dest"] for r in door.ingestd.batch().records}


def test_drains_and_reloads(build_dir, tmp_path):
    with running(build_dir, tmp_path, ingestd={"batch_age_ms": 500}) as door:
        door.options["access"]["authorizations"] = {"Collect-other": ["probe"]}
        door.write_config()
        os.kill(door.process.pid, signal.SIGHUP)
        wait_for(lambda: door.status().get("reload", {}).get("number") == 1)
        assert door.post("/ingest/fping-text")[0] == 403
        door.options["key"] = "/nowhere"
        door.write_config()
        os.kill(door.process.pid, signal.SIGHUP)
        wait_for(lambda: door.status().get("reload", {}).get("refused"))
        assert door.post("/ingest/fping-text")[0] == 403


def test_a_reload_cuts_nobody(build_dir, tmp_path):
    """Kept connections are kept over it, posts are answered, handshakes are finished."""
    with running(build_dir, tmp_path, requests_per_second=0) as door:
        over = threading.Event()

        def keeps():
            connection, statuses, sockets = door.connect("probe"), set(), set()
            while not over.is_set():
                connection.request("POST", "/ingest/fping-text", FPING)
                response = connection.getresponse()
                response.read()
                statuses.add(response.status)
                sockets.add(connection.sock)
            connection.close()
            return statuses, len(sockets)

        def comes_anew():
            statuses = set()
            while not over.is_set():
                statuses.add(door.post("/ingest/fping-text")[0])
            return statuses, 1
        told = {}
        posting = threading.Thread(target=lambda: told.update(together({1: keeps, 2: keeps, 3: keeps, 4: comes_anew})))
        posting.start()
        for number in range(1, 16):
            posts = door.audit().count('"kept"')
            wait_for(lambda posts=posts: door.audit().count('"kept"') > posts + 3 or not posting.is_alive())
            os.kill(door.process.pid, signal.SIGHUP)
            wait_for(lambda number=number: door.log().count("config.reloaded") == number)
        over.set()
        posting.join()
        assert told == dict.fromkeys(range(1, 5), ({200}, 1)), told
        assert "abandoned" not in door.audit()


def test_answered_when_it_is_stored(build_dir, tmp_path):
    """With accept: store. Meanwhile it is on disk; after a while that is said, and that it should come again."""
    with running(build_dir, tmp_path, accept="store", post_timeout_ms=1000) as door:
        ingestd = door.ingestd
        status, headers, told = door.post("/ingest/fping-text")
        assert status == 503 and told["detail"].startswith("kept on disk, not yet stored: ") and headers["Retry-After"]
        first = ingestd.batch()
        told = {}
        waiting = threading.Thread(target=lambda: told.update(together({"late": lambda: door.post("/ingest/fping-text")})))
        waiting.start()
        second = ingestd.batch()
        assert not told
        ingestd.acknowledge(second.sequence)  # its own; the one before is nothing to it
        waiting.join()
        assert told["late"][0] == 200 and without_time(told["late"][2]) == {"records": 1, "refused": 0}
        ingestd.acknowledge(first.sequence)
        waiting = threading.Thread(target=lambda: told.update(together({"stopped": lambda: door.post("/ingest/fping-text")})))
        waiting.start()
        ingestd.batch()
        ingestd.process.terminate()
        waiting.join()
        assert told["stopped"][0] == 503 and "not yet stored" in told["stopped"][2]["detail"]
