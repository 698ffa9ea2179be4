# SPDX-License-Identifier: Apache-2.0
"""What a set's webd answers, and what `ezrepo check` makes of it."""
import email.message
import os
import subprocess
import urllib.error
import urllib.request
from typing import Tuple

from conftest import EzrepoSet


def get(one: EzrepoSet, path: str, method: str = "GET") -> Tuple[int, str, email.message.Message]:
    """Status, body, headers."""
    request = urllib.request.Request(f"http://127.0.0.1:{one.metrics}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), error.headers


def check(one: EzrepoSet, *options: str) -> "subprocess.CompletedProcess[str]":
    """As somebody who may do nothing."""
    words = [one.command, "check", "--url", f"http://127.0.0.1:{one.metrics}", *options]
    nobody = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
    return subprocess.run(words, capture_output=True, text=True, check=False, cwd="/", **nobody)  # type: ignore[call-overload,no-any-return]


def promtool(text: str) -> Tuple[int, str, str]:
    """What it says of a page of metrics."""
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr
