# SPDX-License-Identifier: Apache-2.0
"""Formats of other tools: the reference evaluator, and the vectors it is held to."""
import os
import subprocess
import sys

from conftest import ROOT

FORMATS = os.path.join(ROOT, "tests", "golden", "formats")


def test_the_reference_evaluator_makes_what_was_written_by_hand():
    done = subprocess.run([sys.executable, os.path.join(FORMATS, "evaluate.py"), "--check"], capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and len(lines) == 62 and all(line.startswith("ok ") for line in lines[:-1]), done.stdout


def test_exact_cases_are_what_fractions_make():
    """So that nobody changes the file alone."""
    with open(os.path.join(FORMATS, "exact_cases.txt"), encoding="utf-8") as file:
        expected = file.read()
    done = subprocess.run([sys.executable, os.path.join(FORMATS, "exact_cases.py"), "1", "2500"], capture_output=True, text=True,
                          check=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    assert done.stdout == expected
