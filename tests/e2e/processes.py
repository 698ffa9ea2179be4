# SPDX-License-Identifier: Apache-2.0
"""What /proc tells of a process: when it was started, its children, what it has cost, how often it woke up. Tests and benchmarks use it."""
import contextlib
import os
import signal
import time
from typing import Dict, Iterator, List, Optional


def stat_fields(pid: int) -> List[str]:
    """proc(5)'s fields of `stat` behind the name: the first is the state."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rpartition(")")[2].split()


def start_of(pid: int) -> Optional[str]:
    """When a process was started: numbers are given again, on a busy machine within minutes. None when it does not run;
    one that has ended and was not waited for yet does not."""
    try:
        fields = stat_fields(pid)
        return None if fields[0] in ("Z", "X") else fields[19]
    except (OSError, IndexError):
        return None


def all_ended(starts: Dict[int, Optional[str]]) -> bool:
    """Whether none of these processes, with their starts, runs any more."""
    return all(start is None or start_of(pid) != start for pid, start in starts.items())


def stand_still(pid: int) -> None:
    """Stops the process; it does nothing any more when this returns. It may have ended, and not been waited for."""
    os.kill(pid, signal.SIGSTOP)
    while stat_fields(pid)[0] not in ("T", "Z", "X"):
        time.sleep(0.001)


@contextlib.contextmanager
def held_up(pid: int) -> Iterator[None]:
    """Within `with` the process stands still; what is sent to it waits."""
    try:
        stand_still(pid)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def children(pid: int) -> List[int]:
    """None when it has gone."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(child) for child in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def fine_cpu_seconds(pid: int) -> float:
    """As cpu_seconds, to the nanosecond, of the threads that run."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
    return total / 1e9


def cpu_seconds(pid: int, with_ended_children: bool = False) -> float:
    """Processor time so far. An OSError when it has gone: it must not be taken for one that costs nothing."""
    return sum(int(n) for n in stat_fields(pid)[11:15 if with_ended_children else 13]) / os.sysconf("SC_CLK_TCK")


def wake_ups(pid: int) -> Dict[str, int]:
    """How often each thread went to sleep of itself so far, and so was woken up, by its number and name. How busy the
    machine is does not count: a thread that only loses the processor has not slept."""
    found = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            with open(f"/proc/{pid}/task/{thread}/status", encoding="ascii", errors="replace") as file:
                fields = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
            found[f"{thread} {fields['Name']}"] = int(fields["voluntary_ctxt_switches"])
    return found


def memory_kib(pid: int, field: str) -> int:
    """`VmHWM` (the most it ever had), `VmRSS`, `RssAnon`. An OSError when it has gone."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        found = [int(line.split()[1]) for line in file if line.startswith(field + ":")]
    if not found:  # it has ended, and only its parent has yet to notice
        raise ProcessLookupError(pid)
    return found[0]
