# SPDX-License-Identifier: Apache-2.0
"""Who posts what is heavy to read keeps nobody else waiting: bodies are read by turns of who sent them, datagrams between them.
Told by the order of what is done, not by time."""
import gzip
import signal
import socket
import threading

import pytest
from conftest import find_free_ports, wait_for
from ingest_doors import FPING, running, without_time

PASSED_OVER = gzip.compress(b"ICMP x\n" * 590000, 1)
JUNK = gzip.compress(b"a\n" * 2000000, 1)


@pytest.fixture(scope="module")
def door(build_dir, tmp_path_factory):
    (port,) = find_free_ports(1)
    rules = {"roles": {"all": ["org.example.probe", "org.example.nobody"]}, "authorizations": {"Collect-*": ["all"]}}
    with running(build_dir, tmp_path_factory.mktemp("d"), access=rules, post_timeout_ms=600000, requests_per_second=0,
                 ingestd={"listeners": [{"listen": f"127.0.0.1:{port}", "format": "fping-text"}]}) as one:
        one.udp = ("127.0.0.1", port)
        yield one


def post(door, body, name="probe", path="/ingest/fping-text"):
    status, _, told = door.post(path, body, name=name, Content_Encoding="gzip")
    return status, without_time(told)


def in_threads(count, function):
    threads = [threading.Thread(target=function) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_junk_is_given_up(door):
    status, told = post(door, JUNK)
    assert (status, told["refused"], told["reason"]) == (400, 1001, "faults")
    assert told["detail"] == ("expected at most 1000 faults, found more: nothing from line 1001 on is taken, "
                              "3998000 of 4000000 bytes")
    status, told = post(door, gzip.compress(FPING.encode() + b"ICMP x\n" * 3000 + FPING.encode()))
    assert (status, told) == (200, {"records": 2, "refused": 0})  # what is passed over is no fault
    door.ingestd.collect(2, rejects=True)


def test_heavy_bodies_take_turns_with_all_others(door):
    """Four at a time, eight of them, each a few hundred slices: whoever else posts has an answer between them, many times."""
    order, datagrams = [], 0

    def attack():
        for _ in range(2):
            assert post(door, PASSED_OVER, "nobody") == (200, {"records": 0, "refused": 0})
            order.append("attack")

    attackers = in_threads(4, attack)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        while len([o for o in order if o == "attack"]) < 8:
            for _ in range(10):
                udp.sendto(FPING.encode(), door.udp)
            datagrams += 10
            assert post(door, gzip.compress(FPING.encode())) == (200, {"records": 1, "refused": 0})
            order.append("victim")
    for thread in attackers:
        thread.join()
    first, last = order.index("attack"), len(order) - 1 - order[::-1].index("attack")
    assert order[:last].count("victim") > 8 and order[:first].count("victim") > 1, order
    door.ingestd.collect(datagrams + order.count("victim"))
    assert door.ingestd.counters()["kernel.drops"] == 0


def test_of_one_sender_the_first_is_first(door):
    """And all that is read of it ends as one delivery, in the midst of others'."""
    attackers = in_threads(2, lambda: post(door, PASSED_OVER, "nobody"))
    lines = "".join(FPING.replace("192.0.2.1", f"192.0.2.{i % 250}") for i in range(20000))
    assert post(door, gzip.compress(lines.encode())) == (200, {"records": 20000, "refused": 0})
    for thread in attackers:
        thread.join()
    assert len(door.ingestd.collect(20000)) == 20000


def test_a_reload_begins_what_is_under_way_anew(door):
    answers = []
    threads = in_threads(3, lambda: answers.append(post(door, PASSED_OVER + gzip.compress(FPING.encode()), "nobody")))
    for _ in range(5):
        assert post(door, gzip.compress(FPING.encode())) == (200, {"records": 1, "refused": 0})
        door.ingestd.process.send_signal(signal.SIGHUP)
    for thread in threads:
        thread.join()
    assert answers == [(200, {"records": 1, "refused": 0})] * 3
    door.ingestd.collect(8)


def test_many_heavy_datagrams_leave_posts_their_turn(door):
    """Each of 65,000 bytes and 32,500 lines that are none. How many the kernel has room for is the machine's affair."""
    before = door.ingestd.counters()

    def since(name):
        return door.ingestd.counters()[name] - before[name]

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        for i in range(100):
            udp.sendto(b"a\n" * 32500, door.udp)
            if i % 20 == 0:
                assert post(door, gzip.compress(FPING.encode())) == (200, {"records": 1, "refused": 0})
    wait_for(lambda: since("received.datagrams") + since("kernel.drops") == 105, 60, lambda: str(door.ingestd.counters()))
    assert since("rejected.faults") == since("received.datagrams") - 5 >= 5
    door.ingestd.collect(5, rejects=True)
