# SPDX-License-Identifier: Apache-2.0
"""A set that has nothing to do sleeps: its processes wait for what is due next instead of looking for it again and again."""
import time
from typing import Dict

from conftest import ping, time_text, wait_for
from processes import wake_ups

MOST = 30  # a second, of all threads of all ten processes of the set; PostgreSQL is not counted
WINDOW_S = 5


def counted(pids: Dict[str, int]) -> Dict[str, int]:
    return {f"{name}: {thread}": count for name, pid in pids.items() for thread, count in wake_ups(pid).items()}


def rates(pids: Dict[str, int]) -> Dict[str, float]:
    """How often each thread wakes up, a second."""
    before, began = counted(pids), time.monotonic()
    time.sleep(WINDOW_S)
    after, seconds = counted(pids), time.monotonic() - began
    return {thread: (count - before.get(thread, 0)) / seconds for thread, count in after.items()}


def test_an_idle_set_sleeps(ezrepo_set):
    one = ezrepo_set
    one.wait_kept()
    one.send([ping("192.0.2.1", time_text(time.time() - 2))])
    one.wait_matched(1)
    pids = {process["name"]: int(process["pid"]) for process in one.status()["processes"] if process["name"] != "postgres"}
    assert len(pids) == 10, pids
    told: Dict[str, float] = {}

    def is_quiet() -> bool:
        told.clear()
        told.update(rates(pids))
        return sum(told.values()) < MOST

    # What was begun is finished first, such as summing up the ledger.
    wait_for(is_quiet, 60, lambda: "\n".join(f"{rate:7.1f} {thread}" for thread, rate in told.items() if rate > 0))
    assert {thread.split(":")[0] for thread, rate in told.items() if rate > 0} == set(pids)  # the status, once a second
    # It is awake at once when there is something to do.
    one.send([ping("192.0.2.1", time_text(time.time() - 1))])
    one.wait_matched(2)
