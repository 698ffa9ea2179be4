# SPDX-License-Identifier: Apache-2.0
"""What is delivered to ingestd with an acknowledgement: the messages deliver and delivered, spoken by a stand-in
for the gateway. Stand-ins for classifyd and stored are those of ingestds.py."""

import collections
import json
import re
import signal
import time

import msgpack
import pytest
import zmq
from conftest import wait_for
from ingestds import Ingestd, fill_disk, result
from messages import DELIVER, DELIVERED, MESSAGE_VERSION, fields, pack
from posts import envelope
from processes import held_up

HTTPS, FILE = 0, 1
KEPT, REFUSED, BUSY = range(3)
Answer = collections.namedtuple("Answer", "id outcome records rejected reason detail exceptions undated", defaults=(0, 0))


class Gateway:
    """A stand-in for mplane-gw at ingestd's door."""

    def __init__(self, ingestd: Ingestd):
        self.socket = ingestd.zmq.socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(f"ipc://{ingestd.run_dir}/deliver")
        self.next_id = 0

    def send(self, body, sender="org.example.probe", allowed=("Collect-*",), door=HTTPS, place=""):
        self.next_id += 1
        head = pack(DELIVER, self.next_id, door, sender, place, int(time.time() * 1e6), list(allowed))
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.socket.send_multipart([head, body])
        return self.next_id

    def answer(self, seconds=20):
        assert self.socket.poll(seconds * 1000), "no answer"
        return Answer(**fields(DELIVERED, msgpack.unpackb(self.socket.recv())))

    def deliver(self, body, **more):
        number = self.send(body, **more)
        answer = self.answer()
        assert answer.id == number
        return answer


def test_kept_is_in_the_spool_when_killed(start):
    ingestd = start(peers=False)
    gateway = Gateway(ingestd)
    answer = gateway.deliver(envelope(result(value="1"), result(value="2", when="2026-11-21 10:00:00")))
    assert answer == Answer(1, KEPT, 2, 0, "", "")
    ingestd.kill()
    again = start()
    batch = again.batch()
    assert [r["values"][0] for r in batch.records] == ["1", "2"]
    assert {r["probe"] for r in batch.records} == {"org.example.probe"}
    assert [(a["sender"], a["datagrams"], a["accepted"], a["exceptions"], a["records"], a["rejected"]) for a in batch.accounts] == \
        [("https:org.example.probe", 1, 1, 0, 2, [])]
    again.counters(killed__datagrams=0)
    assert "tally.lost" not in again.log_text()


def test_many_share_transactions_and_syncs(start):
    ingestd = start(batch_age_ms=20)
    gateway = Gateway(ingestd)
    before = ingestd.counters(received__datagrams=0)["spool.syncs"]
    with held_up(ingestd.process.pid):  # they are all there when it looks
        numbers = [gateway.send(result(value=str(i))) for i in range(500)]
    answers = [gateway.answer() for _ in numbers]
    assert [a.id for a in answers] == numbers and {(a.outcome, a.records) for a in answers} == {(KEPT, 1)}
    assert [r["values"][0] for r in ingestd.collect(500)] == [str(i) for i in range(500)]
    counters = ingestd.counters(deliveries__kept=500, received__datagrams=500, accepted__records=500)
    assert counters["spool.syncs"] - before < 250
    ingestd.send(result(value="by UDP"))
    assert ingestd.collect(1)[0]["probe"] == "127.0.0.1"
    ingestd.closes()


def test_one_body_makes_several_batches(start):
    ingestd = start(batch_records=100)
    rows = [[str(i)] for i in range(1050)]
    answer = Gateway(ingestd).deliver(result(resultvalues=rows))
    assert (answer.outcome, answer.records) == (KEPT, 1050)
    assert sorted(r["row"] for r in ingestd.collect(1050)) == list(range(1050))
    ingestd.closes()


@pytest.mark.parametrize("body,reason,detail", [
    (b"{", "json", ""),
    (b"", "json", ""),
    ({"specification": "query", "version": 1}, "kind", "expected a result"),
    (result(when="2026-11-21 ... now"), "time", "when: expected an absolute time"),
    (envelope(result(when=None), 17), "time", "contents[0]: when: expected"),
    (b'{"result": "measure", "pad": "' + b"x" * 70000 + b'"}', "length", "expected at most 65536 bytes, found 700"),
])
def test_what_is_wrong_is_told(start, body, reason, detail):
    ingestd = start(body_bytes=65536)
    answer = Gateway(ingestd).deliver(body)
    assert (answer.outcome, answer.records, answer.reason) == (REFUSED, 0, reason)
    assert answer.detail.startswith(detail)
    batch = ingestd.batch()
    assert batch.rejects[0]["reason"] == reason and batch.rejects[0]["sender"] == "https:org.example.probe"
    ingestd.closes()


def test_an_envelope_is_taken_as_far_as_it_is_right(start):
    ingestd = start()
    answer = Gateway(ingestd).deliver(envelope(result(), result(results="none"), result(), result(when=None)))
    assert answer[1:5] == (KEPT, 2, 2, "form")
    assert answer.detail == "contents[1]: results: expected an array of names, found string"
    assert len(ingestd.collect(2, rejects=True)) == 2
    ingestd.closes()


def test_only_allowed_types_are_taken(start):
    ingestd = start()
    gateway = Gateway(ingestd)
    other = result(metadata={"record.type": "weather"})
    answer = gateway.deliver(envelope(result(), other), allowed=["Collect-ping", "Query*"])
    assert answer[1:5] == (KEPT, 1, 1, "denied")
    assert answer.detail == "contents[1]: not authorized to use the capability Collect-weather"
    assert gateway.deliver(other, allowed=["Collect-p*"])[1:5] == (REFUSED, 0, 1, "denied")
    assert gateway.deliver(other, allowed=[])[1:5] == (REFUSED, 0, 1, "denied")
    assert gateway.deliver(other, allowed=["*"])[1:4] == (KEPT, 1, 0)
    assert gateway.deliver(result(metadata={"record.type": "x" * 1100}), allowed=["*"]).reason == "length"
    assert [r["type"] for r in ingestd.collect(2, rejects=True)] == ["ping", "weather"]


def test_a_file_has_an_owner_and_a_place(start):
    ingestd = start()
    gateway = Gateway(ingestd)
    assert gateway.deliver(result(), sender="ann", door=FILE).outcome == KEPT
    assert gateway.deliver(b"[]", sender="ann", door=FILE, place="today.jsonl:7").outcome == REFUSED
    batch = ingestd.batch()
    assert batch.accounts[0]["sender"] == "file:ann" and batch.records[0]["probe"] == "ann"
    reject = ingestd.batch().rejects[0]
    assert reject["detail"].startswith("today.jsonl:7: expected results, found an empty array")


def test_nothing_to_store_needs_no_disk(start):
    ingestd = start(peers=False)
    gateway = Gateway(ingestd)
    assert gateway.deliver({"exception": "t", "message": "failed"})[1:4] == (KEPT, 0, 0)
    assert gateway.deliver(result(resultvalues=[]))[1:4] == (KEPT, 0, 0)


def test_busy_while_the_spool_is_full(start):
    ingestd = start(peers=False, spool_bytes=1 << 20)
    gateway = Gateway(ingestd)
    body = result(resultvalues=[["x" * 1000]] * 500)
    answers = [gateway.deliver(body)]
    while answers[-1].outcome == KEPT:
        answers.append(gateway.deliver(body))
        assert len(answers) < 10
    assert answers[-1][1:5] == (BUSY, 0, 0, "the spool is full")
    ingestd.connect()
    ingestd.collect(500 * (len(answers) - 1))
    wait_for(lambda: gateway.deliver(body).outcome == KEPT)


def test_busy_when_the_spool_cannot_be_written(start, small_disk):
    ingestd = start(peers=False, spool_dir=str(small_disk / "spool"))
    gateway = Gateway(ingestd)
    body = result(resultvalues=[["x" * 1000]] * 200)
    assert gateway.deliver(body).outcome == KEPT
    fill_disk(small_disk / "ballast")
    answer = gateway.deliver(body)
    while answer.outcome == KEPT:
        answer = gateway.deliver(body)
    assert answer[1:5] == (BUSY, 0, 0, "the spool cannot be written")
    (small_disk / "ballast").unlink()
    wait_for(lambda: gateway.deliver(result(value="at last")).outcome == KEPT)


def test_terminated_after_it_said_busy(start, small_disk):
    """What could not be spooled was told as not taken: nothing is lost, unless it came by UDP."""
    ingestd = start(peers=False, spool_dir=str(small_disk / "spool"), drain_ms=300)
    gateway = Gateway(ingestd)
    body = result(resultvalues=[["x" * 1000]] * 200)
    kept = 0
    fill_disk(small_disk / "ballast")
    while gateway.deliver(body).outcome == KEPT:
        kept += 200
    ingestd.counters(held__records=kept + 200)
    assert ingestd.terminate() == 0
    assert f" records={kept} rejects=0 " in ingestd.log_text() and "drain.lost" not in ingestd.log_text()
    ingestd.close()
    (small_disk / "ballast").unlink()
    again = start(peers=False, spool_dir=str(small_disk / "spool"))
    again.counters(spool__found__records=kept, spool__missing=0)
    again.note("spool", "works")
    assert re.search(r"spool\.unwritten first=\d+ last=\d+ batches=\d+ ", again.log_text())
    assert not re.search(r"tally\.lost|spool\.(damaged|missing)", again.log_text())


def test_busy_when_it_starts_on_a_full_disk(start, small_disk):
    fill_disk(small_disk / "ballast")
    ingestd = start(spool_dir=str(small_disk / "spool"))
    gateway = Gateway(ingestd)
    assert gateway.deliver(result(value="early"))[1:5] == (BUSY, 0, 0, "the spool cannot be written")
    (small_disk / "ballast").unlink()
    wait_for(lambda: gateway.deliver(result(value="at last")).outcome == KEPT)


def test_what_is_no_delivery_is_dropped(start):
    ingestd = start()
    gateway = Gateway(ingestd)
    for frames in ([b""], [b"x", b"y"], [msgpack.packb([MESSAGE_VERSION, DELIVER, 1]), b"{}"], [b"a"] * 9,
                   [pack(DELIVER, 1, 0, "s", "", 0, [])],
                   [pack(DELIVER, 1, 2, "s", "", 0, []), b"{}"],
                   [pack(DELIVER, 1, 0, "s" * 251, "", 0, []), b"{}"],
                   [pack(DELIVER, 1, 0, "s", "", 0, []), b"x" * (16777216 + 1)]):
        gateway.socket.send_multipart(frames)
    assert gateway.deliver(result()).outcome == KEPT
    ingestd.counters(deliveries__malformed=8, received__datagrams=1)


def test_terminated_ingestd_answers_what_it_took(start):
    ingestd = start(batch_age_ms=10000, drain_ms=600000)
    gateway = Gateway(ingestd)
    numbers = [gateway.send(result(value=str(i))) for i in range(20)]
    ingestd.counters(received__datagrams=20)  # in a batch that is open still
    ingestd.process.send_signal(signal.SIGTERM)
    assert [gateway.answer()[:2] for _ in numbers] == [(n, KEPT) for n in numbers]
    assert len(ingestd.collect(20)) == 20
    assert ingestd.process.wait(60) == 0
