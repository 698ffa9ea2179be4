# SPDX-License-Identifier: Apache-2.0
"""A spool that is put back, or copied and used twice: nothing that was taken is lost, nothing is stored twice.

First stored by itself, with a stand-in for ingestd and classifyd, and ingestd by itself; then whole sets.
"""
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import time
import uuid

import msgpack
import pytest
from conftest import ROOT, Load, assert_clean, find_free_ports, ping, time_text, wait_for
from ingestds import result
from messages import ACK, COPY, MESSAGE_VERSION, pack
from stores import SECOND, Record, now_us
from test_delivery import BUSY, KEPT, Gateway


# ---- stored ----

def starts(stored):
    return [r[0] for r in stored.sql("SELECT label FROM measurement ORDER BY t_start")]


def holes(stored):
    return stored.sql("SELECT coalesce(sum(holes), 0)::int FROM ledger_instance")[0][0]


def test_the_same_sequences_of_another_epoch_are_other_batches(stored):
    """Two copies of one spool that go on from the same batch, one after the other, and back."""
    sender, t = stored.sender(), now_us()
    sender.restart()
    for i in range(6):
        sender.batch([Record(t + i * SECOND, label=f"first {i}")])
    kept = dict(sender.pending)
    sender.send()
    sender.settle()
    for turn in range(2):
        sender.restart(3)  # put back: the fourth is the next
        for i in range(4):
            sender.batch([Record(t + (10 * turn + 10 + i) * SECOND, label=f"{turn} {i}")])
        sender.send()
        sender.settle()
        if turn == 0:
            stored.stop(signal.SIGKILL)
            stored.start()
    assert starts(stored) == [f"first {i}" for i in range(6)] + [f"{turn} {i}" for turn in range(2) for i in range(4)]
    stored.wait(lambda: stored.counter("acknowledged.batches") > 0)
    # What the copy still holds of the epoch before comes again and is known.
    sender.pending = {2: kept[2], 3: kept[3]}
    sender.settle()
    assert stored.sql("SELECT sum(records)::int, sum(stored)::int, sum(duplicates)::int FROM ledger_now") == [(14, 14, 0)]
    assert holes(stored) == 0 and stored.counter("spools.copied") == 0


def test_what_is_rejected_is_kept_under_each_epoch(stored):
    sender = stored.sender()
    for _ in range(2):
        sender.restart(0)
        sender.send(sender.keep(0, 1, [b"broken", b"", b""], 1))
        sender.settle()
    assert stored.sql("SELECT sequence::int, item, count(DISTINCT epoch)::int FROM rejected GROUP BY 1, 2") == [(1, 65535, 2)]


def test_an_epoch_that_ended(stored):
    """What never came of it is a hole, as long as it does not come; it goes after thirty days, one without holes, too."""
    sender, t = stored.sender(), now_us()
    sender.restart()
    kept = [sender.batch([Record(t + i * SECOND)]) for i in range(6)]
    sender.send(*kept[:3], kept[4])
    sender.take_acks(60, {kept[3], kept[5]})  # sent once: what is sent says that the missing ones are not settled
    missing = {s: sender.pending.pop(s) for s in (kept[3], kept[5])}
    assert not sender.pending
    sender.restart()
    assert holes(stored) == 0
    sender.commit([Record(t + 10 * SECOND)])
    assert holes(stored) == 2
    sender.pending.update(missing)  # from another copy of that spool
    sender.send(kept[3])
    sender.take_acks(60, {kept[5]})
    assert holes(stored) == 1 and stored.sql("SELECT count(*) FROM measurement") == [(6,)]
    sender.send(kept[5])
    sender.settle()
    assert holes(stored) == 0 and stored.sql("SELECT count(*) FROM measurement") == [(7,)]
    sender.restart()
    sender.commit([Record(t + 20 * SECOND)])
    rows = "SELECT oldest, counted, ended_hour IS NOT NULL FROM batch_stream ORDER BY number"
    assert [ended for _, _, ended in stored.sql(rows)] == [True, True, False]
    assert stored.sql("SELECT count(DISTINCT epoch) FROM batch_done") == [(2,)], "of one without holes none is left"
    stored.sql("UPDATE batch_stream SET used = used - interval '31 days'")
    sender.restart()
    sender.commit([Record(t + 30 * SECOND)])
    assert [ended for _, _, ended in stored.sql(rows)] == [True, False]
    assert stored.sql("SELECT count(*) FROM batch_done d WHERE NOT EXISTS"
                      " (SELECT FROM batch_stream s WHERE s.epoch = d.epoch)") == [(0,)]
    assert holes(stored) == 0


def test_a_spool_of_the_release_before_that_skipped_sequences(stored):
    """It was put back, and was known to be older: what is left of the skipped ones is no hole."""
    sender, t = stored.sender(), now_us()
    for i in range(100):
        sender.batch([Record(t + i * SECOND)])
    sender.send()
    sender.settle()
    sender.sequence = 9 + 2**32
    sender.commit([Record(t + 200 * SECOND)])
    sender.commit([Record(t + 201 * SECOND)])
    sender.restart()
    sender.commit([Record(t + 202 * SECOND)])
    assert holes(stored) == 0
    assert stored.sql("SELECT count(*) FROM measurement") == [(103,)]


@pytest.mark.parametrize("order", [(3, 0, 2, 1), (3, 2, 1, 0), (1, 3, 0, 2)])
def test_epochs_that_come_in_another_order(stored, order):
    """Three starts of one ingestd were killed while the database was away, a fourth runs, and what they sent waits with
    several classifyds: these are no copies, nothing is missing, and what is missing of one is told, not more."""
    sender, t, began = stored.sender(), now_us(), now_us() - 60 * SECOND
    received, kept = {}, []
    for epoch in range(4):
        sender.restart()
        kept.append([sender.batch([Record(t + (4 * epoch + i) * SECOND)]) for i in range(4)])
        received.update({s: began + s * SECOND for s in kept[epoch]})

    def send(*sequences):
        for sequence in sequences:
            sender.received_us = received.get(sequence)
            sender.send(sequence)
        sender.take_acks(60, sender.pending.keys() - set(sequences))
        assert not sender.pending.keys() & set(sequences)
    for epoch in order:
        send(kept[epoch][1])
        send(kept[epoch][0], kept[epoch][2])
    never = kept[1].pop()
    lost = sender.pending.pop(never)
    for epoch in order:
        if epoch != 3:
            send(*kept[epoch][3:])
    send(*kept[3][3:])
    for i in range(4):  # the fourth goes on
        send(sender.batch([Record(t + (20 + i) * SECOND)]))
    assert holes(stored) == 1
    sender.restart()
    send(sender.batch([Record(t + 30 * SECOND)]), sender.batch([Record(t + 31 * SECOND)]))
    assert holes(stored) == 1
    sender.pending[never] = lost
    send(never)
    assert holes(stored) == 0 and stored.sql("SELECT count(*) FROM measurement") == [(22,)]
    assert not sender.take_copies() and stored.counter("spools.copied") == 0
    assert stored.sql("SELECT count(*) FROM batch_stream WHERE refused") == [(0,)]


def test_the_one_started_last_is_told_that_it_is_a_copy(stored):
    sender, t = stored.sender(), now_us()
    sender.restart()
    original = sender.epoch, sender.first
    sender.commit([Record(t)])

    def of_the_original(sequence, received_us):
        """The next batches are of the original."""
        sender.epoch, sender.first = original
        sender.sequence, sender.received_us = sequence, received_us
    sender.restart(1)
    copy = sender.epoch, sender.first
    begun = now_us()
    sender.commit([Record(t + SECOND)])
    of_the_original(1, begun - 10 * SECOND)  # on its way since before the copy began: that may be all there is left of it
    sender.commit([Record(t + 2 * SECOND)])
    assert not sender.take_copies() and stored.counter("spools.copied") == 0
    of_the_original(2, None)
    sender.received_us = now_us() + SECOND
    sender.commit([Record(t + 3 * SECOND)])
    wait_for(lambda: sender.take_copies() == {copy[0]})
    stored.stop(signal.SIGKILL)
    stored.start()
    sender.subscribe()  # what is told with one transaction is not told before
    sender.copies.clear()
    sender.epoch, sender.first = copy
    sender.sequence, sender.received_us = 2, None
    sender.commit([Record(t + 4 * SECOND)])  # taken all the same: its ingestd answered for it
    wait_for(lambda: sender.take_copies() == {copy[0]})
    assert stored.sql("SELECT count(*) FROM measurement") == [(5,)] and holes(stored) == 0
    # The original is gone: the copy starts anew.
    sender.copies.clear()
    sender.restart(3)
    sender.commit([Record(t + 5 * SECOND)])
    sender.commit([Record(t + 6 * SECOND)])
    assert sender.epoch not in sender.take_copies()
    stored.wait(lambda: "spool.copied" in stored.log())


# ---- ingestd ----

def test_an_acknowledgement_of_another_epoch_settles_nothing(start):
    ingestd = start(retry_ms=300)
    ingestd.send(result(value="1"))
    batch = ingestd.batch()
    ingestd.acknowledge(batch.sequence, epoch=batch.epoch ^ 1)
    ingestd.acknowledge(batch.sequence, epoch=0)
    again = ingestd.any_batch(again=True)
    assert again.again and again.sequence == batch.sequence and again.epoch == batch.epoch
    assert ingestd.counters(held__batches=1)["acks.of_others"] >= 2
    # A stored of the release before names no epochs.
    old = [MESSAGE_VERSION - 1, ACK, ingestd.instance, 0, [batch.sequence]]
    ingestd.pub.send_multipart([b"ack" + ingestd.instance, msgpack.packb(old, use_bin_type=True)])
    ingestd.counters(held__batches=0, batches__acknowledged=1)


@pytest.mark.parametrize("running", [False, True])
def test_put_back_it_names_other_batches(start, tmp_path, running):
    """By what was copied within a moment of the stop, or of a running one."""
    spool, snapshot = tmp_path / "spool", tmp_path / "snapshot"
    first = start()
    first.send(result(value="1"))
    one = first.batch()
    first.wait_spooled(1)
    if running:
        subprocess.run(["cp", "-a", spool, snapshot], check=True)
        first.send(result(value="2", when="2026-11-21 10:00:00"))
        two = first.batch()
        first.kill()
    else:
        first.terminate()
        first.close()
        subprocess.run(["cp", "-a", spool, snapshot], check=True)
        second = start()
        second.batch()
        second.send(result(value="2", when="2026-11-21 10:00:00"))
        two = second.batch()
        second.kill()
    shutil.rmtree(spool)
    os.rename(snapshot, spool)
    last = start()
    assert last.instance == first.instance
    last.send(result(value="3", when="2026-11-21 11:00:00"))
    again, three = last.any_batch(again=True), last.any_batch(again=True)
    assert (again.sequence, again.epoch) == (one.sequence, one.epoch)
    assert three.sequence == two.sequence == 2 and three.epoch not in (one.epoch, two.epoch)
    assert three.first == 2 and three.records[0]["values"][0] == "3"
    assert "spool.missing" not in last.log_text() and "spool.damaged" not in last.log_text()


def test_a_spool_of_the_release_before_is_taken_over(start, tmp_path):
    """tests/golden/spool is what a killed one left: four batches, of which 1 and 3 were acknowledged."""
    shutil.copytree(os.path.join(ROOT, "tests/golden/spool"), tmp_path / "spool")
    ingestd = start(peers=False)
    assert str(uuid.UUID(bytes=ingestd.instance)) == "2ac600fe-5818-4d04-9d0a-8bc5893c2392"
    ingestd.send(result(value="5"))
    ingestd.counters(held__batches=3)
    ingestd.connect()
    batches = [ingestd.batch() for _ in range(3)]
    assert [(b.sequence, b.records[0]["values"][0]) for b in batches] == [(2, "2"), (4, "4"), (5, "5")]
    assert [(b.epoch, b.first) for b in batches] == [(0, 0), (0, 0), (batches[2].epoch, 5)] and batches[2].epoch != 0
    ingestd.acknowledge(*[b.sequence for b in batches])
    ingestd.counters(held__batches=0, spool__missing=0)


def test_told_that_it_is_a_copy_it_takes_no_more(start):
    ingestd = start()
    ingestd.send(result(value="1"))
    batch = ingestd.batch()
    gateway = Gateway(ingestd)
    ingestd.pub.send_multipart([b"ack" + ingestd.instance, pack(COPY, ingestd.instance, 0, batch.epoch ^ 1)])
    assert gateway.deliver(result(value="2")).outcome == KEPT
    ingestd.pub.send_multipart([b"ack" + ingestd.instance, pack(COPY, ingestd.instance, 0, batch.epoch)])
    ingestd.note("intake", "another ingestd works with a copy of this spool")
    ingestd.note("spool", "another ingestd works with a copy of this spool")
    answer = gateway.deliver(result(value="3"))
    assert answer.outcome == BUSY and "another ingestd" in answer.reason
    read = ingestd.status()["counters"]["received.datagrams"]
    ingestd.send(result(value="4"))
    # What it holds goes on being pushed.
    ingestd.acknowledge(batch.sequence, ingestd.batch().sequence)
    assert ingestd.counters(held__batches=0)["received.datagrams"] == read
    assert ingestd.log_text().count("spool.copied") == 1
    assert ingestd.terminate() == 0
    again = start()
    again.note("intake", "reading")


# ---- sets ----

def spool_of(one):
    return os.path.join(one.state, "spool")


def snapshot(one, name):
    """Of the spool as it is just now, whatever is being written; its folder."""
    folder = os.path.join(one.state, name)
    subprocess.run(["cp", "-a", spool_of(one), folder], check=True)
    return folder


def put_back(one, folder):
    """A copy of the copy: it may be put back once more."""
    shutil.rmtree(spool_of(one))
    subprocess.run(["cp", "-a", folder, spool_of(one)], check=True)


def posted(one, dests):
    """Posts one result each over HTTPS, again where it could not be taken yet; how many were answered 200."""
    kept = 0
    files = one.client_files()
    for dest in dests:
        command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--cert", files["cert"], "--key", files["key"],
                   "--cacert", files["ca"], "-H", "Content-Type: application/x-mplane+json", "--data-binary",
                   json.dumps(ping(dest, time_text(time.time() - 1))), f"https://localhost:{one.https}/result"]
        for _ in range(20):  # what is posted again is a duplicate, if it was kept
            code = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout
            if code != "503":
                break
            time.sleep(0.5)
        kept += code == "200"
    return kept


def settled(one, records):
    """All of them are in the store, once, and the ledger closes."""
    one.wait_for(lambda: one.sql("SELECT count(*)::int FROM measurement")[0][0] >= records, 300)
    one.wait_for(lambda: one.process("ingestd")["counters"]["held.batches"] == 0, 120)
    assert one.sql("SELECT count(*)::int FROM measurement") == [(records,)]

    def closes():
        done = one.cmd("ledger", "--verify", "--json", check=False)
        return done.returncode == 0 and json.loads(done.stdout)["closes"]
    one.wait_for(closes, 120)
    assert one.sql("SELECT coalesce(sum(holes), 0)::int FROM ledger_instance WHERE holes < 0") == [(0,)]


def lost(one):
    """Datagrams that killed ingestds had read and not yet written, at least and at most."""
    return one.sql("SELECT coalesce(sum(lost), 0)::int, coalesce(sum(lost + maybe_lost), 0)::int FROM ledger_instance")[0]


def dests(subnet, count):
    return [f"10.9.{subnet}.{i}" for i in range(1, count + 1)]


@pytest.mark.parametrize("when", ["running", "stopped", "backlog"])
def test_a_spool_put_back(make_set, when):
    """By a copy that was made while it ran, or at once after `down`, or while stored stood still: all that was answered
    200 before and after is stored once."""
    one = make_set()
    one.up()
    kept = posted(one, dests(1, 15))
    if when == "running":
        copy = snapshot(one, "copy")
    elif when == "stopped":
        one.down()
        copy = snapshot(one, "copy")
        one.up()
    else:
        one.kill("stored", signal.SIGSTOP)
        kept += posted(one, dests(2, 5))
        copy = snapshot(one, "copy")
        kept += posted(one, dests(3, 5))
        one.kill("stored", signal.SIGCONT)
    kept += posted(one, dests(4, 15))
    settled(one, kept)
    for turn in (5, 6):
        one.down()
        put_back(one, copy)
        one.up()
        kept += posted(one, dests(turn, 15))
        settled(one, kept)
    assert kept == (70 if when == "backlog" else 60)
    assert one.process("stored")["counters"]["spools.copied"] == 0


def test_kills_and_spools_put_back_under_load(make_set):
    """What killed ingestds had not yet written is told, to the datagram; everything else is stored once."""
    one = make_set()
    one.up()
    rng, records = random.Random(20261128), 0
    for turn in range(3):
        one.wait_kept()
        with Load(one, rate=700, series=100) as load:
            time.sleep(0.5)
            copy = snapshot(one, f"copy{turn}")
            for name in rng.sample(["ingestd", "stored", "classifyd-0", "ingestd"], 3):
                time.sleep(rng.uniform(0.3, 1))
                pid = one.kill(name)
                one.wait_for(lambda: one.pid(name) not in (0, pid))
            time.sleep(0.5)
            one.wait_kept()
            load.stop()
            records += load.records

        def all_told():
            least, most = lost(one)
            found = one.sql("SELECT count(*)::int FROM measurement")[0][0]
            return records - most <= found <= records - least
        one.wait_for(all_told, 300)
        one.wait_for(lambda: one.process("ingestd")["counters"]["held.batches"] == 0, 120)
        time.sleep(1.5)  # late accounts
        one.down()
        put_back(one, copy)
        one.up()
    settled(one, one.sql("SELECT count(*)::int FROM measurement")[0][0])
    assert all_told(), (records, lost(one))


class Clone:
    """An ingestd and a classifyd on a copy of a set's spool, with doors of their own, at the set's stored. They stay who
    made the set, who may go to its stored's sockets."""

    def __init__(self, one, folder):
        self.one, self.folder, self.run_dir = one, folder, os.path.join(folder, "run")
        (self.port,) = find_free_ports(1)
        for path in (folder, self.run_dir):
            os.mkdir(path, 0o700)
        for name in ("graded", "announce"):
            socket = os.path.join(one.state, "run", name)
            if os.path.isdir(socket):  # each process of the set has a user of its own
                socket = os.path.join(socket, name)
            os.symlink(socket, os.path.join(self.run_dir, name))
        subprocess.run(["cp", "-r", spool_of(one), os.path.join(folder, "spool")], check=True)
        self.file = os.path.join(folder, "ezrepo.json")
        with open(self.file, "w", encoding="utf-8") as file:
            json.dump({"common": {"run_dir": self.run_dir, "schemas_dir": os.path.join(one.state, "schemas"), "user": ""},
                       "ingestd": {"listen": [f"127.0.0.1:{self.port}"], "spool_dir": os.path.join(folder, "spool")}},
                      file)
        self.processes = {}
        self.start("classifyd")
        self.start("ingestd")

    def start(self, name):
        with open(os.path.join(self.folder, f"{name}.log"), "a", encoding="utf-8") as log:
            self.processes[name] = subprocess.Popen(
                [os.path.join(self.one.build, name, name), "--config", self.file], stderr=log)
        wait_for(lambda: self.status(name).get("state") == "running"
                 and self.status(name)["pid"] == self.processes[name].pid)

    def status(self, name="ingestd"):
        with contextlib.suppress(FileNotFoundError):
            with open(os.path.join(self.run_dir, "status", f"{name}-0.json"), encoding="utf-8") as file:
                return dict(json.load(file))
        return {"notes": {}, "counters": {}}

    def end(self, name, number=signal.SIGTERM):
        self.processes[name].send_signal(number)
        self.processes[name].wait(60)

    def send(self, subnet, count):
        lines = "".join(json.dumps(ping(d, time_text(time.time() - 1))) + "\n" for d in dests(subnet, count))
        self.one.cmd("send", "--udp", f"127.0.0.1:{self.port}", "-", text=lines)

    def close(self):
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
                process.wait()
        for name in self.processes:
            with open(os.path.join(self.folder, f"{name}.log"), encoding="utf-8") as file:
                assert_clean(file.read())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_clone_beside_the_original(make_set, number):
    """It is noticed by what the original goes on to send, and takes no more; what it took is stored. Once the original
    is gone it can be started anew."""
    one = make_set()
    one.up()
    kept = posted(one, dests(1, 5))
    one.kill("stored", signal.SIGSTOP)
    kept += posted(one, dests(2, 5))  # both have these
    clone = Clone(one, os.path.join(one.state, "clone"))
    try:
        clone.send(3, 5)
        wait_for(lambda: clone.status()["counters"].get("accepted.records") == 5)
        one.kill("stored", signal.SIGCONT)
        kept += 5
        settled(one, kept)

        def noticed():
            nonlocal kept
            kept += posted(one, dests(4, 1))
            return "another ingestd" in clone.status()["notes"].get("intake", "")
        one.wait_for(noticed)
        assert "another ingestd" in clone.status()["notes"]["spool"]
        settled(one, kept)
        clone.send(5, 5)  # stands in the kernel's buffer
        kept += posted(one, dests(6, 5))
        settled(one, kept)
        assert one.process("ingestd")["notes"]["intake"] == "reading"
        one.wait_for(lambda: one.process("stored")["counters"]["spools.copied"] == 1)
        clone.end("ingestd", number)
        one.kill("ingestd", signal.SIGSTOP)
        clone.start("ingestd")
        clone.send(7, 5)
        one.wait_for(lambda: one.sql("SELECT count(*)::int FROM measurement")[0][0] >= kept + 5)
        time.sleep(1.5)
        assert clone.status()["notes"]["intake"] == "reading"
        clone.end("ingestd")
        one.kill("ingestd", signal.SIGCONT)
        more = one.sql("SELECT count(*)::int FROM measurement")[0][0] - kept
        assert more in (5, 10)  # what stood in the buffer may have gone with the socket
        settled(one, kept + more)
    finally:
        clone.close()
