# SPDX-License-Identifier: Apache-2.0
"""What changes, as server-sent events of webd: told soon, to all who listen, once, and on from a cursor."""
import contextlib
import http.client
import json
import socket
import time
from typing import Any, Dict, Iterator, List, Optional, Tuple

import pytest
from conftest import EzrepoSet, ping, running_set, time_text

Event = Tuple[str, str, List[Dict[str, Any]]]  # name, id, rows


@pytest.fixture(scope="module", name="one")
def set_with_a_role(build_dir: str) -> Iterator[EzrepoSet]:
    with running_set(build_dir) as one:
        one.cmd("role", "add", "listens", "someone", "other")
        one.cmd("role", "allow", "listens", "Query*")
        one.cmd("role", "add", "bound", "bound", "--sees", "dest=192.0.2.1")
        one.cmd("role", "allow", "bound", "QueryChanges")
        yield one


@pytest.fixture(scope="module", name="bearer")
def token_that_listens(one: EzrepoSet) -> str:
    return token(one, "listens", "someone")


def token(one: EzrepoSet, name: str, identity: str) -> str:
    return one.cmd("token", "issue", name, "--from", "127.0.0.1", "--ask", "QueryChanges", "--identity", identity).stdout.split()[0]


class Listener:
    """One who listens, and reads when asked to."""

    def __init__(self, one: EzrepoSet, bearer: str, query: str = "", last: Optional[str] = None) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", one.page, timeout=30)
        headers = {"Authorization": f"Bearer {bearer}", **({"Last-Event-ID": last} if last else {})}
        self.connection.request("GET", f"/api/v1/changes{query}", headers=headers)
        self.answer = self.connection.getresponse()
        self.last = last

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def event(self) -> Event:
        """The next one; fails after 30 s."""
        fields: Dict[str, str] = {}
        while True:
            line = self.answer.readline().decode()
            assert line, "the stream has ended"
            if line == "\n" and "data" in fields:
                self.last = fields.get("id", self.last)
                return fields["event"], fields.get("id", ""), json.loads(fields["data"])
            name, _, value = line.rstrip("\n").partition(": ")
            if name and value:
                fields[name] = value

    def until(self, count: int) -> List[Dict[str, Any]]:
        """Rows of events until there are so many."""
        rows: List[Dict[str, Any]] = []
        while len(rows) < count:
            rows += [row for row in self.event()[2] if row["feed.kind"] == "event"]
        return rows


def turn(one: EzrepoSet, dest: str, good: bool) -> None:
    """A series becomes good, or bad."""
    one.send([ping(dest, time_text(int(time.time())), 10000 if good else 900000)])
    time.sleep(1.1)  # so that the next is later


def test_what_changes_is_told_soon_and_to_all(one: EzrepoSet, bearer: str) -> None:
    half = token(one, "bound", "bound")
    with Listener(one, bearer) as first, Listener(one, bearer) as second, Listener(one, half) as bound:
        assert first.answer.headers["Content-Type"] == "text/event-stream"
        for listener in (first, second, bound):
            name, cursor, rows = listener.event()
            assert (name, rows) == ("changes", []) and cursor
        turn(one, "192.0.2.9", True)
        turn(one, "192.0.2.9", False)
        got = [listener.until(2) for listener in (first, second)]
        assert got[0] == got[1] and [(row["record.dest"], row["grade.to"]) for row in got[0]] == [("192.0.2.9", got[0][0]["grade.to"]), ("192.0.2.9", 1)]
        turn(one, "192.0.2.1", True)
        assert [row["record.dest"] for row in bound.until(1)] == ["192.0.2.1"]  # and nothing of the other before it
        started = time.monotonic()
        turn(one, "192.0.2.1", False)
        assert first.until(2)[-1]["grade.to"] == 1 and time.monotonic() - started < 10
        assert one.process("webd")["counters"]["listeners"] == 3
    one.wait_for(lambda: one.process("webd")["counters"]["listeners"] == 0)


def test_who_comes_again_misses_nothing_and_sees_nothing_twice(one: EzrepoSet, bearer: str) -> None:
    with Listener(one, bearer) as listener:
        listener.event()
        turn(one, "192.0.2.20", True)
        seen = listener.until(1)
        cursor = listener.last
    turn(one, "192.0.2.20", False)
    turn(one, "192.0.2.21", True)
    with Listener(one, bearer) as live, Listener(one, bearer, last=cursor) as again:
        live.event()
        seen += again.until(2)
        assert [row["record.dest"] for row in seen] == ["192.0.2.20", "192.0.2.20", "192.0.2.21"]
        turn(one, "192.0.2.21", False)
        mine, theirs = again.until(1), live.until(1)
        assert mine == theirs and mine[0]["record.dest"] == "192.0.2.21"
        turn(one, "192.0.2.22", True)
        assert again.until(1) == live.until(1)
    with Listener(one, bearer, query=f"?list.after={cursor}&record.dest=192.0.2.21") as some:
        assert [row["record.dest"] for row in some.until(2)] == ["192.0.2.21"] * 2


def test_one_who_listens_often_keeps_nobody_out(one: EzrepoSet, bearer: str) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(16):
            assert held.enter_context(Listener(one, bearer)).answer.status == 200
        more = held.enter_context(Listener(one, bearer))
        assert more.answer.status == 429 and "at most 16" in json.loads(more.answer.read())["error"]["message"]
        other = held.enter_context(Listener(one, token(one, "another", "bound")))
        assert other.answer.status == 200
    one.wait_for(lambda: one.process("webd")["counters"]["listeners"] == 0)


def test_what_is_no_feed_is_refused(one: EzrepoSet, bearer: str) -> None:
    for query, last in (("?feed.kinds=colours", None), ("", "c:nonsense"), ("", "x" * 300), ("?a=b", None)):
        with Listener(one, bearer, query=query, last=last) as listener:
            assert listener.answer.status == 400, (query, last)
            assert json.loads(listener.answer.read())["error"]["reason"] == "invalid"
    with socket.create_connection(("127.0.0.1", one.page), timeout=30) as old:
        old.sendall(f"GET /api/v1/changes HTTP/1.0\r\nAuthorization: Bearer {bearer}\r\n\r\n".encode())
        got = b""
        while piece := old.recv(65536):
            got += piece
    assert b" 400 " in got.partition(b"\r\n")[0] and b"expected HTTP/1.1" in got
    with Listener(one, "ezr_" + "A" * 43) as stranger:
        assert stranger.answer.status == 401


def test_who_may_no_longer_listen_is_let_go(one: EzrepoSet) -> None:
    mine = token(one, "ends", "other")
    with Listener(one, mine) as listener:
        listener.event()
        one.cmd("token", "revoke", "ends")
        ended = time.monotonic()
        with contextlib.suppress(http.client.IncompleteRead, ConnectionError):
            while listener.answer.readline():
                pass
        assert time.monotonic() - ended < 10
    with Listener(one, mine) as again:
        assert again.answer.status == 401


def test_it_goes_on_after_queryd_was_killed(one: EzrepoSet, bearer: str) -> None:
    with Listener(one, bearer) as listener:
        listener.event()
        one.kill("queryd")
        turn(one, "192.0.2.30", True)
        assert [row["record.dest"] for row in listener.until(1)] == ["192.0.2.30"]
    one.down()  # with nobody left behind, and soon
