# SPDX-License-Identifier: Apache-2.0
"""Folders below drop_dir whose files are what another tool wrote: the folder's name is the format."""

import gzip
import json
import os
import re
import subprocess

import pytest
from conftest import wait_for
from ingestds import result
from test_listeners import RTT

STARTED = 1795872611  # 2026-11-28 13:30:11 UTC


@pytest.fixture
def folder(start, tmp_path):
    """An ingestd that looks into drop/ and drop/rtt/."""
    (tmp_path / "formats.d").mkdir()
    (tmp_path / "formats.d/rtt.json").write_text(json.dumps(RTT))
    rtt = tmp_path / "drop/rtt"
    rtt.mkdir(parents=True)

    def put(name, text, where=rtt):
        file = where / f".{name}"  # as rsync does it: complete when it has its name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        os.utime(file, (STARTED, STARTED))
        file.rename(where / name)
    ingestd = start(drop_dir=str(tmp_path / "drop"), drop_formats=["rtt"], drop_settle_s=0)
    ingestd.put, ingestd.folder_of_format = put, rtt
    return ingestd


def names(folder):
    return sorted(os.listdir(folder)) if folder.exists() else []


def test_a_file_is_one_document_of_its_format(folder):
    folder.put("today.txt", "begin lab\nrtt 192.0.2.1 1.5\nrtt 192.0.2.2 2\n")
    records = folder.batch().records
    assert [(r["dest"], r["source"], r["values"]) for r in records] == [("192.0.2.1", "lab", ["1500"]), ("192.0.2.2", "lab", ["2000"])]
    assert {r["t_start_us"] for r in records} == {STARTED * 1000000}  # the file's own time
    wait_for(lambda: names(folder.folder_of_format / "done") == ["today.txt"])
    folder.put("zipped", gzip.compress(b"rtt 192.0.2.3 3\n"))
    assert folder.batch().records[0]["dest"] == "192.0.2.3"
    folder.put("result.json", json.dumps(result()), where=folder.folder_of_format.parent)
    batch = folder.batch()
    assert batch.schemas[0]["format"] == "mplane"
    wait_for(lambda: names(folder.folder_of_format.parent / "done") == ["result.json"])
    folder.counters(drop__done=3, drop__failed=0, drop__records=4, drop__left=0)
    notes = folder.status()["notes"]
    assert notes["drop"].endswith("drop: looked into") and notes["drop.rtt"].endswith("drop/rtt: looked into")


def test_what_a_mapping_cannot_read_goes_to_failed_with_the_reason(folder):
    folder.put("half", "rtt 192.0.2.1 1\nnonsense\n")
    assert len(folder.batch().records) == 1
    wait_for(lambda: names(folder.folder_of_format / "failed") == ["half", "half.reasons"]
             or len(names(folder.folder_of_format / "failed")) == 2)
    reasons, = (n for n in names(folder.folder_of_format / "failed") if n != "half")
    told = (folder.folder_of_format / "failed" / reasons).read_text()
    assert re.search(r"format: document 2: line 2: expected ", told), told
    folder.put("empty", "")
    wait_for(lambda: "empty" in names(folder.folder_of_format / "failed"))
    folder.counters(drop__done=0, drop__failed=2)


def test_a_folder_that_is_not_there_is_told(folder):
    os.rename(folder.folder_of_format, folder.folder_of_format.parent / "other")
    wait_for(lambda: "cannot be looked into" in folder.status()["notes"].get("drop.rtt", ""))
    (folder.folder_of_format).mkdir()
    folder.put("again", "rtt 192.0.2.9 1\n")
    assert folder.batch().records[0]["dest"] == "192.0.2.9"


def test_what_the_configuration_says_of_formats_is_checked(build_dir, tmp_path):
    file = tmp_path / "ingestd.json"

    def check(**options):
        file.write_text(json.dumps({"common": {"run_dir": str(tmp_path)}, "ingestd": {"spool_dir": str(tmp_path), **options}}))
        return subprocess.run([f"{build_dir}/ingestd/ingestd", "--config", file, "--check-config"], capture_output=True,
                              text=True, timeout=60).stderr
    assert re.search(r"ingestd\.drop_formats: expected a folder in ingestd\.drop_dir", check(drop_formats=["nothing"]))
    assert re.search(r'ingestd\.drop_formats\[0\]: expected the name of a format.*found "nothing"',
                     check(drop_formats=["nothing"], drop_dir=str(tmp_path)))
