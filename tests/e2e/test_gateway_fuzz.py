# SPDX-License-Identifier: Apache-2.0
"""The short form of tests/fuzz/gateway: some seconds of mutated requests at the running gateway."""
import os
import subprocess

from conftest import ROOT


def test_mutated_requests(build_dir, tmp_path):
    last = tmp_path / "last"
    done = subprocess.run([os.path.join(ROOT, "tests", "fuzz", "gateway"), "--build", build_dir, "--seconds", "8",
                           "--keep", str(last)], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0 and "no fault" in done.stdout, done.stdout + done.stderr[-8000:]
