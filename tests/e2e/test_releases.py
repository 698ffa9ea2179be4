# SPDX-License-Identifier: Apache-2.0
"""One release beside the next: each process with neighbours that speak as the release before this one, or the one after.

What the release after says is not known; that it appends fields to messages is (schemas/messages.h), and these are passed
over. docs/releases.md tells what a release may change.
"""
import os
import pathlib
import re
import subprocess
import tempfile

import messages
import pytest
from conftest import ROOT, assert_clean
from gateways import specification
from ingestds import Ingestd, result
from processes import held_up
from queries import COUNT, Queryd, prepare_store
from stores import SECOND, Record, check_store, now_us
from test_classifyd import Set, document, header, ping_frame


@pytest.fixture(params=[-1, 1], ids=["before", "after"])
def neighbour_release(request):
    with messages.of_release(request.param):
        yield request.param


def test_stored_takes_batches(stored, neighbour_release):
    sender = stored.sender()
    base = now_us() - 60 * SECOND
    sender.commit([Record(base + i * SECOND, (5, 1)) for i in range(5)])
    sender.commit([Record(base + 2 * SECOND, (5, 1)), Record(base + 9 * SECOND, (1, 1))])
    assert stored.counter("committed.records") == 6 and stored.counter("duplicates") == 1
    check_store(stored)


def test_classifyd_grades(build_dir, neighbour_release):
    with tempfile.TemporaryDirectory(prefix="ezrepo-") as folder:
        one = Set(pathlib.Path(folder), os.path.join(build_dir, "classifyd", "classifyd"))
        try:
            one.open_graded()
            one.start()
            assert one.wait_subscribed(b"grading")
            one.publish(1, document(20000))
            frame = ping_frame("19999", "20000")
            one.push(header(1, 2), frame)
            _, records, grades = one.receive()
            assert records == frame and grades[2:5] == [1, ["overall"], bytes([5, 1])]
        finally:
            one.close()
        assert_clean(one.log())


def test_queryd_answers(build_dir, own_cluster, neighbour_release):
    prepare_store(own_cluster.connect().cursor())
    one = Queryd(build_dir, own_cluster.connect_string("reader"))
    try:
        answer = one.ask(COUNT)
        assert not answer.rows and answer.message == "the store has no grading yet"
    finally:
        one.close()


def test_ingestd_is_acknowledged(build_dir, tmp_path, neighbour_release):
    one = Ingestd(build_dir, tmp_path)
    try:
        one.send(result())
        with messages.of_release(0):  # what ingestd says is of this release
            batch = one.batch()
        one.acknowledge(batch.sequence)
        one.counters(held__batches=0, batches__acknowledged=1)
    finally:
        one.close()


def test_the_gateways_questions_are_answered(gateway, neighbour_release):
    reply = gateway.client().post(specification(gateway))
    assert [row[-2:] for row in reply["resultvalues"]] == [["42", "7"], ["42", "*"]]


# ---- the number ----

def program_version(build_dir):
    words = subprocess.run([os.path.join(build_dir, "ctl", "ezrepoctl"), "--version"], capture_output=True, text=True, check=True)
    return words.stdout.split()[1]


def test_the_second_number_is_that_of_the_messages(build_dir):
    assert program_version(build_dir).split(".")[1] == str(messages.MESSAGE_VERSION)


def test_the_change_log_begins_with_this_release(build_dir):
    text = pathlib.Path(ROOT, "CHANGELOG.md").read_text()
    assert re.findall(r"^## ([0-9.]+)", text, re.M)[0] == program_version(build_dir)


def test_the_store_knows_which_releases_wrote_in_it(stored, build_dir):
    assert stored.sql("SELECT version FROM release") == [(program_version(build_dir),)]
    stored.stop()
    stored.sql("INSERT INTO release VALUES ('0.1.0', '2026-01-01')")
    stored.start()
    assert stored.sql("SELECT version FROM release ORDER BY first_at") == [("0.1.0",), (program_version(build_dir),)]


def test_the_command_tells_its_version(build_dir):
    words = subprocess.run([os.path.join(ROOT, "deploy", "ezrepo"), "--version"], capture_output=True, text=True, check=True,
                           env={**os.environ, "EZREPO_BUILD": build_dir})
    assert words.stdout == f"ezrepo {program_version(build_dir)}\n"


def test_status_tells_a_process_of_another_release(ezrepo_set):
    ezrepo_set.up()
    found = ezrepo_set.status()
    assert {p["version"] for p in found["processes"] if p["name"] != "postgres"} == {found["version"]}
    path, = pathlib.Path(ezrepo_set.state).rglob("status/queryd-0.json")  # each user's processes write where only they may

    with held_up(ezrepo_set.pid("queryd")):  # which would write it anew each second
        path.write_text(path.read_text().replace(found["version"], "0.1.0"))
        assert "queryd runs 0.1.0" in ezrepo_set.cmd("status", check=False).stdout
