# SPDX-License-Identifier: Apache-2.0
"""mplane-gw under many connections: idle, slow, never finished, too many, too large. They cost only themselves."""
import os
import resource
import socket
import ssl
import time

import pytest
from gateways import MPLANE, closed_within, make_context, opened, specification
from processes import memory_kib

CONNECTIONS = 2000


@pytest.fixture(autouse=True)
def descriptors():
    """Enough for our own ends of the connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 3 * CONNECTIONS
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"this system lets us have {hard} descriptors only, {wanted} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def handshakes(gateway, count):
    """So many connections of one client, each with its handshake done; one session serves them all."""
    context = make_context(gateway.ca.file, gateway.files["reader"])
    found, session = [], None
    for _ in range(count):
        raw = socket.create_connection(("127.0.0.1", gateway.port), timeout=60)
        found.append(context.wrap_socket(raw, server_hostname="127.0.0.1", session=session))
        session = session or found[-1].session
    return found


def assert_quick(gateway, name, rounds=20):
    """Somebody else is served, on a connection of before and on new ones; most times quickly."""
    kept = gateway.client(name)
    took = []
    for _ in range(rounds):
        begun = time.monotonic()
        assert "result" in kept.post(specification(gateway))
        assert "result" in gateway.client(name).post(specification(gateway))
        took.append(time.monotonic() - begun)
    assert sorted(took)[rounds // 2] < 3, took


def test_thousands_of_idle_and_slow_connections(make_gateway):
    one = make_gateway(connections_max=3 * CONNECTIONS, connections_max_per_identity=3 * CONNECTIONS,
                       requests_per_second=0, idle_timeout_s=600, transfer_timeout_s=600, handshake_timeout_s=600)
    before = memory_kib(one.process.pid, "VmRSS")
    quiet = [socket.create_connection(("127.0.0.1", one.port), timeout=60) for _ in range(CONNECTIONS // 4)]
    known = handshakes(one, CONNECTIONS * 3 // 4)
    for i, connection in enumerate(known):
        if i % 3 == 1:
            connection.sendall(b"GET /capabilities HTTP/1.1\r\nHost: ")
        elif i % 3 == 2:
            connection.sendall(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {MPLANE}\r\nContent-Length: 9999\r\n\r\n"
                               .encode() + b"{" * 100)
    one.wait(lambda: one.counters()["connections.open"] >= CONNECTIONS, 60)
    assert_quick(one, "second")
    each_kib = (memory_kib(one.process.pid, "VmRSS") - before) / CONNECTIONS
    # A connection's own state; sanitizers take several times as much.
    assert each_kib < 400, f"{each_kib:.0f} KiB for each connection"
    for connection in quiet + known:
        connection.close()
    one.wait(lambda: one.counters()["connections.open"] <= 2, 60)
    assert_quick(one, "second", 3)


def test_connections_that_only_shake_hands(make_gateway):
    """As SDK programs make one beside every request; most leave without a word."""
    one = make_gateway(requests_per_second=0)
    client = one.client("second")
    context = make_context(one.ca.file, one.files["reader"])
    for i in range(300):
        raw = socket.create_connection(("127.0.0.1", one.port), timeout=60)
        wrapped = context.wrap_socket(raw, server_hostname="127.0.0.1")
        if i % 3 == 0:
            wrapped.close()
        elif i % 3 == 1:
            os.close(wrapped.detach())
        else:
            wrapped.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            os.close(wrapped.detach())
        if i % 50 == 0:
            assert "result" in client.post(specification(one))
    one.wait(lambda: one.counters()["connections.open"] == 1)
    assert one.counters()["connections.refused"] == 0


def start_body(connection, size, first):
    connection.sendall(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {MPLANE}\r\nContent-Length: {size}\r\n\r\n"
                       .encode())
    sent = 0
    connection.settimeout(0.3)
    try:
        while sent < first:
            sent += connection.send(b" " * min(65536, first - sent))
    except (socket.timeout, ssl.SSLError):
        pass  # it is read no further
    return sent


def test_bodies_under_way_share_one_budget(make_gateway):
    """Large bodies that are never finished hold no more than the budget; small ones and one large one get through."""
    one = make_gateway(bodies_bytes=4 << 20, body_bytes=4 << 20, transfer_timeout_s=600, requests_per_second=0)
    hogs = [opened(one) for _ in range(20)]
    for hog in hogs:
        start_body(hog, 4 << 20, 3 << 20)
    one.wait(lambda: one.counters()["bodies.waiting"] >= 15)
    counters = one.counters()
    # Beside the budget each may have received what one read gives, and the one whose turn it is all of its body.
    assert counters["bodies.bytes"] <= (4 << 20) + (4 << 20) + 20 * (64 << 10)
    assert counters["bodies.held_back"] >= 15
    assert_quick(one, "second", 5)
    # Those that hold it up are ended, and then there is room for others.
    one.change(transfer_timeout_s=1)
    one.wait(lambda: one.counters()["connections.expired"] >= 20)
    assert all(closed_within(hog, 20) for hog in hogs)
    one.wait(lambda: (one.counters()["bodies.bytes"], one.counters()["bodies.waiting"]) == (0, 0))
    one.change(transfer_timeout_s=600)
    reply = one.client("second").post(specification(one, token="large", junk=["x" * 500000] * 4))
    assert "result" in reply


def test_large_bodies_one_after_the_other(make_gateway):
    """More of them at once than the budget holds: all are answered in the end."""
    one = make_gateway(bodies_bytes=1 << 20, requests_per_second=0, transfer_timeout_s=600)
    clients = [one.client() for _ in range(12)]
    body = b'{"specification": "query", "token": "t", "junk": [%s]}' % b",".join([b'"%s"' % (b"x" * 250000)] * 8)
    opened_ones = []
    for client in clients:
        client.get("/")
        connection = client.connection.sock
        connection.setblocking(False)
        head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {MPLANE}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        opened_ones.append([connection, memoryview(head + body), b""])
    end = time.monotonic() + 180
    while opened_ones and time.monotonic() < end:
        for state in list(opened_ones):
            try:
                if state[1]:
                    state[1] = state[1][state[0].send(state[1][:16384]):]
                else:
                    state[2] += state[0].recv(65536)
                    if b'"exception"' in state[2]:
                        opened_ones.remove(state)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                time.sleep(0.001)
    assert not opened_ones
    assert one.counters()["bodies.held_back"] > 0
    one.wait(lambda: one.counters()["bodies.bytes"] == 0)


def test_what_waits_its_turn_may_leave(make_gateway):
    one = make_gateway(bodies_bytes=1 << 20, transfer_timeout_s=600)
    hogs = [opened(one) for _ in range(6)]
    for hog in hogs:
        start_body(hog, 4 << 20, 2 << 20)
    one.wait(lambda: one.counters()["bodies.waiting"] >= 3)
    # A reload closes what is idle and leaves these alone.
    one.reload()
    for hog in hogs:
        hog.close()
    one.wait(lambda: one.counters()["connections.open"] == 0)
    one.wait(lambda: one.counters()["bodies.bytes"] == 0)


def test_what_is_dropped_does_not_count(make_gateway):
    """A body that is too large is refused, however much of it comes; it takes no more than one that is not."""
    one = make_gateway(bodies_bytes=4 << 20, body_bytes=1 << 20)
    large = opened(one)
    large.sendall(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {MPLANE}\r\nContent-Length: {32 << 20}\r\n\r\n".encode())
    for _ in range(200):
        large.sendall(b" " * 65536)
    counters = one.counters()
    assert counters["bodies.bytes"] <= 1 << 20 and counters["bodies.held_back"] == 0
    assert "result" in one.client("second").post(specification(one, junk=["x" * 400000] * 2))
    large.close()
    one.wait(lambda: one.counters()["bodies.bytes"] == 0)


def test_idle_connections_do_not_block_the_registry(make_gateway):
    """Of one address so many are kept; the oldest goes for the next that comes."""
    one = make_gateway(transfer_timeout_s=600)
    idle = [socket.create_connection(("127.0.0.1", one.registry_port), timeout=60) for _ in range(100)]
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", one.registry_port), timeout=60) as asking:
            asking.sendall(b"GET /registry/ezrepo HTTP/1.1\r\nHost: x\r\n\r\n")
            assert asking.recv(65536).startswith(b"HTTP/1.1 200")
    assert closed_within(idle[0], 60)
    for connection in idle:
        connection.close()
