# SPDX-License-Identifier: Apache-2.0
"""mplane-gw and peers that send rubbish, are slow or many, signals, a configuration that changes or is at fault; the
real program between clients with certificates and stand-ins for queryd and stored."""
import http.client
import json
import os
import re
import resource
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.request

import pytest
from conftest import ROOT, find_free_ports
from gateways import (COUNT_COLUMNS, GATEWAY_HOSTS, MPLANE, TABLE, Gateway, answered, ask_without_waiting, both_versions,
                      closed_within, crawl, listing, make_context, opened, redeem, registry_url, slow, specification,
                      under_way)
from messages import QUERY
from processes import cpu_seconds
# ---- malformed input ----

def test_other_paths_and_methods(gateway):
    client = gateway.client()
    for method, path, status in [("GET", "/nothing", 404), ("POST", "/nothing", 404), ("GET", "/specification", 405),
                                 ("POST", "/capabilities", 405), ("PUT", "/", 405), ("DELETE", "/capability", 405),
                                 ("GET", "/capability/nonsense", 404), ("GET", "/" + "x" * 600, 404)]:
        got, kind, body = client.request(method, path, "" if method != "GET" else None)
        assert (got, kind) == (status, "text/plain"), (method, path, got, body)
        assert body.endswith("\n")
    client.connection.request("HEAD", "/")
    assert client.connection.getresponse().status == 405


@pytest.mark.parametrize("kind,fine", [(MPLANE, True), (MPLANE + "; charset=utf-8", True), ("application/json", True),
                                       ("Application/X-mPlane+JSON", True), ("text/plain", False), ("", False),
                                       ("application/x-mplane+jsonx", False)])
def test_content_types(gateway, kind, fine):
    status, answer, body = gateway.client().request("POST", "/", specification(gateway, token="t-19"), kind)
    assert (status, answer) == (200, MPLANE)
    if fine:
        assert "result" in json.loads(body)
    else:
        assert json.loads(body)["exception"] == "t-19" and MPLANE in body


BODIES = [b"", b"{", b'{"specification": "query", "version": 1', b"[]", b"[1,2]", b'"text"', b"12", b"null", b"\x00\xff",
          b'{"a": "\xff"}', b"[" * 100000, b'{"a":' * 5000, b'{"envelope": "message"}',
          b'{"envelope": "message", "contents": {}}', b'{"envelope": {"envelope": 1}, "contents": [[[]], {"envelope": 2}]}',
          b'{"specification": 1, "when": 2, "parameters": 3, "results": 4, "registry": []}',
          b'{"specification": "query", "registry": "x", "when": "now", "parameters": {"a": {"b": []}}, "results": [[]]}',
          b'{"redemption": "query", "token": ["x"]}', b'{"redemption": "query"}', b'{"interrupt": null, "token": ""}',
          b'{"capability": "query"}', b'{"result": "query", "registry": "x"}', b'{"exception": "x", "message": "y"}',
          b'{"token": "a", "token": "b"}', b"{" + b",".join(b'"k%d":1' % i for i in range(100000)) + b"}",
          b"[" + b"1," * 700000 + b"1]", b'{"specification": "query", "token": "' + b"x" * 900000 + b'"}']


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_malformed_bodies_disturb_nobody(gateway, body):
    other = gateway.client()
    other.get("/")
    client = gateway.client()
    status, kind, text = client.request("POST", "/", body)
    assert (status, kind) == (200, MPLANE)
    reply = json.loads(text)
    assert isinstance(reply["exception"], str) and reply["exception"] and reply["message"]
    assert "result" in client.post(specification(gateway))
    assert "result" in other.post(specification(gateway))


def test_body_too_large(gateway):
    client = gateway.client()
    status, _, _ = client.request("POST", "/", b"x" * 5000000)
    assert status == 413
    assert "result" in gateway.client().post(specification(gateway))


@pytest.mark.parametrize("text", [b"\r\n\r\n\r\n", b"NONSENSE\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
                                  b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 100000, b"GET /" + b"x" * 100000,
                                  b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
                                  b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
                                  b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n",
                                  b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFF\r\nx",
                                  b"GET http://[::1/%zz HTTP/1.1\r\n\r\n", bytes(range(256)) * 50])
def test_malformed_http_disturbs_nobody(gateway, text):
    context = make_context(gateway.ca.file, gateway.files["reader"])
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as raw:
        with context.wrap_socket(raw, server_hostname="127.0.0.1") as wrapped:
            try:
                wrapped.sendall(text)
                wrapped.settimeout(0.3)
                wrapped.recv(4096)
            except (OSError, ssl.SSLError):
                pass
    assert "result" in gateway.client().post(specification(gateway))


def test_chunked_bodies(gateway):
    client = gateway.client()
    body = json.dumps(specification(gateway)).encode()
    client.connection.request("POST", "/", iter([body[:100], body[100:]]), {"Content-Type": MPLANE},
                              encode_chunked=True)
    assert "result" in json.loads(client.connection.getresponse().read())


# ---- slow peers ----

def test_slow_peers_are_ended_and_others_are_not_held_up(make_gateway):
    one = make_gateway(handshake_timeout_s=8, idle_timeout_s=8, transfer_timeout_s=8)
    silent = socket.create_connection(("127.0.0.1", one.port), timeout=60)
    half = socket.create_connection(("127.0.0.1", one.port), timeout=60)
    half.sendall(b"\x16\x03\x01\x02\x00")
    idle, dripping, headless = opened(one), opened(one), opened(one)
    headless.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
    stopping = threading.Event()

    def drip():
        dripping.sendall(b"GET / HTTP/1.1\r\n")
        while not stopping.wait(0.2):
            try:
                dripping.sendall(b"a: b\r\n")
            except OSError:
                return

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    begun, busy = time.monotonic(), one.client()
    assert "result" in busy.post(specification(one))
    assert time.monotonic() - begun < 7, "or one of them was waited for"
    busy.connection.close()
    for connection in (silent, half, idle, headless, dripping):
        assert closed_within(connection, 30)
    stopping.set()
    thread.join()
    one.wait(lambda: one.counters()["connections.open"] == 0)
    assert one.counters()["connections.expired"] == 5


def test_reader_that_does_not_take_its_answer(make_gateway):
    one = make_gateway(transfer_timeout_s=2)
    columns = TABLE["QueryRecords"][2]
    row = ["2026-01-01 00:00:00.000000", *"abcdef", "overall", "1", "1", "x" * 50000, None, "c"]
    one.queryd.answer = lambda m: answered(m, columns, [row] * 200)
    lazy = opened(one)
    body = json.dumps(listing(one, "QueryRecords", columns))
    lazy.sendall(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {MPLANE}\r\n"
                 f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
    one.wait(lambda: one.counters()["connections.expired"] == 1)
    one.wait(lambda: one.counters()["connections.open"] == 0)


def test_many_idle_connections_make_room(make_gateway):
    one = make_gateway(connections_max=20)
    first = one.client()
    first.get("/")
    idle = []
    for _ in range(60):
        idle.append(opened(one))
        first.get("/")
    assert "result" in one.client().post(specification(one))
    assert first.get("/")[0] == 200
    one.wait(lambda: one.counters()["connections.open"] <= 20)
    assert one.counters()["connections.evicted"] >= 40
    for connection in idle:
        connection.close()


def test_full_of_busy_connections(make_gateway):
    """When every connection is being answered nothing can be closed: the next waits for room."""
    one = make_gateway(connections_max=3, answer_timeout_ms=1500)
    clients = [one.client() for _ in range(6)]
    threads = [threading.Thread(target=c.post, args=(slow(one, f"b{i}", token=f"b{i}"),)) for i, c in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    one.wait(lambda: len(one.queryd.of(QUERY)) == 6)


def test_slow_visitors_of_the_registry(make_gateway):
    one = make_gateway(transfer_timeout_s=6)
    slow_ones = [socket.create_connection(("127.0.0.1", one.registry_port), timeout=60) for _ in range(100)]
    for connection in slow_ones:
        connection.sendall(b"GET /reg")
    assert "result" in one.client().post(specification(one))
    with urllib.request.urlopen(registry_url(one), timeout=60) as response:
        assert response.status == 200
    for connection in slow_ones:
        assert closed_within(connection, 30)


def test_registry_listener_waits_when_there_are_no_descriptors(make_gateway):
    one = make_gateway()
    one.client().get("/")
    fds = len(os.listdir(f"/proc/{one.process.pid}/fd"))
    resource.prlimit(one.process.pid, resource.RLIMIT_NOFILE, (fds + 5, fds + 5))
    waiting = [socket.create_connection(("127.0.0.1", one.registry_port), timeout=60) for _ in range(20)]

    before = cpu_seconds(one.process.pid)
    time.sleep(2)
    assert cpu_seconds(one.process.pid) - before < 0.5
    for connection in waiting:
        connection.close()
    with urllib.request.urlopen(registry_url(one), timeout=60) as response:
        assert response.status == 200


# ---- signals ----

def test_broken_certificate_at_sighup_keeps_serving(make_gateway):
    one = make_gateway()
    good = open(one.server[0], "rb").read()
    with open(one.server[0], "wb") as file:
        file.write(b"nonsense")
    one.reload()
    assert "result" in one.client().post(specification(one))
    assert "tls.file" in one.log()
    with open(one.server[0], "wb") as file:
        file.write(good)
    one.reload()
    assert "result" in one.client().post(specification(one))
    one.options["access"]["authorizations"]["Query*"] = ["no-such-role"]
    one.write_config()
    one.reload()
    assert "no-such-role" in one.log()
    assert "result" in one.client().post(specification(one))


def kept_open(one, name="reader"):
    """After a request; the end of the stream is an error unless the gateway says so by close_notify."""
    context = make_context(one.ca.file, one.files[name])
    kept = context.wrap_socket(socket.create_connection(("127.0.0.1", one.port), timeout=60),
                               server_hostname="127.0.0.1", suppress_ragged_eofs=False)
    return asked_again(kept)


def asked_again(kept):
    kept.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    told = b""
    while b"</html>" not in told:
        more = kept.recv(65536)
        assert more, "closed"
        told += more
    assert told.startswith(b"HTTP/1.1 200 "), told
    return kept


def test_new_certificate_at_sighup(make_gateway):
    """What stands on the former one is closed, so that its peer knows; what changed nothing closes nothing."""
    one = make_gateway()
    kept = kept_open(one)
    old = kept.getpeercert()["serialNumber"]
    one.reload()
    asked_again(kept)
    one.ca.issue("gateway", GATEWAY_HOSTS)
    one.reload()
    assert kept.recv(100) == b""
    assert opened(one).getpeercert()["serialNumber"] != old


def test_an_authority_less_at_sighup(make_gateway):
    """Who stands on it is closed, and nobody else; the rest is as for who never had one."""
    one = make_gateway()
    gone, stays = kept_open(one, "cousin"), kept_open(one)
    with open(one.options["ca"], "wb") as file, open(one.ca.file, "rb") as ours:
        file.write(ours.read())
    one.reload()
    assert gone.recv(100) == b""
    asked_again(stays)
    with pytest.raises((OSError, ssl.SSLError)):
        kept_open(one, "cousin")


def test_access_follows_sighup_also_on_open_connections(make_gateway):
    one = make_gateway()
    receipt, _asker = under_way(one, slow(one, "taken", token="t-20"))
    one.options["access"]["roles"]["reader"] = []
    one.write_config()
    one.reload()
    client = one.client()
    assert client.post(specification(one))["withdrawal"] == "query"
    assert "not authorized" in client.post(redeem(receipt))["message"]
    assert crawl(client) == []


@both_versions
def test_revoked_at_sighup(make_gateway, version):
    one = make_gateway()
    client, other = one.client("reader", version), one.client("admin", version)
    assert "result" in client.post(specification(one))
    assert "result" in other.post(specification(one))
    session = client.connection.sock.session
    crl = os.path.join(one.folder, "crl.pem")
    with open(crl, "wb") as file:
        file.write(one.ca.revoke(one.files["reader"][2]) + one.other_ca.revoke())
    one.options["crl"] = crl
    one.write_config()
    one.reload()
    with pytest.raises((OSError, http.client.HTTPException)):
        client.post(specification(one))
    # Neither anew, nor by resuming the session of before.
    for resumed in (None, session):
        with pytest.raises((OSError, ssl.SSLError)):
            raw = socket.create_connection(("127.0.0.1", one.port), timeout=60)
            wrapped = client.context.wrap_socket(raw, server_hostname="127.0.0.1", session=resumed)
            wrapped.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert wrapped.recv(10) == b""
            raise ConnectionError("closed")
    assert "result" in one.client("admin", version).post(specification(one))
    assert "result" in one.client("cousin", version).post(specification(one))


def test_sigterm_answers_what_waits(make_gateway):
    one = make_gateway()
    idle = opened(one)
    client, question = ask_without_waiting(one, slow(one, "late", token="t-21"))
    one.process.send_signal(signal.SIGTERM)
    assert closed_within(idle, 20)
    one.queryd.send(question, answered(question, COUNT_COLUMNS, [["overall", "1", "1"]]))
    assert json.loads(client.connection.getresponse().read())["result"] == "query"
    assert one.process.wait(60) == 0


def test_sigterm_gives_receipts_to_who_waits(make_gateway):
    one = make_gateway(answer_timeout_ms=1000)
    client, _ = ask_without_waiting(one, slow(one, "late", token="t-22"))
    one.process.send_signal(signal.SIGTERM)
    assert json.loads(client.connection.getresponse().read())["receipt"] == "query"
    assert one.process.wait(60) == 0


def test_sigterm_lets_an_answer_arrive_whole(make_gateway):
    """Also a large one that is ready late and read slowly."""
    one = make_gateway()
    columns = TABLE["QueryRecords"][2]
    row = ["2026-01-01 00:00:00.000000", *"abcdef", "overall", "1", "1", "x" * 50000, None, "c"]
    one.queryd.answer = lambda m: None
    reader = opened(one)
    body = json.dumps(listing(one, "QueryRecords", columns))
    reader.sendall(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {MPLANE}\r\n"
                   f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
    one.wait(lambda: one.queryd.of(QUERY))
    one.process.send_signal(signal.SIGTERM)
    one.wait(lambda: "draining" in one.log())
    time.sleep(1.2)  # longer than who is only connected is waited for
    one.queryd.send(one.queryd.of(QUERY)[0], answered(one.queryd.of(QUERY)[0], columns, [row] * 200))
    time.sleep(0.5)
    got = b""
    while part := reader.recv(1 << 20):
        got += part
    head, _, text = got.partition(b"\r\n\r\n")
    assert len(text) == int(re.search(rb"Content-Length: (\d+)", head)[1])
    assert len(json.loads(text)["resultvalues"]) == 200
    assert one.process.wait(60) == 0


def test_second_sigterm_exits_at_once(build_dir, tmp_path):
    one = Gateway(build_dir, tmp_path)
    try:
        client = one.client()
        client.connection.request("POST", "/", json.dumps(slow(one, "x")), {"Content-Type": MPLANE})
        one.wait(lambda: one.queryd.of(QUERY))
        one.process.send_signal(signal.SIGTERM)
        one.wait(lambda: "draining" in one.log())
        one.process.send_signal(signal.SIGTERM)
        assert one.process.wait(60) == 1
        with pytest.raises((OSError, http.client.HTTPException)):
            client.connection.getresponse()
    finally:
        one.stop(1)


def failed_start(one, **common):
    """What a second gateway says that ends while it starts, with these common options."""
    file = f"{one.folder}/second.json"
    with open(file, "w", encoding="utf-8") as into:
        json.dump({"common": {"run_dir": f"{one.folder}/second", "schemas_dir": f"{ROOT}/schemas", **common},
                   "mplane-gw": {**one.options, "listen": [f"127.0.0.1:{find_free_ports(1)[0]}"], "registry_listen": "",
                                 "registry_url": registry_url(one)}}, into)
    done = subprocess.run([f"{one.build}/mplane-gw/mplane-gw", "--config", file], capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 1, done.stderr
    return done.stderr


def test_a_start_that_fails_is_told(make_gateway, tmp_path):
    """Since the path of the ZeroMQ sockets is too long, or a registry's file is not there, too large, or no registry."""
    one = make_gateway()
    assert "bus.path_too_long" in failed_start(one, run_dir=f"{one.folder}/{'d' * 100}")
    core = tmp_path / "mplane/core.json"
    says = f"registry.file file={core} bytes_max=4194304 error=\"%s\""
    assert says % "No such file or directory" in failed_start(one, schemas_dir=str(tmp_path))
    core.parent.mkdir()
    core.write_bytes(b" " * (4194304 + 1))
    assert says % "File too large" in failed_start(one, schemas_dir=str(tmp_path))
    core.write_text('{"registry-format": "mplane-1"}')
    said = failed_start(one, schemas_dir=str(tmp_path))
    for fault in ('registry-format: expected mplane-0, found "mplane-1"', "registry-uri: expected a string, found nothing",
                  "elements: expected a list, found nothing"):
        assert f"{core}: {fault}" in said


# ---- configuration ----

@pytest.mark.parametrize("change,says", [
    ({"public_url": "https://gateway.test/"}, "public_url"), ({"public_url": "http://gateway.test:80/"}, "public_url"),
    ({"public_url": "https://gateway.test:8890/" + "x" * 512}, "the path below 512 bytes"),
    ({"listen": []}, "mplane-gw.listen"), ({"listen": ["::1:8890"]}, "mplane-gw.listen"),
    ({"registry_listen": ""}, "registry_url"), ({"registry_url": "https://x.test:1/r"}, "registry_url"),
    ({"access": {"role": {}}}, "access.role"), ({"access": {"roles": {"x": "y"}}}, "access.roles.x"),
    ({"access": {"authorizations": {"Query*": ["x"]}}}, "access.authorizations.Query*"),
    ({"idle_timeout_s": 0}, "idle_timeout_s")])
def test_faults_of_the_configuration(build_dir, tmp_path, change, says):
    options = {"public_url": "https://gateway.test:8890/", "certificate": "a", "key": "b", "ca": "c", **change}
    file = tmp_path / "ezrepo.json"
    file.write_text(json.dumps({"common": {"run_dir": str(tmp_path), "schemas_dir": f"{ROOT}/schemas"},
                                "mplane-gw": options}))
    done = subprocess.run([f"{build_dir}/mplane-gw/mplane-gw", "--config", str(file), "--check-config"],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and says in done.stderr, done.stderr
