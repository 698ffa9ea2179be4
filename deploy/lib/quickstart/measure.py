# SPDX-License-Identifier: Apache-2.0
"""Real measurements with fping, and the mPlane results that tell them."""
import datetime
import json
import re
import subprocess
from typing import Any, Dict, List, Optional, Sequence, Tuple

REGISTRY = "http://ict-mplane.eu/registry/core"
LINE = re.compile(r"^(\S+)\s*: (.*)$")


def time_text(when: datetime.datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M:%S.%f")


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


def read_fping(output: str) -> Dict[str, List[Optional[float]]]:
    """What `fping -C N -q` wrote: for each target the round trips in milliseconds, None for one lost."""
    found: Dict[str, List[Optional[float]]] = {}
    for line in output.splitlines():
        match = LINE.match(line)
        if match is None:
            continue
        try:
            found[match[1]] = [None if word == "-" else float(word) for word in match[2].split()]
        except ValueError:
            continue  # a remark of fping's, not a target's line
    return found


def result(probe: str, source: str, target: str, trips: Sequence[Optional[float]],
           begin: datetime.datetime, end: datetime.datetime) -> Dict[str, Any]:
    """A `ping-average` result as mPlane's ping components send it, with what was lost beside it."""
    family = "ip6" if ":" in target else "ip4"
    came = [round(trip * 1000) for trip in trips if trip is not None]
    delays: List[Any] = [min(came), round(sum(came) / len(came)), max(came)] if came else [None] * 3
    return {
        "result": "measure", "version": 1, "registry": REGISTRY, "label": f"ping-average-{family}",
        "when": f"{time_text(begin)} ... {time_text(end)}",
        "parameters": {f"source.{family}": source, f"destination.{family}": target},
        "metadata": {"System_ID": probe},
        "results": ["delay.twoway.icmp.us.min", "delay.twoway.icmp.us.mean", "delay.twoway.icmp.us.max",
                    "delay.twoway.icmp.count", "packets.lost", "loss.ratio"],
        "resultvalues": [[*delays, len(came), len(trips) - len(came), round((len(trips) - len(came)) / len(trips), 4)]],
    }


class Fping:
    """One fping under way towards some targets."""

    def __init__(self, prefix: Sequence[str], targets: Sequence[str], count: int, period_ms: int) -> None:
        self.begin = now()
        self.process = subprocess.Popen(
            [*prefix, "fping", "-q", "-C", str(count), "-p", str(period_ms), "-t", "1000", *targets],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def finish(self) -> Dict[str, List[Optional[float]]]:
        """Its measurements. fping's exit code only tells whether all targets answered."""
        _, output = self.process.communicate()
        found = read_fping(output)
        if not found:
            raise RuntimeError(f"fping measured nothing: {output.strip()}")
        return found


def measure(groups: Sequence[Tuple[Sequence[str], Dict[str, str]]], probe: str, count: int,
            period_ms: int) -> List[str]:
    """One round towards all groups at once: (command prefix, {target: own address}). Lines to send."""
    running = [(Fping(prefix, list(targets), count, period_ms), targets) for prefix, targets in groups]
    lines = []
    for fping, targets in running:
        found = fping.finish()
        end = now()
        lines += [json.dumps(result(probe, targets[target], target, trips, fping.begin, end))
                  for target, trips in found.items()]
    return lines
