# SPDX-License-Identifier: Apache-2.0
"""Periods and events of one series and grade name, as docs/semantics.md defines them: a slow reading of it, which shares no
code and no idea with what stored and the SQL reference do. First the states, record by record; then, from all changes of
these, the stretches; then periods.
"""
import collections

SECOND = 1_000_000

# What a block says. hold: (worse records, worse seconds, better records, better seconds), or None; flap: (changes, seconds), or None.
Terms = collections.namedtuple("Terms", "hold flap", defaults=(None, None))
PLAIN = Terms()

# start, end: microseconds; key: anything that orders records of one start and end; grade 1 to 5; stands: grades it lets stand.
Graded = collections.namedtuple("Graded", "start end key grade stands terms", defaults=(frozenset(), PLAIN))
Period = collections.namedtuple("Period", "first grade end records ended flap")
Event = collections.namedtuple("Event", "first from_grade to_grade flap")


def parts(records, gap):
    """The records between gaps. Whether one lies before a record may depend on the states, so these come with it:
    [(records, states, changes, open runs)], of each part."""
    rest = list(records)
    while rest:
        states, changes, runs, length = walk(rest, gap)
        yield rest[:length], states, changes, runs
        rest = rest[length:]


def walk(records, gap):
    """From the first record to before the next gap. For each record: the state whose records it is one of in the end; the
    index of the first record of the run that is open once it was looked at, or None. And changes: (index of the first
    record of the run, the state then, index of the record at which it was recognised)."""
    states, changes, runs = [records[0].grade], [], [None]
    state, period_from, run = records[0].grade, 0, None  # run: (side, index of its first record)
    for i, record in enumerate(records[1:], 1):
        seen = records[:i] if record.terms.hold or record.terms.flap else records[period_from:i]
        if record.start - max(r.end for r in seen) > gap:
            return states, changes, runs, i

        def grade_of(r, of=state):
            return of if of in r.stands else r.grade
        side = (grade_of(record) > state) - (grade_of(record) < state)
        if side == 0:
            run = None
        elif run is None or run[0] != side:
            run = (side, i)
        states.append(state)
        if run is not None:
            worse, worse_s, better, better_s = record.terms.hold or (1, 0, 1, 0)
            count, seconds = (worse, worse_s) if side < 0 else (better, better_s)
            members = records[run[1]:i + 1]
            if len(members) >= count and members[-1].start - members[0].start >= seconds * SECOND:
                state = min((grade_of(r) for r in members), key=lambda g, of=state: abs(g - of))
                states[run[1]:] = [state] * len(members)
                changes.append((run[1], state, i))
                period_from, run = run[1], None
        runs.append(None if run is None else run[1])
    return states, changes, runs, len(records)


def stretches(records, changes, runs):
    """[(index of the first record, index of the record that ends it or None, worst state)]"""
    found, first_free = [], 0
    while True:
        begun = None
        for last in range(first_free, len(changes)):
            flap = records[changes[last][2]].terms.flap
            first = last - flap[0] + 1 if flap else -1
            if flap and first >= first_free \
                    and records[changes[last][0]].start - records[changes[first][0]].start <= flap[1] * SECOND:
                begun = first, last, flap[1] * SECOND
                break
        if begun is None:
            return found
        first, last, within = begun
        while last + 1 < len(changes) and records[changes[last + 1][0]].start - records[changes[last][0]].start < within:
            last += 1
        ends = end_of(records, changes, runs, begun[1], last, within)
        found.append((changes[first][0], ends, min(state for _, state, _ in changes[first:last + 1])))
        first_free = last + 1


def end_of(records, changes, runs, begun, last, within):
    """The first record, of those by which it is known that the stretch has begun, that starts so long after its last
    change while no run is open that began sooner after that."""
    change = records[changes[last][0]].start
    for i in range(changes[last][2], len(records)):
        run = runs[i]
        if records[i].start - change >= within and (run is None or records[run].start - change >= within):
            return i
    assert begun <= last
    return None


def periods_of(records, gap):
    """Periods and events of the records, which need not be in order."""
    records = sorted(records, key=lambda r: (r.start, r.end, r.key))
    periods, events = [], []
    for part, states, changes, runs in parts(records, gap):
        if periods:
            periods[-1] = periods[-1]._replace(ended="gap")
        flapping = stretches(part, changes, runs)
        cuts = {0: None}  # index of a period's first record: what ended the one before
        inside = set()
        for first, ends, _ in flapping:
            inside |= set(range(first, len(part) if ends is None else ends))
        for first, _, _ in changes:
            if first not in inside:
                cuts[first] = "grade"
        for first, _, _ in flapping:
            cuts[first] = "grade"
        for _, ends, _ in flapping:
            if ends is not None:
                cuts[ends] = "steady"
        worst = {first: grade for first, _, grade in flapping}
        before = None
        for first, after in zip(sorted(cuts), [*sorted(cuts)[1:], len(part)]):
            members, grade = part[first:after], worst.get(first, states[first])
            if before is not None:
                periods[-1] = periods[-1]._replace(ended=cuts[first])
            periods.append(Period(part[first], grade, max(r.end for r in members), len(members), None, first in worst))
            events.append(Event(part[first], before, grade, first in worst))
            before = grade
    return periods, events
