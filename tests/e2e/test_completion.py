# SPDX-License-Identifier: Apache-2.0
"""What the shells complete: by real bash and zsh, and what the command itself says may stand where."""
import os
import subprocess

import pytest
from conftest import ROOT

EZREPO = os.path.join(ROOT, "deploy", "ezrepo")
COMPLETION = os.path.join(ROOT, "deploy", "completion")


@pytest.fixture(name="said", scope="module")
def _said(build_dir):
    def ask(*words):
        done = subprocess.run([EZREPO, "complete", "--", *words], capture_output=True, text=True, timeout=60, check=True,
                              env={**os.environ, "EZREPO_BUILD": build_dir, "EZREPO_STATE": "/nonexistent"})
        assert done.stderr == ""
        return done.stdout.split()
    return ask


@pytest.mark.parametrize("words, expected", [
    (["r"], {"reader", "records", "rejected", "reload", "restart", "role", "rebuild"}),
    (["--state", "/x", "que"], {"query"}),
    (["role", "a"], {"add", "allow"}),
    (["pki", "s"], {"sign", "server"}),
    (["query", "--since", ""], {"today", "yesterday"}),
    (["query", "--hist"], {"--histogram"}),
    (["periods", "--output", ""], {"table", "vertical", "json", "csv"}),
    (["send", "--format", "fping-j"], {"fping-json"}),
    (["format", "try", "mt"], {"mtr"}),
    (["format", "check", "mt"], set()),  # a file
    (["grading", "add-defaults", "--dry"], {"--dry-run"}),
    (["init", "--manager", ""], {"supervisord", "systemd"}),
    (["scale", ""], {"classifyd", "reasond"}),
    (["rejected", "list", "--se"], {"--sender"}),
    (["nonsense", ""], set()),
    (["query", "--cert"], set()),  # filled in by the command
])
def test_what_may_stand_there(said, words, expected):
    assert set(said(*words)) == expected


def test_all_commands_and_options(said, build_dir):
    """What is offered is what the helps say: nothing is forgotten when one is added."""
    usage = subprocess.run([EZREPO, "--help"], capture_output=True, text=True, check=True, timeout=60).stdout
    commands = {line.split()[0] for line in usage.partition("COMMAND\n")[2].partition("\n\n")[0].splitlines()
                if line.startswith("    ") and line[4] != " "}
    assert len(commands) > 25 and set(said("")) == commands
    usage = subprocess.run([os.path.join(build_dir, "ctl", "ezrepoctl"), "events", "--help"], capture_output=True, text=True,
                           check=True, timeout=60).stdout
    options = {line.split()[0] for line in usage.splitlines() if line.startswith("  --")}
    assert set(said("events", "--")) == options - {"--url", "--cert", "--key", "--ca"} | {"--state", "--as"}


def in_shell(build_dir, shell, script):
    environment = {"PATH": os.path.dirname(EZREPO) + ":" + os.environ["PATH"], "EZREPO_BUILD": build_dir,
                   "EZREPO_STATE": "/nonexistent", "HOME": "/nonexistent"}
    return subprocess.run([*shell, script], capture_output=True, text=True, timeout=60, env=environment, check=True).stdout.split()


def test_bash(build_dir):
    script = f"""source {COMPLETION}/ezrepo.bash
COMP_WORDS=(ezrepo format tr) COMP_CWORD=2; _ezrepo; echo "${{COMPREPLY[@]}}"
COMP_WORDS=(ezrepo periods --output "") COMP_CWORD=3; _ezrepo; echo "${{COMPREPLY[@]}}"
complete -p ezrepo"""
    found = in_shell(build_dir, ["bash", "--norc", "-c"], script)
    assert found[:5] == ["try", "table", "vertical", "json", "csv"] and found[-1] == "ezrepo"


def test_zsh(build_dir):
    """The function alone: compadd, a builtin of the editor, says here what it was given."""
    script = f"""compadd() {{ print -l -- "${{(@P)2}}" }}; _files() {{ print FILES }}
words=(ezrepo role a); CURRENT=3; source {COMPLETION}/_ezrepo
words=(ezrepo format check m); CURRENT=4; source {COMPLETION}/_ezrepo"""
    assert in_shell(build_dir, ["zsh", "-f", "-c"], script) == ["add", "allow", "FILES"]
