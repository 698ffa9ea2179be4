# SPDX-License-Identifier: Apache-2.0
"""The programs are built as Debian hardens its own: read from the ELF files, not from the flags that should have made
them so. And a process that crashes leaves no core."""
import json
import os
import re
import resource
import subprocess

import pytest
from conftest import ROOT, wait_for

PROGRAMS = ["ingestd", "socketd", "classifyd", "stored", "queryd", "mplane-gw", "ingest-gw", "webd", "alertd", "reasond", "ezrepoctl"]


def readelf(*words):
    return subprocess.run(["readelf", "-W", *words], capture_output=True, text=True, check=True).stdout


def build_options(build):
    with open(os.path.join(build, "meson-info", "intro-buildoptions.json"), encoding="utf-8") as file:
        return {option["name"]: option["value"] for option in json.load(file)}


@pytest.fixture(params=PROGRAMS)
def elf(request, build_dir):
    return os.path.join(build_dir, {"ezrepoctl": "ctl"}.get(request.param, request.param), request.param)


def test_addresses_are_not_known(elf):
    assert re.search(r"Type:\s+DYN \(Position-Independent", readelf("--file-header", elf))


def test_nothing_written_is_executed(elf):
    stack = re.search(r"GNU_STACK .* (R[W ]?[E ]?) +0x", readelf("--program-headers", elf))
    assert stack and "E" not in stack.group(1)
    assert "TEXTREL" not in readelf("--dynamic", elf)


def test_jump_tables_are_read_only(elf):
    assert "GNU_RELRO" in readelf("--program-headers", elf)
    assert re.search(r"\(FLAGS\).*BIND_NOW", readelf("--dynamic", elf))


def test_stacks_are_watched(elf):
    assert "__stack_chk_fail" in readelf("--dyn-syms", elf)


def test_copies_are_bounded(elf, build_dir):
    options = build_options(build_dir)
    if options["optimization"] in ("0", "plain") or options["b_sanitize"] != "none":
        pytest.skip("not optimised, or built with sanitizers, which watch the same calls")
    assert re.search(r"__(snprintf|vsnprintf|memcpy|memset|printf|fprintf)_chk", readelf("--dyn-syms", elf))


def object_files(build):
    """Of the programs, not of the tests."""
    folders = ("common", "ingestd", "socketd", "classifyd", "stored", "queryd", "mplane-gw", "ingest-gw", "webd", "alertd", "reasond", "ctl")
    for top in folders:
        for folder, _, names in os.walk(os.path.join(build, top)):
            yield from (os.path.join(folder, name) for name in names if name.endswith(".c.o"))


def test_every_part_is_made_for_cet(build_dir):
    """Debian's start files are not, so the whole program does not say it; each part of ours does."""
    if os.uname().machine != "x86_64":
        pytest.skip("CET is x86's")
    parts = list(object_files(build_dir))
    assert len(parts) > 100
    for part in parts:
        assert "IBT, SHSTK" in readelf("--notes", part), part


def test_every_part_has_the_flags(build_dir):
    """What leaves no trace in the files themselves."""
    with open(os.path.join(build_dir, "compile_commands.json"), encoding="utf-8") as file:
        commands = [entry["command"] for entry in json.load(file)]
    for command in commands:
        assert "-fstack-clash-protection" in command and "-Werror=format-security" in command


def test_no_core(build_dir, tmp_path):
    """Whatever the limit of whoever started it."""
    configuration = tmp_path / "ezrepo.json"
    configuration.write_text(json.dumps({"common": {"run_dir": str(tmp_path / "run"),
                                                    "schemas_dir": os.path.join(ROOT, "schemas")}}))
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    with (tmp_path / "log").open("w") as log, subprocess.Popen(
            [os.path.join(build_dir, "socketd", "socketd"), "--config", str(configuration)], stderr=log,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))) as process:
        try:
            wait_for((tmp_path / "run/status/socketd-0.json").exists)
            assert resource.prlimit(process.pid, resource.RLIMIT_CORE) == (0, 0)
        finally:
            process.terminate()
