# SPDX-License-Identifier: Apache-2.0
"""The examples of README.md and docs/ are run as they stand.

A fenced block whose lines begin with `$ ` is a session: its commands are run in order, the sessions of a page in one
shell and one folder, against one default set, and what is printed is compared with the block. What is changed in a
command, and back in what it prints: the ports 9900, 8890 and 8891 are the set's, 9901 is a free one, and /var/lib/ezrepo or
/var/lib/ezrepo-quickstart is the set's folder. `ezrepo` is found by PATH, `deploy/ezrepo` by a link.

What is printed may differ in blanks and line ends, in times, tokens and UUIDs, and, but on the pages in EXACT, in numbers;
`...` stands for anything. Where nothing is shown nothing is compared, but the command has to end with 0.

A block of configuration is checked by the programs, a grading by `ezrepo grading check`. All others are in NOT_RUN with a
reason, so that whoever writes a block makes it one that is run, or says here why not.
"""
import dataclasses
import glob
import json
import os
import re
import shutil
import subprocess
import threading
import time
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import pytest
from conftest import EZREPO, ROOT, EzrepoSet, find_free_ports, ping, running_set, time_text

from ezrepo import jsonc
from ezrepo.errors import Failure

EXACT = ["docs/original.md"]

CHANGES = "changes the machine"
NOT_RUN = {
    ("README.md", "deploy/quickstart"): CHANGES + "; test_quickstart.py runs it",
    ("README.md", "deploy/run-tests"): "it is what runs this test",
    ("docs/architecture.md", "probe ──UDP──▶ ingestd ──PUSH──▶ classifyd ×N ──PUSH──▶ stored ──COPY──▶ PostgreSQL"):
        "a picture",
    ("docs/benchmarks.md", "$ tests/bench/pipeline"): "takes minutes and a quiet machine; test_bench.py runs it small",
    ("docs/benchmarks.md", "$ tests/bench/latency"): "the same",
    ("docs/benchmarks.md", "$ tests/bench/query"): "the same",
    ("docs/benchmarks.md", "$ tests/bench/why --records 90000 --series 1000"): "the same",
    ("docs/benchmarks.md", "$ tests/bench/now --store DIR --questions 40 --verified 2"): "the same",
    ("docs/benchmarks.md", "question                                 rows      goal ms       p50 ms       p95 ms       cpu ms     cpu95 ms     plain ms plain cpu ms        ratio"):
        "what it printed another time",
    ("docs/benchmarks.md", "$ tests/bench/memory"): "the same",
    ("docs/benchmarks.md", "$ tests/bench/web"): "the same",
    ("docs/benchmarks.md", "$ tests/bench/page"): "the same",
    ("docs/benchmarks.md", "$ tests/bench/gateway"): "the same",
    ("docs/benchmarks.md", "$ tests/bench/formats"): "the same",
    ("docs/benchmarks.md", "$ tests/bench/envelope --datagrams 40000"): "the same",
    ("docs/api.md", "id: CURSOR"): "test_api_changes.py reads such events",
    ("docs/api.md", """$ jq -Rs '{"grading.document": ., "grading.comment": "loss is bad from 2 % on"}' grading.json > body.json"""):
        "needs a token that may; test_api.py publishes so",
    ("docs/formats.md", "curl --cacert ca.crt --cert probe-7.crt --key probe-7.key --data-binary @fping.txt "
                        "https://ezrepo.example:8892/ingest/fping-text"): "test_ingest_gw.py and test_ingest_tokens.py post so",
    ("docs/formats.md", "rrdtool lastupdate /var/lib/smokeping/Local/Router.rrd | ezrepo send --format smokeping-lastupdate "
                        "--context target=192.0.2.1 -"): "needs SmokePing's files; test_real_tools.py has one",
    **{("docs/formats.md", first): "test_real_senders.py runs it"
       for first in ("global:", "groups:", "rule_files: [ezrepo.rules.yml]", 'Hostname "vp1"')},
    ("docs/operations.md", "deploy/install-packages build run"): CHANGES,
    ("docs/operations.md", "$ ezrepo role allow operator 'Query*' GetGrading"): "asks for a password at a terminal; test_people.py answers it",
    ("docs/operations.md", '"webd": {\n"listen": ["192.0.2.10:8894"],'): "needs a certificate; test_api.py has one",
    ("docs/operations.md", "source deploy/completion/ezrepo.bash"): "test_completion.py has it complete",
    ("docs/operations.md", "fping -q -c 10 -f hosts 2>&1 | ezrepo send --format fping-text -"):
        "needs hosts of one's own; test_real_tools.py has some",
    ("docs/sql.md", "ezrepo reader add grafana"): "needs Grafana; test_sql.py adds another reader",
    ("docs/operations.md", "import hashlib, hmac, time"): "test_alert_receivers.py verifies signatures with it",
    ("docs/operations.md", "scrape_configs:"): "test_webd.py runs a Prometheus so",
    ("docs/operations.md", "ezrepo init --state /var/lib/ezrepo --classifyd 2"): "the set of this test is made so",
    ("docs/operations.md", "2026-11-21T20:10:35.123456Z audit mplane-gw[0] request identity=\"org.example.ann\" "
                           "peer=\"192.0.2.7:40112\""): "a line of a log; test_gateway_access.py reads such lines",
    ("docs/operations.md", "CREATE ROLE ezrepo_read NOLOGIN;"): "needs a PostgreSQL server of one's own",
    ("docs/operations.md", "REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea), "
                           "lo_open(oid, integer),"): "the same",
    ("docs/operations.md", "umask 077\necho"): "the same",
    ("docs/operations.md", "umask 077\ncd"): "test_operator.py runs it",
    ("docs/operations.md", "cd /var/backups"): "test_operator.py runs it",
    ("docs/operations.md", "git pull"): "needs another release; test_upgrade.py has them",
    ("docs/operations.md", "ezrepo upgrade-cluster --check"): "needs another PostgreSQL",
    ("docs/operations.md", "ezrepo init --manager systemd"): CHANGES,
    ("docs/original.md", "$ ezrepo init"): "the set of this test is made so",
    ("docs/operations.md", '{"mappings": [{"columns": ["download.bps"], "type": "speedtest", "content": "download"}],'):
        "test_gaps.py has such files",
    ("docs/operations.md", "ezrepo types check"): "test_gaps.py runs it",
    ("docs/operations.md", "ezrepo types adopt"): "test_gaps.py runs it",
    ("docs/operations.md", "$ ezrepo import --format fping-text /srv/archive/2019 /srv/archive/2020/*.gz"):
        "needs archives; test_own_formats.py has some",
    ("docs/write-a-format.md", '"types": {'): "a part of a mapping; test_own_formats.py has such a one",
    ("docs/semantics.md", '{"gap_s": 900,'): "left out in it is what schemas/record-types.json has",
    ("docs/semantics.md", '{"valid": [{"metrics": ["loss.ratio", "*.loss.ratio"], "min": 0, "max": 1},'): "the same",
    ("docs/semantics.md", "grading[2].gradingRules[0].if[1].rel: expected one of < <= > >= == !=, found \"=<\""):
        "a message; test_grading.c has them",
    ("docs/udp-envelope.md", "import base64, hashlib, hmac, json, socket, struct, sys, time"): "test_signed_datagrams.py runs it",
    ("docs/udp-envelope.md", "["): "test_signed_datagrams.py and the golden test signed_envelope run them",
}


@dataclasses.dataclass
class Block:
    """What stands between two fences of a page, and under which heading."""

    page: str
    line: int
    heading: str
    text: str

    @property
    def first(self) -> str:
        return self.text.splitlines()[0].strip()

    def is_session(self) -> bool:
        return self.first.startswith("$ ")

    def listed(self) -> List[Tuple[str, str]]:
        """Its keys in NOT_RUN: those whose lines are the beginning of its own."""
        stripped = "\n".join(line.strip() for line in self.text.splitlines())
        return [key for key in NOT_RUN if key[0] == self.page and
                (self.first == key[1] or "\n" in key[1] and stripped.startswith(key[1]))]

    def json(self) -> Optional[Dict[str, Any]]:
        """The members it consists of; None when it is something else."""
        text = self.text if self.first.startswith("{") else "{" + self.text + "}"
        try:
            return dict(jsonc.parse(text, self.page)[0])
        except (ValueError, Failure):
            return None


def pages() -> List[str]:
    """docs/original.md first, since it begins with an empty set."""
    found = sorted(os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, "docs", "*.md")))
    return ["docs/original.md", "README.md"] + [page for page in found if page != "docs/original.md"]


def blocks_of(page: str) -> List[Block]:
    found, heading, inside = [], "", None
    with open(os.path.join(ROOT, page), encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.startswith("```"):
                if inside is not None:
                    found.append(Block(page, inside[0], heading, "".join(inside[1])))
                inside = None if inside else (number, [])
            elif inside:
                inside[1].append(line)
            elif line.startswith("#"):
                heading = line.strip("# \n")
    assert inside is None, f"{page}: a fence is not closed"
    return found


BLOCKS = [block for page in pages() for block in blocks_of(page)]
SETTINGS = [block for block in BLOCKS if not block.is_session() and not block.listed() and block.json() is not None]
SESSIONS = [page for page in pages() if any(b.is_session() and not b.listed() for b in BLOCKS if b.page == page)]


def test_every_block_is_run_or_listed():
    assert len(BLOCKS) > 30 and len(SESSIONS) >= 4
    open_ones = [f"{b.page}:{b.line}: {b.first}" for b in BLOCKS
                 if not b.is_session() and b not in SETTINGS and not b.listed()]
    assert not open_ones, "make sessions of these (`$ `), or list them with a reason: " + "; ".join(open_ones)
    assert set(NOT_RUN) == {key for b in BLOCKS for key in b.listed()}, "listed and not there, or another block's by now"


# ---- sessions ----

def is_whole(command: str) -> bool:
    """Whether the shell would not ask for another line."""
    done = subprocess.run(["bash", "-n"], input=command, capture_output=True, text=True, check=False)
    return done.returncode == 0 and not done.stderr and not command.endswith("\\")


def steps(text: str) -> Iterator[Tuple[str, str]]:
    """Each command of a session, and what is shown below it."""
    lines = text.splitlines()
    while lines:
        command = lines.pop(0)[2:]
        while not is_whole(command):
            command += "\n" + lines.pop(0)
        shown = []
        while lines and not lines[0].startswith("$ "):
            shown.append(lines.pop(0))
        yield command, "\n".join(shown)


TIME = r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z?)?"
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
TOKEN = r"\b[0-9a-f]{32,64}\b"
NUMBER = r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])"


def layout(text: str) -> str:
    """Without what is layout only: how many blanks, where lines end, blanks beside brackets and commas."""
    return re.sub(r" ?([\[\]{},]) ?", r"\1", " ".join(text.split()))


def pattern_of(shown: str, exact: bool) -> str:
    kinds = [r" ?\.\.\. ?", TIME, UUID, TOKEN] + ([] if exact else [NUMBER])
    means = [".*", *kinds[1:]]
    parts = re.split("|".join(f"({kind})" for kind in kinds), layout(shown))
    found = ""
    for at in range(0, len(parts), len(kinds) + 1):
        found += re.escape(parts[at])
        found += next((mean for mean, part in zip(means, parts[at + 1:at + 1 + len(kinds)]) if part), "")
    return found


def is_as_shown(shown: str, printed: str, exact: bool) -> bool:
    return re.fullmatch(pattern_of(shown, exact), layout(printed), re.S) is not None


@pytest.mark.parametrize("shown,printed,exact,expected", [
    ("a  3\nb", "a 3 b\n", True, True), ("a 3", "a 4", True, False), ("a 3", "a 4", False, True), ("a 3", "a x", False, False),
    ("at 2026-11-21 10:00:00", "at 2027-01-02 11:11:11.123456", True, True), ("192.0.2.1", "192.0.2.2", False, False),
    ("{...}", '{"a": [1,\n 2]}', True, True), ('[ "a", "b" ]', '["a","b"]', True, True), ("x ... y", "x z", True, False),
    ("0123456789abcdef0123456789abcdef", "f123456789abcdef0123456789abcdef", True, True), ("ab", "ac", True, False)])
def test_what_may_differ(shown, printed, exact, expected):
    assert is_as_shown(shown, printed, exact) == expected


def is_question(command: str) -> bool:
    """Whether it can be asked again, until what was sent before is stored, or ready."""
    return re.match(r"(deploy/)?ezrepo (query|periods|events|records|timeline|grid|buckets|why|status|check|sql|ledger|grading check)\b", command) is not None \
        or '"redemption"' in command or "/healthz" in command


class Terminal:
    """A shell that is in a folder of its own and knows the set."""

    mark = "-- that was it, with"

    def __init__(self, one: EzrepoSet, folder: str) -> None:
        self.one = one
        self.folder = folder
        os.symlink(os.path.dirname(EZREPO), os.path.join(folder, "deploy"))
        path = f"{os.path.dirname(EZREPO)}:{os.environ['PATH']}"
        self.shell = subprocess.Popen(["bash"], cwd=folder, env={**one.environment, "PATH": path}, text=True,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.pairs = [("9900", str(one.udp)), ("8890", str(one.https)), ("8891", str(one.registry)),
                      ("8893", str(one.metrics)), ("8894", str(one.page)),
                      ("9901", str(find_free_ports(1)[0]))]
        self.run("set -o pipefail")

    def rewritten(self, command: str) -> str:
        for preset, port in self.pairs:
            command = re.sub(rf"\b{preset}\b", port, command)
        return re.sub(r"/var/lib/ezrepo(-quickstart)?(?=[/ \"']|$)", self.one.state, command, flags=re.M)

    def rewritten_back(self, printed: str) -> str:
        for preset, port in self.pairs:
            printed = re.sub(rf"\b{port}\b", preset, printed)
        return printed.replace(self.one.state, "/var/lib/ezrepo")

    def run(self, command: str, seconds: float = 120) -> Tuple[str, int]:
        """What it prints, as it would with the presets, and its exit code."""
        watch = threading.Timer(seconds, self.shell.kill)
        watch.start()
        self.shell.stdin.write(f"{{ {self.rewritten(command)}\n}} </dev/null\nprintf '\\n{self.mark} %s\\n' $?\n")
        self.shell.stdin.flush()
        printed = ""
        for line in self.shell.stdout:
            if line.startswith(self.mark):
                watch.cancel()
                return self.rewritten_back(printed), int(line.rsplit(" ", 1)[1])
            printed += line
        watch.cancel()
        return f"{printed}\n(the shell ended, or did not within {seconds} s)", -1

    def check(self, command: str, shown: str, exact: bool) -> Optional[str]:
        """What is wrong."""
        end = time.monotonic() + 60
        while True:
            printed, code = self.run(command)
            if code == 0 and (not shown or is_as_shown(shown, printed, exact)):
                return None
            if not is_question(command) or time.monotonic() > end:
                return f"$ {command}\n{printed}\nended with {code}; the page shows\n{shown}"
            time.sleep(0.2)

    def close(self) -> None:
        self.shell.kill()
        self.shell.communicate()


@pytest.fixture(scope="module")
def module_set(build_dir: str) -> Iterator[EzrepoSet]:
    """As a user gets it."""
    with running_set(build_dir, plain=False) as one:
        yield one


@pytest.fixture(name="terminal")
def make_terminal(module_set: EzrepoSet, tmp_path) -> Iterator[Terminal]:
    one = Terminal(module_set, str(tmp_path))
    yield one
    one.close()


def as_the_quickstart_measures(one: EzrepoSet) -> None:
    """A host of the quickstart, good, bad, good again; it takes a minute for that, so it is not run here."""
    start, results = time.time() - 600, []
    for n, mean in enumerate(12 * [9000] + 6 * [900000] + 6 * [9000]):
        results.append(ping("198.51.100.2", time_text(start + n), mean, probe="vm", parameters={
            "source.ip4": "198.51.100.254", "destination.ip4": "198.51.100.2"}))
    one.send(results)


def as_a_host_turns_bad(one: EzrepoSet) -> None:
    """By what it says of its losses it is good."""
    start, results = time.time() - 600, []
    for n, mean in enumerate(12 * [9000] + 3 * [420000]):
        result = ping("192.0.2.7", time_text(start + 30 * n), mean, probe="vm")
        result["results"].append("loss.ratio")
        result["resultvalues"][0].append("0")
        results.append(result)
    one.send(results)


PREPARED: Dict[str, Callable[[EzrepoSet], None]] = {"README.md": as_the_quickstart_measures,
                                                    "docs/operations.md": as_a_host_turns_bad, "docs/sql.md": as_a_host_turns_bad, "docs/gradings.md": as_a_host_turns_bad}


@pytest.mark.parametrize("page", SESSIONS)
def test_sessions(page, terminal):
    PREPARED.get(page, lambda one: None)(terminal.one)
    for block in blocks_of(page):
        for command, shown in steps(block.text) if block.is_session() and not block.listed() else []:
            wrong = terminal.check(command, shown, page in EXACT)
            assert wrong is None, f"{page}:{block.line}: {wrong}\n{terminal.one.log_ends()}"


# ---- configuration, gradings ----

def in_sections(block: Block) -> Dict[str, Any]:
    """The options of a block by section: it names it, or they are the sections that have an option of that name."""
    with open(os.path.join(ROOT, "docs", "configuration.md"), encoding="utf-8") as file:
        known = re.findall(r"^\| `([a-z-]+)\.([a-z_]+)` \|", file.read(), re.M)
    found: Dict[str, Any] = {}
    for name, value in (block.json() or {}).items():
        if name in {section for section, _ in known}:
            found[name] = value
        else:
            sections = [section for section, option in known if option == name]
            assert sections, f"{name} is no option"
            for section in sections:
                found.setdefault(section, {})[name] = value
    return found


@pytest.mark.parametrize("block", SETTINGS, ids=lambda block: f"{block.page}:{block.line}")
def test_settings(block, module_set, build_dir, tmp_path):
    file = tmp_path / "example.json"
    if "grading" in (block.json() or {}):
        file.write_text(block.text)
        module_set.cmd("grading", "check", str(file))
        return
    with open(f"{module_set.state}/ezrepo.json", encoding="utf-8") as written:
        settings, _ = jsonc.parse(written.read(), "ezrepo.json")
    settings["common"]["formats_dir"] = f"{module_set.state}/formats.d"  # which the sessions may have put something into
    for section, options in in_sections(block).items():
        settings[section].update(options)
        text = json.dumps(settings).replace("/var/lib/ezrepo", module_set.state)
        for name in set(re.findall(r"/etc/ezrepo/([a-z.]+)", text)):  # what the reader has made before
            (tmp_path / name).write_text("0123456789abcdef0123456789abcdef\n")
            (tmp_path / name).chmod(0o600)
        file.write_text(text.replace("/etc/ezrepo/", f"{tmp_path}/"))
        shutil.copymode(f"{module_set.state}/ezrepo.json", file)
        done = subprocess.run([os.path.join(build_dir, section, section), "--config", str(file), "--check-config"],
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def blocks_of_grading(*path: str) -> List[Dict[str, Any]]:
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return list(json.load(file)["grading"])


def test_the_first_ezrepos_grading(module_set):
    """docs/original.md: its file is accepted as it is, as it is delivered."""
    module_set.cmd("grading", "check", "--offline", os.path.join(ROOT, "schemas", "grading", "original.json"))


def test_the_default_grading_has_what_formats_bring_along():
    """So `ezrepo grading add-defaults` gives an older store what a new one has."""
    today = [{k: v for k, v in block.items() if k != "comment"} for block in blocks_of_grading("schemas", "grading", "default.json")]
    brought = []
    for name in sorted(glob.glob(os.path.join(ROOT, "schemas", "formats", "*.json"))):
        with open(name, encoding="utf-8") as file:
            brought += [block for kind in json.load(file).get("types", {}).values() for block in kind.get("grading", [])]
    assert len(brought) >= 12 and all(block in today for block in brought)
