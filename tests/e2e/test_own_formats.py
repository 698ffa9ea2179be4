# SPDX-License-Identifier: Apache-2.0
"""What a format of one's own brings along for its record type: elements and a capability, grading blocks to start with, a gap
that may change; and its archives; in a set that runs."""
import gzip
import json
import os
import signal
import subprocess
import time
import urllib.request

import pytest
from conftest import running_set, time_text, wait_for
from ezrepo import importing
from ingestds import result

BLOCK = {"gradeName": "overall", "appliesTo": {"recordType": "sky"}, "gradingRules": [
    {"grade": 1, "if": [{"metric": "loss.ratio", "rel": ">=", "limit": 0.25}]}, {"grade": 5}]}
TYPE = {"gap_s": 100, "source": "as we say", "grading": [BLOCK],
        "elements": [{"name": "sky.colour", "prim": "string", "desc": "what it looked like"}, {"name": "loss.ratio", "prim": "real"}],
        "collect": [{"parameters": ["source.ip4"], "results": ["sky.colour", "loss.ratio"]}]}
MAPPING = {"input": {"decoder": "json"}, "types": {"sky": TYPE},
           "records": [{"type": "sky", "content": "", "probe": "$.probe", "dest": "$.dest", "start": {"time": "$.at"},
                        "metrics": {"loss.ratio": "$.loss"}}]}


@pytest.fixture(name="one", scope="module")
def make_set(build_dir):
    with running_set(build_dir) as one:
        write(one, MAPPING)
        one.cmd("reload")
        yield one


def write(one, mapping, name="sky"):
    with open(os.path.join(one.state, "formats.d", name + ".json"), "w", encoding="utf-8") as file:
        json.dump(mapping, file)


def send(one, dest, starts, loss=0):
    lines = "".join(json.dumps({"probe": "p", "dest": dest, "at": time_text(t), "loss": loss}) + "\n" for t in starts)
    done = one.cmd("send", "--format", "sky", "-", text=lines)
    assert done.stdout == f"{len(starts)} record{'s' * (len(starts) != 1)} taken, 0 refused\n", done
    one.wait_matched(len(starts), "--type", "sky", "--dest", dest)


def periods(one, dest):
    return [(row["grade.value"], row["records.count"]) for row in one.rows("periods", "--type", "sky", "--dest", dest)]


def test_the_registry_names_what_the_type_brings_along(one):
    with urllib.request.urlopen(f"http://127.0.0.1:{one.registry}/registry/ezrepo", timeout=10) as answer:
        elements = {e["name"]: e for e in json.load(answer)["elements"] if isinstance(e, dict)}
    assert elements["sky.colour"] == {"name": "sky.colour", "prim": "string", "desc": "what it looked like"}
    assert elements["rtt.us.mean"]["prim"] == "real"  # of a delivered one
    write(one, {**MAPPING, "types": {"sky": {**TYPE, "elements": TYPE["elements"] + [{"name": "rtt.us", "prim": "string"}]}}})
    done = one.cmd("reload", check=False)
    assert done.returncode == 1 and 'types.sky.elements' in done.stderr and '"rtt.us"' in done.stderr, done
    write(one, MAPPING)
    one.cmd("reload")


def test_blocks_to_start_with(one):
    """Nothing is graded by them before they are merged; then all that comes is, and history has who did it."""
    send(one, "192.0.2.1", [time.time()], 0.3)
    assert periods(one, "192.0.2.1") == []
    was = one.cmd("grading", "get").stdout
    shown = one.cmd("grading", "add-defaults", "sky", "mtr", "--dry-run").stdout
    assert '"recordType":"sky"' in shown and "@@ limits: as we say" in shown and "formats/mtr.json: types.mtr.grading" in shown
    assert all(line[:2] in ("@@", "+ ") for line in shown.splitlines()[:-1])
    assert shown.endswith("nothing was published; version 1 stays\n") and one.cmd("grading", "get").stdout == was
    done = one.cmd("grading", "add-defaults", "sky")
    assert done.stdout.endswith("published as version 2, 6 blocks\n"), done
    now = one.cmd("grading", "get").stdout
    assert json.loads(now) == {"grading": json.loads(was)["grading"] + [BLOCK]}
    assert now.startswith(was.rstrip()[:-len("]\n}")].rstrip())  # all other bytes stay
    assert "Clients.admin" in one.cmd("grading", "history", "--limit", "1").stdout
    one.wait_for(lambda: one.process("classifyd-0")["notes"]["grading"].startswith("version 2"))
    send(one, "192.0.2.2", [time.time()], 0.3)
    assert periods(one, "192.0.2.2") == [(1, 1)]


def test_blocks_that_are_there_stay_unless_they_are_to_go(one):
    done = one.cmd("grading", "add-defaults", "ping", check=False)
    assert done.returncode == 1 and 'has grading blocks for the type "ping"' in done.stderr and " mtr" in done.stderr, done
    if json.loads(one.cmd("grading", "get").stdout)["grading"][-1] != BLOCK:
        one.cmd("grading", "add-defaults", "sky")
    done = one.cmd("grading", "add-defaults", "mtr", "sky", check=False)
    assert done.returncode == 1 and 'grades the type "sky" already: grading[5], "overall", is for it; --replace' in done.stderr, done
    was = one.cmd("grading", "get").stdout
    done = one.cmd("grading", "add-defaults", "sky", "--replace")
    assert "\n- {" in done.stdout and "\n+ {" in done.stdout and json.loads(one.cmd("grading", "get").stdout) == json.loads(was)


def test_faults_of_blocks_are_named_at_a_reload(one):
    write(one, {**MAPPING, "types": {"sky": {**TYPE, "grading": [{**BLOCK, "gradingRules": [{"grade": 7}]}]}}})
    done = one.cmd("reload", check=False)
    assert done.returncode == 1 and "sky.json: types.sky.grading[0].gradingRules[0].grade: expected a grade 1..5" in done.stderr, done
    write(one, MAPPING)
    one.cmd("reload")


def test_a_changed_gap_is_followed_by_the_rebuild_it_needs(one):
    if json.loads(one.cmd("grading", "get").stdout)["grading"][-1] != BLOCK:
        one.cmd("grading", "add-defaults", "sky")
    begin = time.time() - 3600
    send(one, "192.0.2.3", [begin + 300 * i for i in range(4)])
    assert periods(one, "192.0.2.3") == [(5, 1)] * 4
    write(one, {**MAPPING, "types": {"sky": {**TYPE, "gap_s": 400}}})
    one.cmd("reload")
    wait_for(lambda: periods(one, "192.0.2.3") == [(5, 4)])
    assert 'type="sky" was_ms=100000' in one.cmd("logs", "stored", "-n", "200").stdout
    write(one, MAPPING)
    one.cmd("reload")
    wait_for(lambda: len(periods(one, "192.0.2.3")) == 4)


# ---- archives ----

def lines_of(dest, start, count, step=3600):
    return "".join(json.dumps({"probe": "old", "dest": dest, "at": time_text(start + i * step), "loss": 0}) + "\n" for i in range(count))


@pytest.fixture(name="archive")
def make_archive(tmp_path):
    """Two folders, one file in each gzip; of years ago."""
    (tmp_path / "2009/12").mkdir(parents=True)
    (tmp_path / "2009/.hidden").write_text("nonsense")
    (tmp_path / "2009/12/a.json").write_text(lines_of("192.0.2.50", 1260000000, 30))
    (tmp_path / "2009/b").write_bytes(gzip.compress(lines_of("192.0.2.51", 1261000000, 20).encode()))
    return tmp_path / "2009"


def test_old_results_go_in_once_and_are_marked(one, archive):
    done = one.cmd("import", "--format", "sky", str(archive))
    assert done.stdout.startswith("50 records taken, 0 refused\n2 files, 0 of them taken before; "), done
    assert done.stdout.endswith("\n50 stored, 0 there already, 0 refused later\n") and done.stderr == ""
    one.wait_matched(50, "--type", "sky", "--probe", "old")
    assert one.sql("SELECT DISTINCT door, format FROM record WHERE probe = 'old'") == [("import", "sky")]
    done = one.cmd("import", "--format", "sky", str(archive))
    assert done.stdout.startswith("0 records taken, 0 refused\n2 files, 2 of them taken before; "), done
    done = one.cmd("import", "--format", "sky", "--again", str(archive))
    assert done.stdout.startswith("50 records taken") and done.stdout.endswith("\n0 stored, 50 there already, 0 refused later\n"), done
    assert not one.periods_differ()


def test_what_is_refused_is_told_by_reason_and_place(one, archive):
    good = lines_of("192.0.2.52", 1262000000, 1)
    (archive / "b").write_text(good + "\n" + '{"probe": "old", "dest": "h"}\n{"nonsense\n' + '{"probe": "x", "at": "2009-13-01"}\n')
    done = one.cmd("import", "--format", "sky", str(archive / "b"), check=False)
    assert done.returncode == 1 and done.stdout.startswith("1 record taken, 3 refused\n"), done
    assert f"{archive}/b, from line " in done.stdout and "refused as format: 3, first " in done.stdout
    with open(archive / "b", "wb") as file:
        file.write(gzip.compress(good.encode())[:-4])
    done = one.cmd("import", "--format", "sky", str(archive / "b"), check=False)
    assert done.returncode == 1 and "refused as file: 1, first " in done.stdout, done
    assert "No such file" in one.cmd("import", "--format", "sky", str(archive / "none"), check=False).stderr


def test_a_user_without_a_name_is_called_as_ezrepoctl_calls_him(monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 3999999999)
    assert importing.sender() == "import:unknown"


def test_mplane_results_and_what_retention_would_drop(one, archive):
    (archive / "m").write_text("".join(json.dumps(result(f"2009-12-{day} 10:00:00 ... 2009-12-{day} 10:00:01")) for day in (21, 22)))
    one.configure(stored={"retention": {"nothing": 30}})  # nobody reads it yet
    try:
        done = one.cmd("import", str(archive / "m"))
    finally:
        one.configure(stored={"retention": {}})
    assert done.stdout.startswith("2 records taken, 0 refused\n1 file") and done.stdout.endswith("\n2 stored, 0 there already, 0 refused later\n")
    assert "stored.retention keeps records of the type nothing for 30 days: those before " in done.stderr


def test_whatever_is_killed_it_goes_on(one, tmp_path):
    count = 60000
    (tmp_path / "large").write_text("".join(lines_of(f"192.0.2.{128 + i}", 1263000000, count // 20, 30) for i in range(20)))
    command = [one.command, "import", "--format", "sky", str(tmp_path / "large")]
    journal = os.path.join(one.state, "import.jsonl")

    def told():
        with open(journal, encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.endswith("}\n") and "/large" in line]
    with subprocess.Popen(command, env=one.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True) as first:
        wait_for(told)
        one.kill("ingestd")
        os.killpg(first.pid, signal.SIGKILL)
    one.wait_for(lambda: one.process("ingestd")["pid"])
    one.cmd("up")
    taken = told()[-1]
    assert 0 < taken["parts"] <= count
    done = one.cmd(*command[1:])
    assert done.stdout.startswith(f"{count - taken['parts']} records taken, 0 refused\n"), (done, taken)
    one.wait_matched(count, "--type", "sky", "--probe", "old", "--dest", "192.0.2.128/25")
