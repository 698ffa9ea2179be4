# SPDX-License-Identifier: Apache-2.0
"""Questions to the gateway, as ezrepoctl asks them, for commands that do something with the answer."""
import datetime
import fnmatch
import json
import re
import subprocess
from typing import Any, Dict, List, Optional, Tuple

from .errors import Failure, Usage
from .passed_on import gateway_arguments
from .state import State, program

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
EVER = "past ... future"
RECOUNT_SECONDS = 3600  # the longest that ezrepoctl and queryd wait


# ---- times ----

def moment(option: str, text: str, preset: str) -> str:
    """A time in UTC, a day's name, or how long ago, as mPlane writes it; the preset when nothing is given."""
    if not text:
        return preset
    now = datetime.datetime.now(datetime.timezone.utc)
    days = {"yesterday": -1, "today": 0, "tomorrow": 1}
    try:
        if re.fullmatch(r"(\d+[smhdw])+", text):
            then = now - datetime.timedelta(seconds=sum(int(n) * UNITS[unit]
                                                        for n, unit in re.findall(r"(\d+)([smhdw])", text)))
        elif text in days:
            then = now.replace(hour=0, minute=0, second=0, microsecond=0) + datetime.timedelta(days=days[text])
        elif text == "now":
            then = now
        else:
            then = datetime.datetime.fromisoformat(re.sub(r"Z$", "+00:00", text.strip()))
            then = then.astimezone(datetime.timezone.utc) if then.tzinfo else then
    except OverflowError:
        return preset  # longer ago than there are years
    except ValueError:
        raise Usage(f'{option}: expected a time such as "2026-11-21 10:00", today, or how long ago, such as 2h;'
                    f' found "{text}"') from None
    return then.replace(tzinfo=None).isoformat(" ", "microseconds")


def scope(since: str, until: str = "") -> str:
    """An mPlane scope from what --since and --until were given."""
    start, end = moment("--since", since, "past"), moment("--until", until, "future")
    if "past" != start > end:
        raise Usage(f"--until: expected a time that is not before --since, {start}; found {end}")
    return f"{start} ... {end}"


def iso(text: Optional[str]) -> Optional[str]:
    """A time of an answer as JSON has it elsewhere: 2026-11-21T10:00:00.5+00:00."""
    if text is None:
        return None
    whole, _, fraction = text.replace(" ", "T").partition(".")
    fraction = fraction.rstrip("0")
    return whole + (f".{fraction}" if fraction else "") + "+00:00"


# ---- asking ----

# What is asked: the label of a capability, and criteria; those that are None are left out.
Question = Tuple[str, Dict[str, Optional[str]]]


def _check_offered(state: State, label: str) -> None:
    """What was not offered: whether that is since sets of releases before have no rule for what came since."""
    rules = state.config().get("mplane-gw", {}).get("access", {}).get("authorizations", {})
    if not any(fnmatch.fnmatchcase(label, glob) for glob in rules):
        family = re.sub(r"(?<=[a-z])[A-Z].*", "*", label)
        raise Failure(f"{state.config_file}: mplane-gw.access lets nobody ask {label}: add \"{family}\": [\"admin\"] to"
                      f" \"authorizations\", then `ezrepo reload`; or `ezrepo role allow admin '{family}'`")


def answers(state: State, client: str, questions: List[Question], when: str = EVER, most: int = 0,
            seconds: int = 0) -> List[List[Dict[str, Any]]]:
    """The rows that answer each of these questions, those of a listing all, or `most`. The client is whose certificate
    asks. Usage and Failure say what ezrepoctl said."""
    call = [program("ezrepoctl"), "ask", "--when", when, *gateway_arguments(state, client)]
    call += ["--rows", str(most)] if most else []
    call += ["--timeout", str(seconds)] if seconds else []
    for i, (label, criteria) in enumerate(questions):
        call += ["+"] * (i > 0) + [label, *(f"{name}={value}" for name, value in criteria.items() if value is not None)]
    done = subprocess.run(call, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode != 0:
        said = re.sub("^ezrepoctl: ", "", done.stderr.strip(), flags=re.M)
        for label, _ in questions:
            if said.endswith(f"does not offer us {label}"):
                _check_offered(state, label)
        raise Usage(said) if done.returncode == 2 else Failure(said)
    found: List[List[Dict[str, Any]]] = [[]]
    for line in done.stdout.split("\n")[:-1]:
        if line:
            found[-1].append(json.loads(line))
        else:
            found.append([])
    return found
