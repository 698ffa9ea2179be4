# SPDX-License-Identifier: Apache-2.0
"""`ezrepo import`: old results into the set on this machine. ezrepoctl reads and delivers them; this tells before what the
set would not keep, and after what the store made of them."""
import os
import pwd
import subprocess
import time
from typing import Dict, List, Optional, Tuple

from . import asking, status
from .errors import Failure, Usage
from .output import complain, say
from .state import State

JOURNAL = "import.jsonl"
SETTLE_S = 60.0

COUNTS = {"records.stored": "stored", "records.duplicates": "there already", "records.rejected": "refused later"}


def _tell_retention(state: State) -> None:
    """What is older than it is kept is refused by stored, record by record: so it is told before."""
    kept = state.config().get("stored", {}).get("retention", {})
    for name, days in sorted(kept.items()) if isinstance(kept, dict) else []:
        what = "records of all other types" if name == "*" else f"records of the type {name}"
        begin = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86400 * int(days)))
        complain(f"stored.retention keeps {what} for {days} days: those before {begin} will be refused as expired")


def sender() -> str:
    """Whose imports these are in the ledger, as ezrepoctl says it to ingestd."""
    try:
        return "import:" + pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user that has no name
        return "import:unknown"


def _counts(state: State, client: str) -> Optional[Dict[str, int]]:
    """What the ledger says of imports by this user; None where it cannot be asked."""
    try:
        rows, = asking.answers(state, client, [("LedgerAccounts", {"input.sender": sender()})])
    except (Failure, Usage) as error:
        complain(f"what the store made of it cannot be told: {error}")
        return None
    return {name: sum(int(row[column]) for row in rows) for column, name in COUNTS.items()}


def _wait_until_stored(state: State) -> int:
    """How many records ingestd holds that are not stored, once there are none, or it has been long."""
    begin, held = time.monotonic(), 0
    while time.monotonic() - begin < SETTLE_S:
        words = status.read_status_file(state, "ingestd")
        held = 0 if words is None else words.get("counters", {}).get("held.records", 0)
        if words is None or (words["age_s"] < time.monotonic() - begin and held == 0):
            return 0
        time.sleep(0.2)
    return held


def run(state: State, client: str, call: List[str], rest: List[str]) -> int:
    """The exit code of ezrepoctl."""
    _tell_retention(state)
    before = _counts(state, client)
    if "--journal" not in rest:
        call = call + ["--journal", state.path(JOURNAL)]
    done = subprocess.call(call + rest)
    if before is None:
        return done
    held, after = _wait_until_stored(state), _counts(state, client)
    if after is not None:
        parts: List[Tuple[str, int]] = [(name, after[name] - before[name]) for name in COUNTS.values()]
        more = f"; {held} are with ingestd, and will be" if held else ""
        say(", ".join(f"{count} {name}" for name, count in parts) + f"{more}")
    return done
