# SPDX-License-Identifier: Apache-2.0
"""deploy/quickstart as somebody runs it who has never seen it, with fewer rounds."""
import json
import os
import re
import subprocess
import time
import urllib.request

import pytest
from conftest import EZREPO, ROOT, find_free_ports

ROUNDS = 3  # so many records make it better again


def quickstart(state, *arguments, build=None):
    env = {k: v for k, v in os.environ.items() if k not in ("EZREPO_BUILD", "EZREPO_STATE")}
    if build:
        env["EZREPO_BUILD"] = build
    done = subprocess.run([os.path.join(ROOT, "deploy", "quickstart"), "--state", state, "--rounds", str(ROUNDS),
                           *arguments], capture_output=True, text=True, check=False, timeout=900, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(name="state")
def _state(tmp_state):
    state = tmp_state + "/q"
    yield state
    if os.path.exists(state + "/set.json"):
        subprocess.run([EZREPO, "down", "--state", state], check=True, capture_output=True, timeout=120)


def free_ports():
    options = ("--udp-port", "--https-port", "--registry-port", "--ingest-port", "--metrics-port", "--page-port")
    return [word for option, port in zip(options, find_free_ports(len(options))) for word in (option, str(port))]


def sent(output):
    return int(re.search(r"sent (\d+) results; all of them counted", output)[1])


def is_logged_in_by(link, dest):
    """What a browser makes of the link at the end, and of the button there: the page, and on it what was measured towards this host."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    base, _, ticket = link.partition("/login?ticket=")
    with browser.open(link, timeout=60) as page:
        assert page.headers["Content-Type"].startswith("text/html")
    pressed = urllib.request.Request(f"{base}/api/v1/login", json.dumps({"ticket": ticket}).encode(), {"Content-Type": "application/json", "Origin": base})
    with browser.open(pressed, timeout=60) as answer:
        assert answer.status == 204
    with browser.open(f"{base}/api/v1/QuerySeries?record.dest={dest}", timeout=60) as answer:
        found = len(json.load(answer)["rows"]) > 0
    with browser.open(f"{base}/api/v1/me", timeout=60) as answer:  # thresholds can be tried, too
        return found and "SetGrading" in json.load(answer)["may"]


def test_twice(state):
    first = quickstart(state, *free_ports())
    own = "hosts of our own (" in first
    assert sent(first) == ROUNDS * 4 * (5 if own else 2)
    assert "127.0.0.1" in first and "How to go on" in first and "How to stop" in first
    if os.geteuid() == 0:
        assert own, first
        # One host got slow, one went away, and both came back: by the grading that a new store has. The third loses by lot.
        events = first[first.index("What changed?"):first.index("How to go on")]
        changes = {dest: re.findall(rf"{re.escape(dest)} .*overall +(\S+) +(\d) ", events)[::-1] for dest in ("198.51.100.1", "198.51.100.2", "2001:db8:198:51::3")}
        slow, away, lossy = changes.values()
        assert all(found[0] == ("-", "5") for found in (slow, away, lossy)) and slow[-1][1] == away[-1][1] == "5", events
        assert any(to in ("1", "2", "3") for _, to in slow) and ("5", "1") in away, events

    assert is_logged_in_by(first.splitlines()[-1].strip(), "198.51.100.2" if own else "127.0.0.1")

    begin = time.monotonic()
    second = quickstart(state)
    assert is_logged_in_by(second.splitlines()[-1].strip(), "127.0.0.1")
    ready = float(re.search(r"ready after ([0-9.]+) s", second)[1])
    assert ready < 200 and ready < time.monotonic() - begin
    assert sent(second) == sent(first)


def test_stopped_set_starts_again(state, build_dir):
    quickstart(state, "--hosts", "none", *free_ports(), build=build_dir)
    subprocess.run([EZREPO, "down", "--state", state], check=True, capture_output=True, timeout=120)
    output = quickstart(state, "--hosts", "none", build=build_dir)
    assert float(re.search(r"ready after ([0-9.]+) s", output)[1]) < 200
    assert sent(output) == ROUNDS * 4 * 2
    assert is_logged_in_by(output.splitlines()[-1].strip(), "127.0.0.1")


@pytest.mark.parametrize("arguments", [["--rounds"], ["--nonsense"], ["extra"]])
def test_wrong_usage(arguments):
    done = subprocess.run([os.path.join(ROOT, "deploy", "quickstart"), *arguments], capture_output=True, text=True,
                          check=False, timeout=60)
    assert done.returncode == 2 and arguments[0] in done.stderr


def test_what_takes_long_is_seen_to_go_on(tmp_path):
    """While a build or an installation runs, its last line is said; its failure is the script's."""
    os.mkfifo(tmp_path / "go")
    code = f"""set -euo pipefail
. {ROOT}/deploy/lib/progress.sh
progress "$1/log" sh -c 'echo first; echo "[57/309] Compiling"; cat "$0/go"; echo last; exit 3' "$1" || echo "ended with $?"
"""
    with subprocess.Popen(["bash", "-c", code, "bash", str(tmp_path)], stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "PROGRESS_S": "0.2"}) as script:
        assert script.stdout.readline() == "  ... [57/309] Compiling\n"  # and it has not ended
        (tmp_path / "go").write_text("going\n")
        assert script.stdout.read().splitlines()[-1] == "ended with 3"
    assert (tmp_path / "log").read_text().splitlines() == ["first", "[57/309] Compiling", "going", "last"]
