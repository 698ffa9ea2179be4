# SPDX-License-Identifier: Apache-2.0
"""ingestd and a disk that is full: while it runs, when it ends, and when it starts; and files that go away."""

import re
import shutil
import subprocess
import time

import pytest
from conftest import wait_for
from ingestds import fill_disk, result
from test_delivery import BUSY, KEPT, Gateway

FILLER = {"metadata": {"filler": "x" * 20000}}


def fill_memory(ingestd, sent=0):
    """Sends until no more is held in memory; how many results are sent, those before included."""
    def full():
        nonlocal sent
        ingestd.send(*[result(value=str(sent + i), **FILLER) for i in range(5)])
        sent += 5
        return "memory full: the spool cannot be written" in ingestd.status()["notes"].get("intake", "")
    wait_for(full)
    return sent


def stays_full(ingestd):
    """Whether the spool cannot be written: tried again twice, a second apart, it could not be either."""
    first = ingestd.counters()
    if "cannot write" not in ingestd.status()["notes"]["spool"]:
        return False

    def written_or_not():
        counters = ingestd.counters()
        if counters["spool.commits"] != first["spool.commits"]:
            return "written"
        return counters["spool.write_errors"] >= first["spool.write_errors"] + 2 and "not"
    return wait_for(written_or_not) == "not"


def test_a_full_disk(start, small_disk):
    """Batches go on from memory, bounded, and into the spool again when there is room; killed, it starts on a full
    disk with what its log has room for."""
    ingestd = start(batch_records=1, spool_dir=str(small_disk / "spool"), window_bytes=1 << 20)
    ingestd.send(*[result(value=str(i), **FILLER) for i in range(5)])
    assert [ingestd.batch().sequence for _ in range(5)] == [1, 2, 3, 4, 5]
    ballast = small_disk / "ballast"
    fill_disk(ballast)
    sent = fill_memory(ingestd, 5)
    ingestd.note("spool", "cannot write: database or disk is full")
    counters = ingestd.status()["counters"]
    assert counters["spool.write_errors"] > 0 and counters["memory.bytes"] < 3 << 20
    assert counters["spool.unspooled"] > 0
    # They can be pushed and acknowledged from memory.
    pushed = [ingestd.batch() for _ in range(10)]
    assert [b.sequence for b in pushed] == list(range(6, 16))
    ingestd.acknowledge(1, 2, 3, 4, 5, *range(6, 16))
    ingestd.counters(batches__acknowledged=15)
    ballast.unlink()
    ingestd.note("spool", "works")
    ingestd.note("intake", "reading")

    def all_read():
        counters = ingestd.counters(spool__unspooled=0)
        return counters["received.datagrams"] + counters["kernel.drops"] == sent
    wait_for(all_read)  # what would be read on a full disk would be lost
    fill_disk(ballast)
    ingestd.kill()
    again = start(spool_dir=str(small_disk / "spool"))
    assert again.instance == ingestd.instance
    assert again.batch().sequence == 16
    again.counters(spool__missing=0)


def test_terminated_while_the_spool_cannot_be_written(start, small_disk):
    """What is in memory only is lost, unless it was acknowledged."""
    ballast = small_disk / "ballast"
    options = {"batch_records": 1, "drain_ms": 300, "spool_dir": str(small_disk / "spool")}
    ingestd = start(**options)
    fill_disk(ballast)

    def send(ingestd):
        for sent in range(1, 1000):
            ingestd.send(result(value=str(sent), **FILLER))
            ingestd.counters(accepted__records=sent)
            if stays_full(ingestd):
                return sent
        raise AssertionError("the disk has no end")
    for value in range(send(ingestd)):
        batch = ingestd.batch()
        assert batch.records[0]["values"][0] == str(value + 1)
        ingestd.acknowledge(batch.sequence)
    ingestd.counters(held__batches=0, spool__unspooled=0)
    assert ingestd.terminate() == 0
    assert "drain.done spooled_batches=0 records=0 " in ingestd.log_text()
    assert "drain.lost" not in ingestd.log_text()
    ingestd.close()
    again = start(peers=False, **options)
    for fault in ("tally.lost", "spool.unwritten", "spool.damaged"):
        assert fault not in again.log_text()
    sent = send(again)
    unspooled = again.counters()["spool.unspooled"]
    assert 0 < unspooled <= sent
    assert again.terminate() == 1
    lost = re.search(r"drain\.lost records=(\d+) unspooled_batches=(\d+) of_batches=(\d+) unread_datagrams=0",
                     again.log_text())
    assert [int(n) for n in lost.groups()] == [unspooled, unspooled, sent]


def leave_spool(start, how, options):
    """What an ingestd before left in spool_dir, without the reserve, which an earlier start has used up."""
    if how == "none":
        return
    ingestd = start(**options)
    ingestd.send(*[result(value=str(i), **FILLER) for i in range(5)])
    assert [ingestd.batch().sequence for _ in range(5)] == [1, 2, 3, 4, 5]
    ingestd.counters(spool__unspooled=0)
    if how == "stopped":
        assert ingestd.terminate() == 0
        ingestd.close()
    else:
        ingestd.kill()


@pytest.mark.parametrize("how", ["none", "stopped", "killed"])
def test_started_on_a_full_disk(start, small_disk, how):
    """What is in the spool is pushed, what comes is held in memory, and written once there is room."""
    ballast, spool = small_disk / "ballast", small_disk / "spool"
    options = {"batch_records": 1, "drain_ms": 100, "spool_dir": str(spool)}
    leave_spool(start, how, options)
    if how == "killed":
        assert (spool / "spool.sqlite-wal").stat().st_size > 5 * 20000  # to be replayed
        (spool / "spool.sqlite-shm").unlink()
    if how != "none":
        (spool / "spool.reserve").unlink()
    fill_disk(ballast)
    old = 0 if how == "none" else 5
    began = time.monotonic()
    ingestd = start(**options)
    ingestd.note("spool", "cannot write: ")
    assert re.search("full|No space left", ingestd.status()["notes"]["spool"])
    assert "effect=\"batches are held in memory only\"" in ingestd.log_text()
    ingestd.counters(spool__found__batches=old, held__batches=old, spool__missing=0)
    assert [ingestd.batch().sequence for _ in range(old)] == list(range(1, old + 1))
    ingestd.send(*[result(value=f"new {i}") for i in range(3)])
    ingestd.counters(accepted__records=3, spool__unspooled=3)
    if old:  # the head tells that their sequences are given
        assert [ingestd.batch().sequence for _ in range(3)] == [6, 7, 8]
        ingestd.acknowledge(1, 2, 6)
        ingestd.counters(batches__acknowledged=3)
    else:
        assert ingestd.quiet(300)
    errors = wait_for(lambda: (n := ingestd.status()["counters"]["spool.write_errors"]) >= 3 and n)
    assert errors <= time.monotonic() - began + 2, "once a second"
    ballast.unlink()
    ingestd.note("spool", "works")
    ingestd.counters(spool__unspooled=0)
    assert "spool.written" in ingestd.log_text()
    if not old:
        assert [ingestd.batch().sequence for _ in range(3)] == [1, 2, 3]
    wait_for((spool / "spool.reserve").exists)
    ingestd.kill()
    again = start(**options)
    assert again.instance == ingestd.instance
    held = [3, 4, 5, 7, 8] if old else [1, 2, 3]
    assert [again.batch().sequence for _ in held] == held
    again.counters(spool__found__batches=len(held), spool__missing=0)
    for fault in ("spool.damaged", "spool.unwritten", "spool.leap"):
        assert fault not in again.log_text()


def test_memory_is_bounded_on_a_full_disk(start, small_disk):
    """Started there, it stops reading at window_bytes, and goes on when there is room: nothing is lost."""
    ballast = small_disk / "ballast"
    fill_disk(ballast)
    ingestd = start(spool_dir=str(small_disk / "spool"), window_bytes=1 << 20)
    sent = fill_memory(ingestd)
    assert ingestd.status()["counters"]["memory.bytes"] < 3 << 20
    ballast.unlink()
    ingestd.note("intake", "reading")
    ingestd.take_all(sent)
    ingestd.closes()
    assert ingestd.ledger["records"] + ingestd.ledger["dropped"] == sent


def fill_spool(ingestd, ballast):
    """Batches until some are in memory only, and stay there; how many there are."""
    ingestd.send(*[result(value=str(i), **FILLER) for i in range(5)])
    assert [ingestd.batch().sequence for _ in range(5)] == [1, 2, 3, 4, 5]
    ingestd.counters(spool__unspooled=0)
    fill_disk(ballast)
    sent = 5
    while not stays_full(ingestd):
        ingestd.send(*[result(value=str(sent + i), **FILLER) for i in range(5)])
        sent += 5
        ingestd.counters(accepted__records=sent)
        assert sent < 1000
    return sent


@pytest.mark.parametrize("room", [True, False], ids=["with room", "still full"])
@pytest.mark.parametrize("how", ["terminated", "killed"])
def test_what_could_not_be_written_is_no_damage(start, small_disk, how, room):
    """What ingestd said to be lost when it ended is not missed again; when it could not say so, it is told as missing:
    both to the batch, and only once it could be written."""
    ballast, spool = small_disk / "ballast", small_disk / "spool"
    options = {"batch_records": 1, "drain_ms": 100, "spool_dir": str(spool)}
    ingestd = start(**options)
    sent = fill_spool(ingestd, ballast)
    if how == "terminated":
        assert ingestd.terminate() == 1
        lost = int(re.search(r"drain\.lost records=\d+ unspooled_batches=(\d+) ", ingestd.log_text())[1])
        ingestd.close()
    else:
        ingestd.kill()
    if room:
        ballast.unlink()
    again = start(**options)
    found = int(re.search(r"spool\.opened .* batches=(\d+) ", again.log_text())[1])
    event, lost = ("unwritten", lost) if how == "terminated" else ("missing", sent - found)
    assert found == sent - lost and lost > 0
    assert f"spool.{event} first={found + 1} last={sent} batches={lost} " in again.log_text()
    again.counters(spool__missing=lost if how == "killed" else 0)
    again.note("spool", "works" if room else "cannot write: ")
    assert "spool.damaged" not in again.log_text() and not list(spool.glob("*damaged*"))
    again.send(result(value="after"))
    for sequence in range(1, found + 1):
        assert (batch := again.any_batch()).sequence == sequence
        again.acknowledge(sequence)
    while batch.kind or batch.records[0]["values"][0] != "after":
        batch = again.any_batch()
        assert batch.sequence > sent and batch.oldest > sent
        again.acknowledge(batch.sequence)
    if not room:
        ballast.unlink()
    again.note("spool", "works")
    again.counters(held__batches=0)
    again.wait_spooled()
    again.kill()
    third = start(**options)
    third.counters(spool__missing=0, spool__found__batches=0)
    assert not re.search(r"spool\.(unwritten|missing|damaged|leap)", third.log_text())


@pytest.mark.parametrize("starts", [[], ["killed", "terminated", "killed"]], ids=["running", "started again"])
def test_a_disk_that_the_spool_itself_filled(start, small_disk, starts):
    """Its log takes all there is, and cannot be copied into its file for want of room. Once all that is in it is stored, it
    is written again, by itself, also after starts on the full disk, and as often as it happens."""
    options = {"batch_records": 1, "drain_ms": 100, "window_bytes": 1 << 20, "spool_dir": str(small_disk / "spool")}
    ingestd, kept, large = start(**options), [], {"metadata": {f"filler {i}": "x" * 20000 for i in range(8)}}

    def fill():
        """Until bodies cannot be kept any more."""
        while (answer := gateway.deliver(result(value=str(len(kept)), **large))).outcome == KEPT:
            kept.append(str(len(kept)))
        assert answer.outcome == BUSY
        ingestd.note("spool", "cannot write: database or disk is full")

    def enlarge(mebibytes):
        subprocess.run(["mount", "-o", f"remount,size={mebibytes}m", small_disk], check=True)

    def store():
        """What comes, until nothing is held."""
        found = set()
        while ingestd.status()["counters"].get("held.batches") != 0:
            while not ingestd.quiet(0):
                batch = ingestd.take(20)
                found |= {r["values"][0] for r in batch.records} if batch.kind == 0 else set()
                ingestd.acknowledge(batch.sequence)
        return found
    gateway = Gateway(ingestd)
    fill()
    assert len(kept) > 20 and (small_disk / "spool/spool.sqlite-wal").stat().st_size > 4 << 20
    if not starts:  # given more room, it goes on
        enlarge(18)
        ingestd.note("spool", "works")
        before = len(kept)
        fill()
        assert len(kept) > before + 20
    for how in starts:
        if how == "killed":
            ingestd.kill()
        else:
            enlarge(15)  # not by enough for the log
            ingestd.terminate()
            ingestd.close()
        ingestd = start(**options)
        gateway = Gateway(ingestd)
        ingestd.counters(spool__found__batches=len(kept))
    assert (small_disk / "spool/spool.sqlite").stat().st_size < 1 << 20, "a part of the log is copied in vain"
    assert store() >= set(kept)
    ingestd.note("spool", "works")
    assert "spool.emptied" in ingestd.log_text()
    kept.clear()
    fill()  # as much as before
    assert len(kept) > 20
    assert store() >= set(kept)
    ingestd.note("spool", "works")
    assert gateway.deliver(result(value="last")).outcome == KEPT
    ingestd.kill()
    again = start(**options)
    assert again.instance == ingestd.instance and "last" in {r["values"][0] for r in again.collect(1)}
    again.counters(spool__missing=0)
    assert not re.search(r"spool\.(unwritten|missing|damaged|leap)", again.log_text())


# ---- files that go away while they are in use ----

def gone(how, spool, aside):
    """What somebody does to a spool in use."""
    if how == "removed":
        for name in ("spool.sqlite", "spool.sqlite-wal", "spool.sqlite-shm", "spool.head"):
            (spool / name).unlink()
    elif how == "folder":
        while spool.exists():  # a file may be made in it meanwhile
            shutil.rmtree(spool, ignore_errors=True)
    elif how == "moved":
        spool.rename(aside)
    elif how == "replaced":
        spool.rename(aside)
        shutil.copytree(aside, spool)
    else:
        (spool / how).unlink()


@pytest.mark.parametrize("how", ["removed", "folder", "moved", "replaced", "spool.sqlite", "spool.sqlite-wal",
                                 "spool.head"])
def test_files_that_are_removed_while_in_use(start, tmp_path, how):
    """Noticed within a second, and told; all that is held is in new files, so that a kill loses nothing of what was
    answered."""
    ingestd = start(peers=False)
    gateway = Gateway(ingestd)
    for i in range(20):
        assert gateway.deliver(result(value=str(i), when=f"2026-11-21 10:00:{i:02}")).outcome == KEPT
    gone(how, tmp_path / "spool", tmp_path / "aside")
    kept, end = 20, time.monotonic() + 60
    while ingestd.status()["counters"].get("spool.renewed", 0) == 0 and time.monotonic() < end:
        answer = gateway.deliver(result(value=str(kept), when=f"2026-11-21 11:{kept // 60:02}:{kept % 60:02}"))
        assert answer.outcome == KEPT or "removed or replaced" in answer.reason, answer
        kept += answer.outcome == KEPT
    assert gateway.deliver(result(value=str(kept), when="2026-11-21 12:00:00")).outcome == KEPT
    ingestd.kill()
    assert ingestd.log_text().count("spool.gone") == 1 and "spool.renewed" in ingestd.log_text()
    again = start()
    assert again.instance == ingestd.instance
    found = set()  # what was answered busy may be there as well
    while found != set(range(kept + 1)):
        found |= {int(r["values"][0]) for r in again.collect(1)}
    again.counters(spool__missing=0)
    assert "spool.damaged" not in again.log_text()
    again.note("spool", "works")


def test_no_new_files_can_be_made(start, tmp_path):
    """Nothing is answered 200 until there is a folder again; what was answered before is still there then."""
    place = tmp_path / "place"
    place.mkdir()
    ingestd = start(peers=False, spool_dir=str(place / "spool"))
    gateway = Gateway(ingestd)
    assert gateway.deliver(result(value="0")).outcome == KEPT
    place.rename(tmp_path / "elsewhere")
    place.write_text("a file", encoding="utf-8")
    ingestd.note("spool", "cannot write")
    assert gateway.deliver(result(value="1", when="2026-11-21 10:00:00")).outcome == BUSY
    place.unlink()
    place.mkdir()
    ingestd.note("spool", "works")
    assert gateway.deliver(result(value="2", when="2026-11-21 11:00:00")).outcome == KEPT
    ingestd.kill()
    again = start(spool_dir=str(place / "spool"))
    found = set()
    while not {"0", "2"} <= found:
        found |= {r["values"][0] for r in again.collect(1)}


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_started_on_a_file_system_that_is_read_only(start, small_disk, how):
    """What is in the spool is pushed, nothing is answered 200; once it can be written to, all is as ever."""
    spool = {"spool_dir": str(small_disk / "spool # 100%")}
    ingestd = start(peers=False, drain_ms=100, **spool)
    gateway = Gateway(ingestd)
    for i in range(3):
        assert gateway.deliver(result(value=str(i), when=f"2026-11-21 10:00:{i:02}")).outcome == KEPT
    if how == "stopped":
        assert ingestd.terminate() == 0
        ingestd.close()
    else:
        ingestd.kill()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    again = start(**spool)
    assert again.instance == ingestd.instance
    assert {r["values"][0] for r in again.collect(3)} == {"0", "1", "2"}
    again.note("spool", "cannot write")
    again.counters(held__batches=0)
    gateway = Gateway(again)
    answer = gateway.deliver(result(value="3", when="2026-11-21 11:00:00"))
    assert (answer.outcome, answer.reason) == (BUSY, "the spool cannot be written")
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    again.note("spool", "works")
    assert gateway.deliver(result(value="4", when="2026-11-21 12:00:00")).outcome == KEPT
    again.kill()
    last = start(**spool)
    found = set()
    while "4" not in found:
        found |= {r["values"][0] for r in last.collect(1)}
    last.counters(spool__missing=0)
    assert "spool.damaged" not in last.log_text()
