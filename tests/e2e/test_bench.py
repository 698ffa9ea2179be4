# SPDX-License-Identifier: Apache-2.0
"""The benchmarks work, in small forms: what they count is right. How fast it is, no test judges."""
import json
import os
import shutil
import subprocess
import tempfile

import initdb_copies
import pytest
from conftest import ROOT, folder_of_sets


def bench(build, name, *options):
    environment = {**os.environ, "EZREPO_POSTGRESQL": str(initdb_copies.postgresql())}
    with subprocess.Popen([os.path.join(ROOT, "tests", "bench", name), "--build", build, "--json", *options],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            out, err = process.communicate(timeout=900)
        except subprocess.TimeoutExpired:
            process.terminate()  # so that it removes its set
            out, err = process.communicate()
    assert process.returncode == 0, out + err
    return json.loads(out)


@pytest.mark.parametrize("late", [0, 5])
def test_pipeline(build_dir, late):
    # One classifyd: of two, either may overtake the other, and then some are late.
    found = bench(build_dir, "pipeline", "--records", "20000", "--series", "500", "--late", str(late), "--classifyd", "1")
    assert found["rows"] + found["kernel_drops"] == 20000
    assert found["ledger_closes"]
    assert (found["late_records"] > 500) == (late > 0)
    assert found["records_per_second"] > 0 and found["ratio"] > 0 and found["copy_cpu_us"] > 0
    assert {"postgres", "stored-0", "ingestd-0", "(load generator)"} <= set(found["cpu_us_per_record"])
    assert 100 < found["row_bytes"]["table"] < found["row_bytes"]["whole schema"]


def test_query(build_dir):
    found = bench(build_dir, "query", "--records", "12000", "--series", "200", "--questions", "4")
    questions = {(q["selection"], q["range"]): q for q in found["questions"]}
    assert len(questions) == 15
    assert questions["everything", "month"]["records"] > 11000  # the answers were compared with the records
    assert all(q["p50_ms"] <= q["p99_ms"] and q["plain_ms"] > 0 for q in questions.values())


def test_why(build_dir):
    found = bench(build_dir, "why", "--records", "6000", "--series", "200", "--questions", "4")
    assert found["records"] == 6000 and found["periods"] > 200
    assert [row["at"] for row in found["questions"]] == ["now", "any time"] and all(row["p50_ms"] > 0 for row in found["questions"])



def test_dry_run(build_dir):
    found = bench(build_dir, "dry_run", "--records", "6000", "--series", "200", "--times", "1", "--questions", "3", "--more", "1000")
    assert found["records"] == 6000 and found["reading"]["dry run"]["records_s"] > 0 and found["rows"] >= 1
    assert set(found["questions"]) == {"alone", "beside dry runs"}


def test_now(build_dir):
    """The answers are compared with the records."""
    found = bench(build_dir, "now", "--records", "12000", "--series", "200", "--questions", "4", "--verified", "2")
    assert found["records"] == 12000 and len(found["questions"]) == 8
    assert all(0 < q["p50_ms"] <= q["p95_ms"] and q["plain_ms"] > 0 for q in found["questions"])
    rows = {q["question"]: q["rows"] for q in found["questions"]}
    assert rows["timeline, 200 series, 30 days"] > 100 and rows["buckets, one series, 30 days"] > 30


def test_now_of_a_store_that_is_kept(build_dir):
    """The second time nothing is filled: how many records there are is what the first made."""
    store = tempfile.mkdtemp(prefix="ezk", dir=folder_of_sets())
    try:
        asked = ("--questions", "3", "--verified", "1", "--store", store, "--only")
        first = bench(build_dir, "now", "--records", "6000", "--series", "100", *asked, "facets", "now")
        assert [(q["question"], q["cpu95_ms"] >= q["cpu_ms"] > 0) for q in first["questions"]] == \
            [("now, all series", True), ("facets, dest of all series", True)]
        again = bench(build_dir, "now", *asked, "counts")
        assert again["records"] == first["records"] == 6000 and len(again["questions"]) == 2
    finally:
        shutil.rmtree(store)


def test_latency(build_dir):
    found = bench(build_dir, "latency", "--records", "6000", "--series", "200", "--rate", "500", "--probes", "5")
    for state in ("idle", "half"):
        assert 0 < found[state]["question"]["most_ms"] <= found[state]["most_ms"]  # one of those that it took
        assert found[state]["p50_ms"] <= found[state]["p99_ms"]
    assert found["committed_per_second"] > 0


def test_alerts(build_dir):
    found = bench(build_dir, "alerts", "--series", "30", "--seconds", "2", "--times", "1")
    assert found["idle"]["active"] == 30 and found["active_s"] > 0 and found["one_more"]["p50_ms"] > 0


def test_memory(build_dir):
    found = bench(build_dir, "memory", "--records", "6000", "--series", "3000")
    assert found["series"] == 3000
    assert {"ingestd-0", "classifyd-0", "stored-0", "queryd-0", "mplane-gw-0"} <= set(found["asked"])
    assert all(found["asked"][name] >= mib > 0 for name, mib in found["loaded"].items() if name != "postgres")


def test_gateway(build_dir):
    found = bench(build_dir, "gateway", "--records", "500", "--seconds", "1", "--connections", "1", "3", "--slow", "20")
    rows = [row for what in ("pages", "questions", "posts") for row in found[what].values()]
    rows += [found["handshakes"], found["questions_beside_slow"]]
    assert len(rows) == 8
    assert all(row["requests"] > 0 and row["faults"] == 0 and row["p50_ms"] <= row["p99_ms"] for row in rows)
    assert found["openssl"]["s_time_per_second"] > 0 and found["openssl"]["signatures_per_second"] > 0
    assert found["memory_mib"]["with slow ones"] > 0


def test_formats(build_dir):
    found = bench(build_dir, "formats", "--seconds", "0.05")
    assert len(found) == 7
    assert found["fping-text"]["records"] > 10 and found["iperf3"]["records"] == 1
    assert all(row["us_per_record"] > 0 and row["mplane_us"] > 0 and row["ratio"] > 0 for row in found.values())
    assert all(row["mplane_bytes"] >= min(row["bytes"] / row["records"], 400) for row in found.values())


def test_envelope(build_dir):
    found = bench(build_dir, "envelope", "--datagrams", "2000", "--rounds", "2")
    assert found["datagrams"] == found["envelopes"] == 4000 and found["accepted"] + found["drops"] == 8000
    assert found["us_plain"] > 0 and found["us_signed"] > 0


def test_page(build_dir):
    """Rows through webd are compared with queryd's; what each listener was told is counted by itself."""
    found = bench(build_dir, "page", "--lanes", "20", "--days", "2", "--periods", "4", "--questions", "2", "--listeners", "5", "--changes", "20", "--seconds", "2", "--frames", "20", "--widths", "1280")
    assert found["periods"] == 80 and all(row["mib"] > 0 and row["last_ms"] >= row["first_ms"] > 0 and row["zoom"]["per_second"] > 0 for row in found["drawn"])
    rows = {row["question"]: row["rows"] for row in found["questions"]}
    assert len(rows) == 10 and (rows["QueryTimeline"], rows["QueryRecords"], rows["LedgerAccounts"]) == (20, 4, 1)
    one, many = found["heard"]
    assert (one["listeners"], many["listeners"]) == (1, 5) and many["rows"][0] > 20 and one["events"][0] > 4


BENCHMARKS = ["gateway", "latency", "memory", "pipeline", "query"]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_what_is_missing_is_told(name, tmp_path, build_dir):
    """A machine without the packages of the tests, and a tree that is not built."""
    program = os.path.join(ROOT, "tests", "bench", name)
    (tmp_path / "none").mkdir()
    done = subprocess.run([program, "--build", str(tmp_path / "none")], capture_output=True, text=True, check=False,
                          timeout=120)
    assert done.returncode == 2 and "stored/stored is not there; build it" in done.stderr
    assert "Traceback" not in done.stderr
    # Without site-packages: as where none of them is installed.
    done = subprocess.run(["/usr/bin/python3", "-S", "-E", program, "--build", build_dir], capture_output=True, text=True,
                          check=False, timeout=120)
    assert done.returncode == 1 and "psycopg2" in done.stderr and "deploy/install-packages test" in done.stderr
    assert "Traceback" not in done.stderr


def test_web(build_dir):
    """Of a window's lanes the low ones are all seen."""
    found = bench(build_dir, "web", "--lanes", "60", "--periods", "20", "--frames", "20", "--side", "30")
    assert [row["lanes_seen"] >= least for row, least in zip(found["rows"], (30, 60, 60))] == [True] * 3
    assert all(row["first_ms"] > 0 and row["zoom"]["per_second"] > 0 and row["zoom"]["zoomed"] > 2 and row["grid"]["cells_seen"] == 31 * 31 for row in found["rows"])
