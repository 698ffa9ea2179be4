# SPDX-License-Identifier: Apache-2.0
"""Signs of life: what ingestd tells of itself and of the gateways, and what stored makes of it, each with stand-ins for the
other."""
import os
import signal
import time
import uuid

import zmq
from conftest import wait_for
from ingestds import Heard, result
from messages import LIFE, SIGNS, pack
from stores import SECOND, now_us

ENTRIES = "SELECT kind, detail FROM feed WHERE kind IN ('absence', 'presence') ORDER BY arrival, n"
ABSENCES = ("SELECT ingestd, process, (extract(epoch FROM t_from) * 1000000)::bigint, (extract(epoch FROM t_to) * 1000000)::bigint"
            " FROM absence ORDER BY t_from, process")


# ---- stored ----

class Teller:
    """What an ingestd is to stored."""

    def __init__(self, stored):
        self.instance = uuid.uuid4()
        self.name = str(self.instance)
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.PUSH)
        self.socket.linger = 0
        self.socket.connect(f"ipc://{stored.run_dir}/signs")
        self.missed = []  # of (process, from, to), as places among the processes
        self.gateway_us = None  # its last sign; None: now

    def tell(self):
        now = now_us()
        names, last = ["ingestd", "mplane-gw"], [now, self.gateway_us or now]
        whose, begin, end = (list(column) for column in zip(*self.missed)) if self.missed else ([], [], [])
        self.socket.send(pack(SIGNS, self.instance.bytes, now, now, now - SECOND, names, last, whose, begin, end))

    def close(self):
        self.context.destroy(linger=0)


def tell_until(stored, what, *tellers):
    """These are heard of until it is so."""
    def is_so():
        for teller in tellers:
            teller.tell()
        return what()
    stored.wait(is_so)


def all_heard(stored, *tellers, least=2):
    """Whatever follows from what they say is told by now: the note is written behind it."""
    tell_until(stored, lambda: stored.status_at_once()["counters"]["signs.received"] >= least, *tellers)
    tell_until(stored, lambda: stored.note("signs"), *tellers)


def test_absences_are_told_once(make_stored):
    stored = make_stored().start()
    one, other = Teller(stored), Teller(stored)
    tell_until(stored, lambda: "all present" in stored.status_at_once()["notes"].get("signs", "") and stored.status()["counters"]["signs.ingestds"] == 2,
               one, other)
    # The other one cannot be heard, nor the gateway of this one; stored is killed meanwhile.
    one.gateway_us = now_us()
    tell_until(stored, lambda: len(stored.sql(ENTRIES)) == 2, one)
    entries = stored.sql(ENTRIES)
    assert sorted((kind, detail["ingestd"], detail["process"]) for kind, detail in entries) == \
        sorted([("absence", one.name, "mplane-gw"), ("absence", other.name, "ingestd")])
    assert all(set(detail) == {"ingestd", "process", "since"} for _, detail in entries)
    stored.stop(signal.SIGKILL)
    stored.start()
    tell_until(stored, lambda: stored.status_at_once()["counters"]["signs.absent"] == 2, one)
    assert stored.sql(ENTRIES) == entries and "absent: " in stored.note("signs")
    # The other one was there all the time; the gateway was not.
    now = now_us()
    one.missed, one.gateway_us = [(1, one.gateway_us, now)], None
    tell_until(stored, lambda: len(stored.sql(ENTRIES)) == 4, one, other)
    told = stored.sql(ENTRIES)[2:]
    assert sorted((kind, detail["process"], "from" in detail) for kind, detail in told) == \
        [("presence", "ingestd", False), ("presence", "mplane-gw", True)]
    assert stored.sql(ABSENCES) == [(one.name, "mplane-gw", *one.missed[0][1:])]
    # Who starts anew within five seconds was not told, and missed something all the same: told once, whoever is killed.
    one.missed.append((0, now - 3 * SECOND, now - SECOND))
    tell_until(stored, lambda: len(stored.sql(ENTRIES)) == 5, one, other)
    stored.stop(signal.SIGKILL)
    stored.start()
    all_heard(stored, one, other, least=4)
    told = stored.sql(ENTRIES)[4:]
    assert [(kind, detail["process"], detail["ingestd"]) for kind, detail in told] == [("presence", "ingestd", one.name)]
    assert len(stored.sql(ABSENCES)) == 2
    for teller in (one, other):
        teller.close()


def test_a_clock_that_was_put_forward_leaves_no_absence_to_come(make_stored):
    stored = make_stored().start()
    one, year = Teller(stored), 365 * 86400 * SECOND
    now = now_us()
    for process, begin, end in (("ingestd", now - 9 * SECOND, now + year), ("mplane-gw", now + year, now + 2 * year)):
        stored.sql("INSERT INTO absence VALUES (%s, %s, to_timestamp(0) + %s * interval '1 microsecond',"
                   " to_timestamp(0) + %s * interval '1 microsecond')", one.name, process, begin, end)
    one.missed = [(1, now - SECOND, now + year)]
    all_heard(stored, one)
    (ingestd, process, begin, end), = stored.sql(ABSENCES)
    assert (ingestd, process, begin) == (one.name, "ingestd", now - 9 * SECOND) and now <= end <= now_us()
    assert stored.sql(ENTRIES) == [] and stored.counter("signs.malformed") == 0
    later = now + year
    one.socket.send(pack(SIGNS, one.instance.bytes, later, later, later, ["ingestd"], [later], [], [], []))
    stored.wait(lambda: stored.status_at_once()["counters"]["signs.malformed"] == 1)
    one.close()


# ---- ingestd ----

def absences(sign):
    return [(sign["processes"][i], begin, end) for i, begin, end in zip(sign["absent"], sign["from_us"], sign["to_us"])]


def test_what_is_not_acknowledged_holds_the_moment_up(start):
    ingestd = start()
    heard = Heard(ingestd)
    first = heard.until(lambda sign: sign["until_us"] > 0)
    assert first["processes"] == ["ingestd"] and not first["absent"] and first["instance"] == ingestd.instance
    ingestd.send(result())
    before = now_us()
    batch = ingestd.batch()
    held = heard.until(lambda sign: sign["now_us"] > before + 1.5 * SECOND)
    assert held["until_us"] <= before
    ingestd.acknowledge(batch.sequence)
    heard.until(lambda sign: sign["until_us"] > before + 1.5 * SECOND)


def test_who_was_not_there_and_who_stood_still(start, make_stored):
    ingestd = start()
    heard = Heard(ingestd)
    last = heard.newest()["now_us"]
    ingestd.kill()
    heard.socket.close()
    time.sleep(1)
    again = start()
    heard = Heard(again)
    sign = heard.newest()
    (who, begin, end), = absences(sign)
    assert who == "ingestd" and last <= begin < last + 2 * SECOND and begin + SECOND // 2 < end <= sign["now_us"]
    # A gateway tells of itself by the way of deliveries.
    gateway = again.zmq.socket(zmq.DEALER)
    gateway.connect(f"ipc://{again.run_dir}/deliver")
    now = now_us()
    gateway.send(pack(LIFE, "ingest-gw", now, now - 9 * SECOND))
    gateway.send(pack(LIFE, "ingest-gw", now + 3, now + 2))
    gateway.send(pack(LIFE, "ingestd", now, now))  # it is not
    sign = heard.until(lambda sign: len(sign["processes"]) == 2)
    assert absences(sign)[1:] == [("ingest-gw", now, now + 2)] and sign["last_us"][1] == now + 3
    # One that is silent holds the moment up until it counts as absent.
    sign = heard.until(lambda sign: sign["now_us"] > now + 1.5 * SECOND)
    assert sign["until_us"] <= now + 3
    # Who stands still was not there; stored that does takes nobody for absent.
    stored = make_stored().start()
    one = Teller(stored)
    all_heard(stored, one)
    for process in (again.process, stored.process):
        os.kill(process.pid, signal.SIGSTOP)
    stopped = now_us()
    time.sleep(5.5)
    for _ in range(20):
        one.tell()
    for process in (again.process, stored.process):
        os.kill(process.pid, signal.SIGCONT)
    all_heard(stored, one, least=20)
    assert stored.sql(ENTRIES) == []
    one.socket.send(b"nothing")
    stored.wait(lambda: stored.status_at_once()["counters"]["signs.malformed"] == 1)
    one.close()
    sign = heard.until(lambda sign: len(sign["absent"]) == 3)
    own = [(begin, end) for who, begin, end in absences(sign) if who == "ingestd"]
    assert len(own) == 2 and own[1][0] <= stopped and own[1][1] > stopped + 5 * SECOND
    assert "signs.break" in again.log_text()
    heard.until(lambda sign: sign["until_us"] > now + 3)
    # All of it is there at the next start.
    again.kill()
    heard.socket.close()
    third = start()
    heard = Heard(third)
    sign = heard.newest()
    assert [(begin, end) for who, begin, end in absences(sign) if who == "ingestd"][:2] == own and len(sign["absent"]) == 4
