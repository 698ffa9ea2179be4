# SPDX-License-Identifier: Apache-2.0
"""Files of results in a folder: ingestd takes each in exactly once. Stand-ins are those of ingestds.py."""

import gzip
import json
import os
import re
import pwd
import socket
import subprocess

import pytest
from conftest import wait_for
from ingestds import result
from posts import envelope

OWNER = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture
def drop(start, tmp_path):
    """Starts an ingestd that looks into tmp_path/drop."""
    folder = tmp_path / "drop"
    folder.mkdir()

    def starter(**options):
        ingestd = start(**{"drop_dir": str(folder), "drop_settle_s": 0, **options})
        ingestd.drop = folder
        return ingestd
    return starter


def lines(values):
    return "".join(json.dumps(result(value=str(v))) + "\n" for v in values).encode()


def put(ingestd, name, data):
    """As rsync does: under a name that begins with a dot, then renamed."""
    path = ingestd.drop / f".{name}.AbCdEf"
    path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    os.rename(path, ingestd.drop / name)


def moved(ingestd, *names):
    wait_for(lambda: all((ingestd.drop / name).exists() for name in names), 120)


def values(ingestd, count):
    """The values of as many records; batches of rejects are passed over."""
    return [r["values"][0] for r in ingestd.collect(count, rejects=True)]


FORMS = {"a.jsonl": lines("12"), "b.json": json.dumps([result(value="1"), result(value="2")]).encode(),
         "c.json": json.dumps(envelope(result(value="1"), result(value="2")), indent=2).encode(), "d.jsonl.gz": gzip.compress(lines("12")),
         "e.json.gz": gzip.compress(lines("1")) + gzip.compress(lines("2")), "f.json": lines("12"),
         "g.jsonl": lines("12").rstrip() + b"\r\n\n", "h.ndjson": lines("12"), "i.JSON": b"\xef\xbb\xbf" + lines("12") + b"\0",
         "p.json.gz": gzip.compress(lines("1")) + gzip.compress(lines("2")) + bytes(70000),
         "j.NDJSON.gz": gzip.compress(lines("12")), "k.json": b"[" + lines("1") + b"]\n[" + lines("2") + b"]", "ünd so\nweiter\xff.json".encode("latin-1"): lines("12")}


@pytest.mark.parametrize("name", FORMS, ids=range(len(FORMS)))
def test_forms(drop, name):
    ingestd = drop()
    where = os.fsencode(ingestd.drop)
    put_as = name if isinstance(name, bytes) else name.encode()
    with open(where + b"/.new", "wb") as file:
        file.write(FORMS[name])
    os.rename(where + b"/.new", where + b"/" + put_as)
    assert values(ingestd, 2) == ["1", "2"]
    wait_for(lambda: os.path.exists(where + b"/done/" + put_as))
    ingestd.counters(drop__done=1, drop__failed=0, drop__records=2, accepted__records=2)
    ingestd.closes()


def test_owner_is_probe_and_sender(drop):
    ingestd = drop()
    put(ingestd, "a.json", result())
    batch = ingestd.batch()
    assert batch.records[0]["probe"] == OWNER and batch.accounts[0]["sender"] == f"file:{OWNER}"


def test_what_is_wrong_stands_in_the_reason(drop):
    ingestd = drop()
    put(ingestd, "a.jsonl", lines("1") + b"{broken\n" + lines("2") + b'{"result": 3}\n' + lines("3"))
    assert values(ingestd, 3) == ["1", "2", "3"]
    ingestd.counters(drop__failed=1, drop__refused=2)  # and the reason is written
    reason = (ingestd.drop / "failed/a.jsonl.reason").read_text().splitlines()
    assert reason[0] == "3 kept (3 records), 2 refused, 0 bytes passed over"
    assert reason[1].startswith("line 2, document 2: json: ")
    assert reason[2] == "line 4, document 4: form: result: expected a verb, found number"
    assert (ingestd.drop / "failed/a.jsonl").read_bytes().count(b"\n") == 5


@pytest.mark.parametrize("name,data,line,why", [
    ("a.json", lines("1") + b'{"result":', 2, 'expected "}", found the end in line 2; 10 bytes passed over'),
    ("a.json", b"[" + lines("1") + b",", 2, "expected the end of the array, found the end; 0 bytes"),
    ("a.json", lines("1") + b"hello", 2, 'expected "{" where a document begins; 5 bytes'),
    ("a.jsonl.gz", gzip.compress(lines("1"))[:-9], None, "the gzip ends too early"),
    ("a.jsonl.gz", gzip.compress(lines("1")) + b"\x1e" + gzip.compress(lines("2"))[1:], None, "what stands behind the gzip is none"),
    ("a.jsonl.gz", gzip.compress(lines("1")) + b"\0\0x", None, "what stands behind the gzip is none"),
    ("a.jsonl.gz", gzip.compress(lines("1"))[:-8] + bytes(8), None, "incorrect data check"),
    ("a.json", b"[" + b"x" * 10, 1, 'expected "{" where a document begins; 10 bytes'),
    ("a.jsonl", lines("1") + b"x" * (17 << 20), 2, "expected at most 16777216 bytes; 17825792 bytes passed over"),
    ("a.jsonl", lines("1") + b"x" * (5 << 20), 2, "length: expected at most 4194304 bytes, found 5242880"),
    ("a.jsonl", bytes(1000), None, "expected results, found nothing but U+0000"),
], ids=range(11))
def test_faults_of_form(drop, name, data, line, why):
    ingestd = drop()
    put(ingestd, name, data)
    moved(ingestd, f"failed/{name}", f"failed/{name}.reason")
    wait_for(lambda: why in (ingestd.drop / f"failed/{name}.reason").read_text())
    if line is not None:
        assert f"line {line}, document {line if name.endswith('l') or 'array' not in why else 1}: {why}" in \
            (ingestd.drop / f"failed/{name}.reason").read_text()


def broken(number, indent=2):
    """A result as a program writes it that measured nothing: a bracket is not closed."""
    return json.dumps(result(value=str(number)), indent=indent).replace(f'[\n      "{number}"\n    ]\n  ]', "[").encode()


def test_one_that_is_not_closed_takes_none_along(drop):
    """The good ones in the same file are kept, in whatever form; so are those behind a null."""
    ingestd = drop()
    whole = [json.dumps(result(value=str(v)), indent=2).encode() for v in range(10)]
    put(ingestd, "a.json", broken(0) + b"\n" + whole[1] + b"\nnull\n" + broken(2) + b"\n" + whole[3] + b"\n")
    assert values(ingestd, 2) == ["1", "3"]
    ingestd.counters(drop__failed=1, drop__records=2, drop__refused=3)
    reason = (ingestd.drop / "failed/a.json.reason").read_text().splitlines()
    passed = len(broken(0)) + len(broken(2)) + 2 + len("null\n")
    assert reason[0] == f"2 kept (2 records), 3 refused, {passed} bytes passed over"
    last = broken(0).count(b"\n") + 1
    assert reason[1] == (f'line 1, document 1: expected "]", found "}}" in line {last}; '
                         f"{len(broken(0)) + 1} bytes passed over")
    assert [line.split(":")[0].split(", ")[1] for line in reason[1:]] == ["document 1", "document 3", "document 4"]
    put(ingestd, "b.json", b"[" + b",\n".join([whole[4], broken(5), whole[6], b"null", whole[7]]) + b"]")
    assert values(ingestd, 3) == ["4", "6", "7"]
    put(ingestd, "c.json", b'{"result": "measure", "resultvalues": [[1, 2\n' + lines("89"))  # the writer was killed
    assert values(ingestd, 2) == ["8", "9"]
    ingestd.closes()


def test_a_result_of_megabytes(drop):
    ingestd = drop()
    rows = [[str(i), "x" * 80] for i in range(16000)]
    put(ingestd, "a.json", result(results=["n", "filler"], resultvalues=rows))
    assert sorted(values(ingestd, 16000), key=int) == [row[0] for row in rows]
    moved(ingestd, "done/a.json")


def test_what_is_left_alone(drop):
    ingestd = drop()
    for name in (".hidden.json", ".a.jsonl.Xy12Zq", "notes.txt", "a.json.part", "json"):
        (ingestd.drop / name).write_bytes(lines("0"))
    os.mkfifo(ingestd.drop / "fifo.json")
    os.symlink(ingestd.file, ingestd.drop / "link.json")
    (ingestd.drop / "folder.json").mkdir()
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(ingestd.drop / "socket.json"))
    put(ingestd, "z.json", result(value="1"))
    assert values(ingestd, 1) == ["1"]
    moved(ingestd, "done/z.json")
    ingestd.counters(received__datagrams=1, drop__left=7, drop__stuck=0)
    # Rather one that would be taken by its name.
    assert re.search(r'7 left alone, such as "(fifo|link|folder|socket)\.json": expected a regular file', ingestd.status()["notes"]["drop"])
    wait_for(lambda: "drop.stays" in ingestd.log_text())
    assert sorted(os.listdir(ingestd.drop / "done")) == ["z.json"] and os.listdir(ingestd.drop / "failed") == []
    assert len(os.listdir(ingestd.drop)) == 11


def test_another_ending_is_told_by_name(drop):
    ingestd = drop()
    (ingestd.drop / "a.json.zst").write_bytes(b"x")
    wait_for(lambda: '1 left alone, such as "a.json.zst": expected a name that ends in .json, .jsonl or .ndjson'
             in ingestd.status()["notes"].get("drop", ""))
    os.rename(ingestd.drop / "a.json.zst", ingestd.drop / "done/a.json.zst")
    ingestd.counters(drop__left=0)


def test_half_written_files_wait(drop):
    ingestd = drop(drop_settle_s=1)
    put(ingestd, "first.json", result(value="looking"))  # so that it looks, surely
    assert values(ingestd, 1) == ["looking"]
    with open(ingestd.drop / "slow.jsonl", "wb", buffering=0) as file:
        file.write(lines("1")[:20])
        put(ingestd, "other.json", result(value="other"))
        assert values(ingestd, 1) == ["other"]
        moved(ingestd, "done/other.json")
        put(ingestd, "third.json", result(value="third"))  # taken after drop_settle_s, and after it looked at all
        assert values(ingestd, 1) == ["third"]
        moved(ingestd, "done/third.json")
        assert (ingestd.drop / "slow.jsonl").exists()  # it is still open
        file.write(lines("1")[20:])
    assert values(ingestd, 1) == ["1"]
    moved(ingestd, "done/slow.jsonl")


def test_files_from_before_the_start(drop, tmp_path):
    for i in range(30):
        (tmp_path / f"drop/{i:02}.jsonl").write_bytes(lines([i]))
    ingestd = drop()
    assert sorted(values(ingestd, 30), key=int) == [str(i) for i in range(30)]
    ingestd.counters(drop__done=30)
    assert len(os.listdir(ingestd.drop / "done")) == 30
    ingestd.closes()


def test_the_same_name_again(drop):
    ingestd = drop()
    for name in ("a.json", "a.json.2", "a.json.3"):
        put(ingestd, "a.json", result())
        moved(ingestd, f"done/{name}")
    ingestd.counters(drop__done=3)
    for n in range(4, 100):
        (ingestd.drop / f"done/a.json.{n}").touch()
    put(ingestd, "a.json", result())  # then with the time
    ingestd.counters(drop__done=4, drop__stuck=0)
    assert len(os.listdir(ingestd.drop / "done")) == 100


def test_the_longest_name(drop):
    ingestd = drop()
    name = "x" * 250 + ".json"
    moved(ingestd, "done", "failed")
    for n in range(2):
        (ingestd.drop / name).write_bytes(lines([n]))
        wait_for(lambda n=n: len(os.listdir(ingestd.drop / "done")) == n + 1)
        (ingestd.drop / name).write_bytes(lines([n]) + b"null\n")
        wait_for(lambda n=n: len(os.listdir(ingestd.drop / "failed")) == 2 * n + 2)
    assert sorted(os.listdir(ingestd.drop / "failed")) == sorted(
        ["x" * 248, "x" * 248 + ".reason", "x" * 246 + ".2", "x" * 246 + ".2.reason"])


@pytest.fixture
def elsewhere(tmp_path):
    """done/ is another file system, into which nothing can be renamed. Calls back to put it right."""
    done = tmp_path / "drop/done"
    if os.geteuid() != 0:
        pytest.skip("mounting takes root")
    done.mkdir(parents=True)
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", done], capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us mount")

    def put_right():
        while os.path.ismount(done):
            subprocess.run(["umount", "-l", done], check=True)
    yield put_right
    put_right()


def test_one_that_cannot_be_moved_away(drop, elsewhere):
    """It stops no other, is not taken again, not after a restart or a kill either, and is told; then it is moved."""
    ingestd = drop()
    put(ingestd, "a.json", result(value="1"))
    put(ingestd, "b.json", lines(["2", "3"]))
    assert sorted(values(ingestd, 3)) == ["1", "2", "3"]
    ingestd.counters(drop__stuck=2, drop__done=0, received__datagrams=3)
    assert '2 taken but not moved away, such as "' in ingestd.status()["notes"]["drop"]
    put(ingestd, "c.json", lines(["4"]) + b"null")  # into failed/, which works
    assert values(ingestd, 1) == ["4"]
    moved(ingestd, "failed/c.json")
    assert ingestd.terminate() == 0
    ingestd.close()
    again = drop()
    again.counters(drop__stuck=2)
    put(again, "d.json", result(value="5"))
    assert values(again, 1) == ["5"]
    again.counters(drop__stuck=3, received__datagrams=1)
    again.kill()
    again = drop()
    again.counters(drop__stuck=3, received__datagrams=0)
    elsewhere()
    again.close()
    again = drop()
    moved(again, "done/a.json", "done/b.json", "done/d.json")
    again.counters(drop__stuck=0, received__datagrams=0, drop__done=3)


def test_done_may_be_removed(drop):
    ingestd = drop()
    put(ingestd, "a.json", result(value="1"))
    moved(ingestd, "done/a.json")
    os.rename(ingestd.drop / "done", ingestd.drop.parent / "gone")
    os.unlink(ingestd.drop.parent / "gone/a.json")
    os.rmdir(ingestd.drop.parent / "gone")
    put(ingestd, "b.json", result(value="2"))
    moved(ingestd, "done/b.json")
    ingestd.counters(received__datagrams=2)


def test_a_file_of_many_results_and_udp_goes_on(drop):
    ingestd = drop()
    count = 20000
    put(ingestd, "big.jsonl.gz", gzip.compress(lines(range(count)), 1))
    found, by_udp = [], 0
    while len(found) < count or by_udp < 20:
        if by_udp < 20:
            ingestd.send(result(value="udp"))
        got = values(ingestd, 1)
        by_udp += got.count("udp")
        found += [v for v in got if v != "udp"]
    assert found == [str(i) for i in range(count)]
    moved(ingestd, "done/big.jsonl.gz")


def test_killed_while_reading(drop):
    """At any moment: all is there once it was let end, and only duplicates beside."""
    ingestd = drop()
    count = 3000
    put(ingestd, "a.jsonl", lines(range(count)))
    seen = []
    for _ in range(4):
        seen += values(ingestd, 100)
        ingestd.kill()
        assert (ingestd.drop / "a.jsonl").exists() != (ingestd.drop / "done/a.jsonl").exists()
        ingestd = drop()
    moved(ingestd, "done/a.jsonl")  # which waits for no acknowledgements
    wanted = {str(i) for i in range(count)}
    while not wanted <= set(seen):
        seen += values(ingestd, 1)
    while not ingestd.quiet(500):
        batch = ingestd.take(20)
        ingestd.acknowledge(batch.sequence)
        seen += [r["values"][0] for r in batch.records] if batch.kind == 0 else []
    assert set(seen) == wanted
    assert not (ingestd.drop / "a.jsonl").exists()


def test_stopped_while_reading(drop):
    ingestd = drop(peers=False, spool_bytes=1 << 20)
    filler = {"metadata": {"filler": "x" * 5000}}
    put(ingestd, "a.jsonl", b"".join(json.dumps(result(value=str(i), **filler)).encode() + b"\n" for i in range(400)))
    wait_for(lambda: ingestd.status()["counters"].get("deliveries.busy", 0) > 0)  # the spool is full, and it waits
    assert ingestd.terminate() == 0
    assert (ingestd.drop / "a.jsonl").exists()
    ingestd.close()
    again = drop()
    seen = set()
    while len(seen) < 400:
        seen |= set(values(again, 1))
    moved(again, "done/a.jsonl")


@pytest.mark.parametrize("fault", [b"", b"{\n", b"null\n"], ids=["good", "unclosed", "null"])
def test_a_restart_counts_nothing_twice(drop, fault):
    """Stopped in the midst of a file, again and again: each document is taken once, each fault told once."""
    count, seen, received = 8000, [], 0
    ingestd = drop(spool_bytes=1 << 20)
    put(ingestd, "a.json", fault + lines(range(count)))
    for _ in range(4):
        seen += values(ingestd, 1000)
        assert ingestd.terminate() == 0
        received += ingestd.status()["counters"]["received.datagrams"]
        assert (ingestd.drop / "a.json").exists()
        ingestd.close()
        ingestd = drop(spool_bytes=1 << 20)
    while len(seen) < count:
        seen += values(ingestd, 1)
    where = "failed" if fault else "done"
    moved(ingestd, f"{where}/a.json")
    wait_for(lambda: received + ingestd.status()["counters"]["received.datagrams"] == count)
    assert sorted(seen, key=int) == [str(n) for n in range(count)]
    if fault:
        wait_for((ingestd.drop / "failed/a.json.reason").exists)
        reason = (ingestd.drop / "failed/a.json.reason").read_text().splitlines()
        assert reason[0] == f"{count} kept ({count} records), 1 refused, {len(fault)} bytes passed over"
        assert len(reason) == 2
    wait_for(lambda: not os.path.exists(ingestd.options["spool_dir"] + "/drop.taken"))


def test_a_folder_that_comes_later(drop, tmp_path):
    os.rmdir(tmp_path / "drop")
    ingestd = drop()
    wait_for(lambda: "drop.folder" in ingestd.log_text())
    ingestd.note("drop", "cannot be looked into: No such file or directory")
    ingestd.drop.mkdir()
    put(ingestd, "a.json", result(value="1"))
    assert values(ingestd, 1) == ["1"]
    ingestd.note("drop", "looked into")
