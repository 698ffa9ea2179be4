# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/steady.txt: records and the periods that a slow reading of docs/semantics.md makes of them.

A case is `case GAP`, then of each record `record START END GRADE STANDS HOLDS WR WS BR BS CHANGES SECONDS`, then of each
period `period START END GRADE RECORDS ENDED FLAP FROM`; times are seconds.
"""
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))
from steady import SECOND, Graded, Terms, periods_of  # noqa: E402


def random_case(r):
    gap = r.choice([60, 150, 150, 1000])
    holds = [None, None, (1, 0, 1, 0), (2, 0, 2, 0), (r.randint(1, 4), r.choice([0, 30, 100]), r.randint(1, 4), r.choice([0, 60, 200]))]
    flaps = [None, None, (2, r.choice([60, 120])), (r.randint(2, 4), r.choice([100, 200, 300]))]
    blocks = [Terms(r.choice(holds), r.choice(flaps)) for _ in range(r.choice([1, 1, 2, 3]))]
    leaves = r.random() < 0.5
    records, t = [], 0
    for i in range(r.randint(1, 45)):
        t += r.choice([0, 10, 30, 30, 30, 60, 61, gap, gap + 1 if r.random() < 0.3 else 5])
        grade = r.choice([5, 5, 5, 4, 2, 1]) if r.random() < 0.7 or not records else records[-1].grade
        stands = frozenset(g for g in range(1, 6) if leaves and r.random() < 0.3)
        length = r.choice([0, 0, 5, 40, 300 if r.random() < 0.1 else 1])
        records.append(Graded(t * SECOND, (t + length) * SECOND, i, grade, stands, r.choice(blocks)))
    return gap, sorted(records, key=lambda x: (x.start, x.end, x.key))


def write(out, gap, records):
    print("case", gap, file=out)
    for r in records:
        hold = r.terms.hold or (0, 0, 0, 0)
        print("record", r.start // SECOND, r.end // SECOND, r.grade, sum(1 << (g - 1) for g in r.stands), int(r.terms.hold is not None),
              *hold, *(r.terms.flap or (0, 0)), file=out)
    for p, e in zip(*periods_of(records, gap * SECOND)):
        print("period", p.first.start // SECOND, p.end // SECOND, p.grade, p.records, p.ended or "open", int(p.flap),
              e.from_grade or 0, file=out)


def main():
    r = random.Random(20261130)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 250
    for _ in range(count):
        write(sys.stdout, *random_case(r))


if __name__ == "__main__":
    main()
