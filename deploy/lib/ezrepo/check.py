# SPDX-License-Identifier: Apache-2.0
"""`check`: how the set does, as plugins of Nagios, Icinga, Checkmk and their kin say it: a line with performance data, then
what is wrong, and the exit code. Asks webd, so that it needs neither root nor the state directory.
"""
import http.client
import re
import urllib.error
import urllib.request
from typing import Dict, List, Tuple

from .errors import Failure
from .state import State

OK, WARNING, CRITICAL, UNKNOWN = range(4)
WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
PRESET = "http://127.0.0.1:8893"  # webd.metrics_listen's
SECONDS = 10
BYTES = 16 << 20

# What is told as performance data: label, metric (of all processes together), unit.
PERFORMANCE = (("processes", "ezrepo_up", ""), ("lag", "ezrepo_stored_lag_seconds", "s"),
               ("stored", "ezrepo_stored_committed_records_total", "c"), ("spool", "ezrepo_ingestd_spool_bytes", "B"),
               ("waiting", "ezrepo_ingestd_held_records", ""), ("rejected", "ezrepo_ingestd_rejected_total", "c"),
               ("dropped", "ezrepo_ingestd_kernel_drops_total", "c"), ("lost", "ezrepo_ingestd_records_lost_total", "c"))
SAMPLE = re.compile(r"^(ezrepo_[a-z0-9_]+)(?:\{[^}]*\})? ([0-9.]+)$", re.M)


def address(state: State) -> Tuple[str, str]:
    """webd's, and why that is only the preset where the configuration cannot be read, as by others than its processes."""
    try:
        listen = str(state.config().get("webd", {}).get("metrics_listen", ""))
    except Failure:
        return PRESET, f"{state.config_file} cannot be read, which says where it is: give --url"
    return (f"http://{listen}" if listen else PRESET), ""


def _get(url: str) -> Tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:
            return answer.status, answer.read(BYTES).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read(BYTES).decode("utf-8", "replace")


def _performance(text: str) -> str:
    sums: Dict[str, float] = {}
    for metric, value in SAMPLE.findall(text):
        sums[metric] = sums.get(metric, 0) + float(value)
    return " ".join(f"{label}={sums[metric]:.10g}{unit}" for label, metric, unit in PERFORMANCE if metric in sums)


def look(url: str, guessed: str) -> Tuple[int, List[str]]:
    """The exit code and the lines; `guessed`: why it is not certain that webd is there, "" when it is."""
    try:
        health, said = _get(f"{url}/healthz")
        ready, _ = _get(f"{url}/readyz")
        _, metrics = _get(f"{url}/metrics")
    except (OSError, http.client.HTTPException) as error:
        said = f"webd does not answer: {url}: {getattr(error, 'reason', None) or error}"
        return (UNKNOWN, [f"{said}; {guessed}"]) if guessed else (CRITICAL, [said])
    except ValueError as error:
        return UNKNOWN, [f"{url}: {error}"]
    if {health, ready} - {200, 503} or said.split("\n", 1)[0] not in ("ok", "ill"):
        return UNKNOWN, [f"{url} is no webd: it answers {health}"]
    troubles = said.splitlines()[1:]
    code = OK if health == 200 else WARNING if ready == 200 else CRITICAL
    first = troubles[0] if len(troubles) == 1 else f"{len(troubles)} troubles" if troubles else "all processes do what they are for"
    return code, [f"{first} | {_performance(metrics)}", *(troubles if len(troubles) > 1 else [])]


def text(code: int, lines: List[str]) -> str:
    return "\n".join([f"EZREPO {WORDS[code]}: {lines[0]}", *lines[1:]])
