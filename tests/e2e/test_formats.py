# SPDX-License-Identifier: Apache-2.0
"""Formats of other tools: the reference evaluator, and the vectors it is held to."""
import os
import re
import subprocess
import sys

from conftest import ROOT

FORMATS = os.path.join(ROOT, "tests", "golden", "formats")


def test_the_reference_evaluator_makes_what_was_written_by_hand():
    done = subprocess.run([sys.executable, os.path.join(FORMATS, "evaluate.py"), "--check"], capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and len(lines) == 68 and all(line.startswith("ok ") for line in lines[:-1]), done.stdout


def test_exact_cases_are_what_fractions_make():
    """So that nobody changes the file alone."""
    with open(os.path.join(FORMATS, "exact_cases.txt"), encoding="utf-8") as file:
        expected = file.read()
    done = subprocess.run([sys.executable, os.path.join(FORMATS, "exact_cases.py"), "1", "2500"], capture_output=True, text=True,
                          check=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    assert done.stdout == expected


def test_changed_mappings_and_samples_give_what_the_reference_evaluator_gives(build_dir):
    """Fifty thousand cases, made of the folders at random but always the same; other seeds by hand."""
    done = subprocess.run([sys.executable, os.path.join(FORMATS, "mutate.py"), "--seed", "1", "--groups", "6600", "--jobs", "2",
                           os.path.join(build_dir, "tests", "golden", "compare_formats")], capture_output=True, text=True,
                          check=False, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    sums = re.findall(r"^\d+ mappings, .*; (\d+) cases: (\d+) compared whole, ", done.stdout, re.M)
    assert done.returncode == 0 and len(sums) == 2, done.stdout[-20000:] + done.stderr
    assert sum(int(cases) for cases, _ in sums) > 50000 and sum(int(compared) for _, compared in sums) > 30000, done.stdout
