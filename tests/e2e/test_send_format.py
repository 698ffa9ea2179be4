# SPDX-License-Identifier: Apache-2.0
"""ezrepo send --format: what another tool wrote, from a file or as it comes, to the set on this machine."""

import json
import os
import shutil
import signal
import subprocess

import pytest
from conftest import wait_for
from test_listeners import RTT


@pytest.fixture
def deliver(start, tmp_path, build_dir):
    """An ingestd, and the command that delivers to it in a format of the operator's own."""
    (tmp_path / "formats.d").mkdir()
    plain = {k: v for k, v in RTT.items() if k not in ("remember", "ignore")}
    plain["input"] = {"decoder": "lines", "patterns": ["rtt {host:host} {ms:num}"], "ignore": ["# {:rest}"]}
    plain["records"] = [{**RTT["records"][0], "source": {"path": "#site", "default": ""}}]
    plain["empty"] = {"when": {"has": "#target"}, "type": "ping", "content": "ICMPECHO", "dest": "#target", "start": "#received",
                      "metrics": {"success": 0}}
    (tmp_path / "formats.d/rtt.json").write_text(json.dumps(plain))
    (tmp_path / "formats.d/json.json").write_text(json.dumps({"input": {"decoder": "json"}, "records": plain["records"]}))
    (tmp_path / "formats.d/kept.json").write_text(json.dumps(RTT))
    ingestd = start()

    def command(*arguments, name="rtt"):
        return [f"{build_dir}/ctl/ezrepoctl", "deliver", name, "--run-dir", str(ingestd.run_dir),
                "--own", str(tmp_path / "formats.d"), *arguments]

    def run(*arguments, text=None, **more):
        return subprocess.run(command(*arguments, **more), input=text, capture_output=True, text=True, timeout=60, check=False)
    run.ingestd, run.command = ingestd, command
    return run


def test_a_file_and_standard_input(deliver, tmp_path):
    file = tmp_path / "today"
    file.write_text("rtt 192.0.2.1 1.5\nrtt 192.0.2.2 2\n")
    os.utime(file, (1795872611, 1795872611))
    done = deliver(str(file), "--context", "site=lab")
    assert (done.returncode, done.stdout, done.stderr) == (0, "2 records taken, 0 refused\n", "")
    records = deliver.ingestd.batch().records
    assert [(r["dest"], r["source"], r["values"]) for r in records] == [("192.0.2.1", "lab", ["1500"]), ("192.0.2.2", "lab", ["2000"])]
    assert {r["t_start_us"] for r in records} == {1795872611000000}
    done = deliver("-", "--received", "2026-11-28 13:00:00", text="rtt 192.0.2.3 1\n")
    assert done.stdout == "1 record taken, 0 refused\n", done.stderr
    assert deliver.ingestd.batch().records[0]["t_start_us"] == 1795870800000000


def test_what_is_refused_is_told(deliver):
    done = deliver("-", text="rtt 192.0.2.1 1\nnonsense\nmore\n")
    assert done.returncode == 1 and done.stdout == "1 record taken, 2 refused\n"
    assert "standard input: 2 refused; the first as format: document 2: line 2: expected " in done.stderr
    assert len(deliver.ingestd.batch().records) == 1


def test_nothing_says_that_the_tool_failed(deliver):
    done = deliver("-", "--context", "target=192.0.2.9", text="")
    assert (done.returncode, done.stdout) == (0, "1 record taken, 0 refused\n"), done.stderr
    record, = deliver.ingestd.batch().records
    assert (record["dest"], record["values"]) == ("192.0.2.9", ["0"])
    done = deliver("-", text="")
    assert done.returncode == 1 and "0 records taken, 1 refused" in done.stdout


def test_as_it_comes(deliver):
    with subprocess.Popen(deliver.command("--follow"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as following:
        for i in range(3):  # each is there before the next is written
            following.stdin.write(f"# a comment\nrtt 192.0.2.{i} 1\n")
            following.stdin.flush()
            assert deliver.ingestd.batch().records[0]["dest"] == f"192.0.2.{i}"
        following.stdin.write("nonsense\nrtt 192.0.2.9")  # without the end of its line
        following.stdin.flush()
        following.stdin.write(" 1")
        following.stdin.close()
        assert following.stdout.read() == "4 records taken, 1 refused\n"
        assert "the first as format: document 1: line 1: expected" in following.stderr.read()
    assert following.returncode == 1


def test_what_comes_behind_the_first_interrupt_is_taken(deliver):
    """Ctrl-C goes to the tool as well, which then says what became of it all."""
    with subprocess.Popen(deliver.command("--follow"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as following:
        following.stdin.write("rtt 192.0.2.1 1\n")
        following.stdin.flush()
        assert deliver.ingestd.batch().records[0]["dest"] == "192.0.2.1"
        following.send_signal(signal.SIGINT)
        following.stdin.write("rtt 192.0.2.2 2\n")
        following.stdin.close()
        assert following.stdout.read() == "2 records taken, 0 refused\n"
    assert following.returncode == 0


def test_a_large_document_costs_none_before_it(deliver):
    """What it and they are together is more than a body may have."""
    few, padding = '{"host": "192.0.2.1", "ms": 1, "pad": "%s"}' % ("x" * 60000), json.dumps(["x" * 60000] * 69)
    done = deliver("-", text=f'{few}\n{few.replace("2.1", "2.2")}\n{{"host": "192.0.2.3", "ms": 3, "pad": {padding}}}', name="json")
    assert done.stdout == "3 records taken, 0 refused\n", done.stderr


def test_a_file_of_more_records_than_a_body_may_have(deliver, tmp_path):
    file = tmp_path / "many"
    file.write_text("".join(f"rtt 192.0.{i >> 8 & 255}.{i & 255} {i}.5\n" for i in range(40000)))
    done = deliver(str(file))
    assert (done.returncode, done.stdout, done.stderr) == (0, "40000 records taken, 0 refused\n", "")
    deliver.ingestd.counters(accepted__records=40000, rejected__rows=0)


def test_another_format_at_fault_is_no_matter(deliver, tmp_path):
    (tmp_path / "formats.d/broken.json").write_text("{}")
    assert deliver("-", text="rtt 192.0.2.1 1\n").stdout == "1 record taken, 0 refused\n"


def test_documents_that_are_meant_together_are_not_followed(deliver):
    done = deliver("--follow", text="", name="kept")
    assert done.returncode == 1 and "documents of the format kept are meant together" in done.stderr
    assert deliver("-", text="begin lab\nrtt 192.0.2.1 1\n", name="kept").stdout == "1 record taken, 0 refused\n"
    assert deliver.ingestd.batch().records[0]["source"] == "lab"


def test_wrong_usage(deliver, tmp_path):
    assert "there is no format \"none\"" in deliver("-", text="", name="none").stderr
    assert "expected files, or --follow" in deliver().stderr
    long = deliver("-", "--context", f"site={'x' * 1100}", text="rtt 192.0.2.1 1\n")
    assert long.returncode != 0 and "values of at most 1024" in long.stderr
    assert 'the format rtt asks for no "sight"' in deliver("-", "--context", "sight=lab", text="").stderr
    assert "No such file" in deliver(str(tmp_path / "absent")).stderr
    assert "--context: expected NAME=VALUE" in deliver("-", "--context", "x", text="").stderr
    shutil.rmtree(deliver.ingestd.run_dir, ignore_errors=True)
    assert "No such file" in deliver("-", text="").stderr


def test_without_an_answer_it_is_sent_again(deliver, start):
    """ingestd is killed with the body; who sends is stopped and goes on, as by Ctrl-Z, which interrupts what waits."""
    deliver.ingestd.kill()
    ingestd = start(batch_age_ms=10000)
    with subprocess.Popen(deliver.command("-"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as sending:
        sending.stdin.write("rtt 192.0.2.1 1\n")
        sending.stdin.close()
        ingestd.counters(received__datagrams=1)
        sending.send_signal(signal.SIGSTOP)
        sending.send_signal(signal.SIGCONT)
        ingestd.kill()
        ingestd = start()
        assert (sending.stdout.read(), sending.stderr.read()) == ("1 record taken, 0 refused\n", "")
    assert ingestd.batch().records[0]["dest"] == "192.0.2.1"
