# SPDX-License-Identifier: Apache-2.0
"""`ezrepo changes` and `ezrepo watch`: the feed once, followed, and from a kept cursor on, whatever is killed."""
import contextlib
import csv
import io
import json
import signal
import subprocess
import sys
import time

import pytest
from conftest import EZREPO, ping, time_text, wait_for


class Told:
    """A series of its own, whose grade changes with each record."""

    def __init__(self, one, dest):
        self.set, self.dest, self.t = one, dest, time.time() - 3000
        self.grades = []

    def change(self, *means_us):
        self.set.send([ping(self.dest, time_text(self.t + 10 * (len(self.grades) + i)), mean) for i, mean in enumerate(means_us)])
        self.grades += means_us
        wait_for(lambda: len(self.entries()) == len(self.grades), 60)

    def entries(self, *options):
        """Those that are events, as `ezrepo changes` has them."""
        rows = self.set.rows("changes", "--dest", self.dest, "--grade", "overall", *options)
        assert {row["feed.kind"] for row in rows[:-1]} <= {"event"} and rows[-1]["feed.kind"] in ("end", "more")
        return rows[:-1]


GOOD, BAD = 1000, 900000


@pytest.fixture
def told(module_set, request):
    return Told(module_set, f"198.51.100.{1 + [item.name for item in request.session.items].index(request.node.name) % 250}")


@contextlib.contextmanager
def not_ignored(number):
    """What is started here gets the signal, also where a shell that runs the tests aside has it ignored."""
    before = signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(number, before)


def start(one, *arguments):
    return subprocess.Popen([sys.executable, EZREPO, "--state", one.state, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True)


def test_changes_once(module_set, told):
    told.change(GOOD, BAD, GOOD)
    entries = told.entries()
    assert [(e["grade.from"], e["record.dest"]) for e in entries][1:] == [(e["grade.to"], told.dest) for e in entries][:-1]
    first, *others = told.entries("--limit", "1")
    assert not others and told.entries("--cursor", first["list.cursor"]) == entries[1:]
    assert told.entries("--since", "1h") == entries and told.entries("--since", "now", "--until", "future") == []
    table = module_set.cmd("changes", "--dest", told.dest, "--grade", "overall", "--output", "table")
    assert table.stdout.count("event") >= 3 and "\nWhat comes then: --cursor c" in "\n" + table.stderr
    cells = list(csv.DictReader(io.StringIO(module_set.cmd("changes", "--dest", told.dest, "--grade", "overall", "--output", "csv").stdout)))
    assert [row["event.number"] for row in cells] == [str(e["event.number"]) for e in entries]
    grading = module_set.rows("changes", "--kinds", "grading")[0]
    assert json.loads(grading["feed.detail"])["version"] == 1
    for arguments, complaint in ((["--kinds", "x"], "feed.kinds: expected"), (["--cursor", "x"], "list.after: expected"),
                                 (["--limit", "0"], "--limit: expected"), (["--follow", "--output", "csv"], "--follow: prints")):
        done = module_set.cmd("changes", *arguments, check=False)
        assert done.returncode == 2 and complaint in done.stderr, done.stderr
    arrival, n, mark = entries[0]["list.cursor"][1:].split(".")
    done = module_set.cmd("changes", "--cursor", f"c{arrival}.{n}.{int(mark) ^ 1}", check=False)
    assert done.returncode == 1 and "put back or taken over" in done.stderr


def test_changes_followed(module_set, told):
    told.change(GOOD)
    first, = told.entries()
    process = start(module_set, "changes", "--dest", told.dest, "--grade", "overall", "--follow", "--cursor", first["list.cursor"], "--json")
    told.change(BAD, GOOD)
    assert [json.loads(process.stdout.readline()) for _ in range(2)] == told.entries()[1:]
    process.terminate()
    process.communicate()
    process = start(module_set, "changes", "--dest", told.dest, "--grade", "overall", "--follow", "--since", "1h")
    line = process.stdout.readline()
    assert told.dest in line and "event" in line and "overall" in line
    process.terminate()
    process.communicate()


def test_one_signal_ends_what_follows(module_set, told):
    """Also while it waits for an answer that is held."""
    told.change(GOOD)
    for number in (signal.SIGTERM, signal.SIGINT):
        with not_ignored(number):
            following = start(module_set, "changes", "--dest", told.dest, "--follow")
        time.sleep(4)  # beyond what is waited for before there is a receipt
        following.send_signal(number)
        following.communicate(timeout=30)
        assert following.returncode in (-number, 128 + number, 1)


def test_records_as_they_arrive(module_set, told, tmp_path):
    """Once, followed, and a command for each."""
    told.change(GOOD, BAD)
    rows = module_set.rows("arrivals", "--dest", told.dest, "--grade", "overall")
    assert [row["feed.kind"] for row in rows] == ["record", "record", "end"]
    first, *_ = module_set.rows("arrivals", "--dest", told.dest, "--grade", "overall", "--limit", "1")
    assert module_set.rows("arrivals", "--dest", told.dest, "--grade", "overall", "--cursor", first["list.cursor"]) == rows[1:]
    assert json.loads(rows[0]["results.repo"])["result"] == "measure"
    done = module_set.cmd("watch", str(tmp_path / "at"), "--records", "--kinds", "event", "--exec", "true", check=False)
    assert done.returncode == 2 and "--kinds: expected without --records" in done.stderr
    watching = start(module_set, "watch", str(tmp_path / "at"), "--records", "--dest", told.dest, "--grade", "overall", "--exec",
                     f"cat >>{tmp_path}/got")
    wait_for((tmp_path / "at").exists)
    told.change(GOOD)
    wait_for(lambda: (tmp_path / "got").exists() and "\n" in (tmp_path / "got").read_text())
    watching.kill()
    watching.communicate()
    got, = [json.loads(line) for line in (tmp_path / "got").read_text().splitlines()]
    assert got["feed.kind"] == "record" and got["grade.value"] == 5


def test_watch_goes_on_from_its_file(module_set, told, tmp_path):
    told.change(GOOD, BAD)
    file, out = tmp_path / "cursor", tmp_path / "out"
    options = ["watch", str(file), "--dest", told.dest, "--grade", "overall"]

    def seen():
        return [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    process = start(module_set, *options, "--since", "1h", "--exec", f"cat >>{out}")
    wait_for(lambda: seen() == told.entries(), 60)
    process.kill()
    process.communicate()
    told.change(GOOD)  # while nobody watches
    process = start(module_set, *options, "--exec", f"cat >>{out}")
    wait_for(lambda: seen() == told.entries(), 60)
    module_set.kill("queryd", signal.SIGKILL)
    module_set.kill("stored", signal.SIGKILL)
    module_set.kill("mplane-gw", signal.SIGKILL)
    wait_for(lambda: module_set.cmd("changes", check=False).returncode == 0, 60)
    told.change(BAD)
    wait_for(lambda: seen() == told.entries(), 60)
    process.terminate()
    assert "ezrepoctl: goes on by itself: asks again in 1 s\n" in process.communicate()[1]
    # What failed is run again, and the cursor stays behind it until then.
    kept, tries = file.read_text(), tmp_path / "tries"
    process = start(module_set, *options, "--exec", f"echo >>{tries}; test -e {tmp_path}/fixed && cat >>{out}")
    told.change(GOOD)
    wait_for(lambda: tries.exists() and len(tries.read_text()) >= 2, 60)
    assert len(seen()) == 4
    (tmp_path / "fixed").touch()
    wait_for(lambda: seen() == told.entries(), 60)
    wait_for(lambda: file.read_text() != kept)
    process.terminate()
    assert "it is run again" in process.communicate()[1]


def test_watch_tells_a_command_that_its_cursor_leads_nowhere(module_set, told, tmp_path):
    file, out = tmp_path / "cursor", tmp_path / "out"
    file.write_text("c0.1.7\n")
    process = start(module_set, "watch", str(file), "--dest", told.dest, "--exec", f"cat >>{out}")
    wait_for(lambda: out.exists() and "\n" in out.read_text(), 60)
    assert json.loads(out.read_text().splitlines()[0])["feed.kind"] == "history"
    wait_for(lambda: file.read_text() != "c0.1.7\n")
    process.terminate()
    process.communicate()
    file.write_text("c0.1.7\n")
    done = module_set.cmd("watch", str(file), check=False)
    assert done.returncode == 1 and "put back" in done.stderr
