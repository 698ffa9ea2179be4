# SPDX-License-Identifier: Apache-2.0
"""What makes a set ill, row by row of the table in docs/operations.md, by making it so; what test_webd.py and test_operator.py do not."""
import os
import re
import time

import pytest
from conftest import ROOT, ping, running_set, time_text
from processes import held_up
from webds import check, get

OK, CRITICAL = 0, 2


@pytest.fixture(scope="module", name="one")
def _one(build_dir):
    with running_set(build_dir, ingestd={"spool_bytes": 1 << 20}) as one:
        one.wait_for(lambda: health(one) == "ok\n")
        yield one


def health(one, path="healthz"):
    return get(one, f"/{path}")[1]


def wait_ill(one, line, code):
    one.wait_for(lambda: re.search(f"^{line}$", health(one), re.M) and check(one).returncode == code)
    assert one.cmd("status", check=False).returncode == 1


def lock_out(one, allowed):
    one.sql(f"ALTER ROLE ezrepo_store {'LOGIN' if allowed else 'NOLOGIN'}", role="postgres")
    if not allowed:
        one.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ezrepo_store'", role="postgres")


def test_a_spool_that_fills_and_an_intake_that_stopped(one):
    now = time.time()
    lock_out(one, False)

    def send_until(line, code):
        sent = [0]

        def told():
            if not re.search(f"^{line}$", health(one), re.M):
                one.send([ping("192.0.2.7", time_text(now - sent[0] - i), label="ping-average-ip4" if i % 2 else "x" * 400) for i in range(300)])
                sent[0] += 300
                return False
            return check(one).returncode == code
        one.wait_for(told)
    send_until(r"ingestd: spool: (filling|full): \d+( of \d+)? bytes", CRITICAL)  # the database is away, too
    send_until(r"ingestd: intake: .+", CRITICAL)
    assert health(one, "readyz").startswith("not ready\n")
    lock_out(one, True)
    one.wait_for(lambda: health(one) == "ok\n", 120)
    assert check(one).returncode == OK


def test_no_grading(one):
    with held_up(one.pid("stored")):
        one.cmd("restart", "classifyd")
        wait_ill(one, r"classifyd-0: grading: none yet: no batches are taken", CRITICAL)
        assert "classifyd-0: grading: " in health(one, "readyz")
    one.wait_for(lambda: health(one) == "ok\n")


@pytest.mark.parametrize("change, undo", [("INSERT INTO migration SELECT (jsonb_populate_record(m, '{\"number\": 9999}')).* FROM migration m WHERE number = 1",
                                           "DELETE FROM migration WHERE number = 9999")])
def test_a_store_of_another_version(one, change, undo):
    """Such as a queryd that was not started anew after an upgrade, or a store that is behind."""
    one.sql(change)
    one.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ezrepo_query'", role="postgres")
    wait_ill(one, r"queryd: database: .*the store has version 9999, expected \d+.*", CRITICAL)
    one.sql(undo)
    one.wait_for(lambda: health(one) == "ok\n")


def test_every_trouble_is_in_the_table():
    """All that a process may call a trouble, by the source, are rows there, and no others are."""
    named = set()
    for folder, _, files in os.walk(ROOT):
        for file in files:
            if file.endswith(".c") and not {"tests", "common"} & set(os.path.relpath(folder, ROOT).split(os.sep)) or file == "connections.c":
                with open(os.path.join(folder, file), encoding="utf-8") as source:
                    named |= set(re.findall(r'daemon_trouble\(\s*"([a-z]+)"', source.read()))
    with open(os.path.join(ROOT, "docs", "operations.md"), encoding="utf-8") as page:
        table = re.search(r"^### What makes a set ill$(.*?)^### ", page.read(), re.M | re.S)[1]
    rows = set(re.findall(r"^\| `([a-z]+)` \|", table, re.M))
    assert named == rows - {"folders"} and len(named) >= 12
