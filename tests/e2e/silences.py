# SPDX-License-Identifier: Apache-2.0
"""Silence once more, slowly, straight from docs/semantics.md: what is known of one series, or of a probe, as of an instant."""
import dataclasses
import math

US = 1_000_000
MINUTE = 60 * US
DAY = 24 * 60 * MINUTE


@dataclasses.dataclass
class Heard:
    """A record: when it starts, ends, and was received. key: what decides the order of records with the same times."""
    start: int
    end: int
    received: int
    key: int = 0


@dataclasses.dataclass
class Listed:
    every: int
    delay: int = None
    retire: int = None


@dataclasses.dataclass
class State:
    last: int
    e: int = None
    d: int = 0
    silent_from: int = None
    told_from: int = None
    retire_at: int = None


def distances(starts):
    minutes = sorted({s // MINUTE for s in starts})
    return [(b - a) * MINUTE for a, b in zip(minutes, minutes[1:])][-32:]


def expected(starts, type_us, listed):
    if listed:
        return listed.every
    found = distances(starts)
    return sorted(found)[-2] if len(found) >= 8 else type_us


def delay(records, listed):
    if listed and listed.delay is not None:
        return listed.delay
    last = sorted(records, key=lambda r: (r.start, r.end, r.key))[-32:]
    return max(min(max(r.received - r.end, 0), DAY) for r in last)


def counted(start, need, absences):
    """When `need` has passed since start, of time outside of all absences."""
    t = start
    for a, b in sorted(absences):
        if b <= t:
            continue
        if t + need <= a:
            break
        need -= max(a - t, 0)
        t = max(t, b)
    return t + need


def state(records, as_of, type_us=None, listed=None, absences=()):
    """None: no record starts by then. absences: of the process by which the last one came, disjoint."""
    known = [r for r in records if r.start <= as_of]
    if not known:
        return None
    s = State(max(min(r.end, as_of) for r in known))
    s.e = expected([r.start for r in known], type_us, listed)
    s.d = delay(known, listed)
    if s.e is None:
        return s
    s.silent_from = counted(s.last, 3 * s.e, absences)
    while True:  # not before e after an absence that began before it was silent
        after = max((b + s.e for a, b in absences if s.last < b and a < s.silent_from), default=-math.inf)
        if after <= s.silent_from:
            break
        s.silent_from = counted(after, 0, absences)
    s.told_from = counted(s.silent_from, s.d, absences)
    s.retire_at = s.silent_from + (listed.retire if listed and listed.retire is not None else max(7 * DAY, 100 * s.e))
    return s
