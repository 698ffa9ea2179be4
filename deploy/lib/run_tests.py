# SPDX-License-Identifier: Apache-2.0
"""Builds and runs the tests, and adds up what passed. Started by deploy/run-tests."""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from typing import Dict, List

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
SANITIZED = ["-Db_sanitize=address,undefined", "-Db_lundef=false"]
BUILDS = {
    "build-gcc": ("gcc", ["-Dwerror=true"]),
    "build-asan": ("clang", ["-Dwerror=true", *SANITIZED]),
}
TEST_SECONDS = 600  # an end-to-end test at most; the longest take a minute on a machine that does nothing else
FUZZ_BUILD = ("clang", ["-Dfuzz=true", "-Dc_args=-fsanitize=fuzzer-no-link", *SANITIZED])
ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
}


@dataclass
class Sum:
    """What happened so far."""

    passed: int = 0
    failures: List[str] = field(default_factory=list)
    skipped: List[str] = field(default_factory=list)


def say(text: str) -> None:
    print(text, flush=True)


def run(command: List[str], **options: object) -> int:
    return subprocess.run(command, cwd=ROOT, check=False, **options).returncode  # type: ignore[call-overload]


def environment() -> Dict[str, str]:
    symbolizer = shutil.which("llvm-symbolizer-14") or shutil.which("llvm-symbolizer") or ""
    return {**os.environ, **ENVIRONMENT, **({"ASAN_SYMBOLIZER_PATH": symbolizer} if symbolizer else {})}


def build(name: str, compiler: str, options: List[str]) -> bool:
    """Sets the folder up when it is not yet, and builds; its output only when it fails."""
    begin = time.monotonic()
    commands = [["ninja", "-C", name]]
    if not os.path.exists(os.path.join(ROOT, name, "build.ninja")):
        commands.insert(0, ["meson", "setup", name, *options])
    for command in commands:
        done = subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env={**os.environ, "CC": compiler})
        if done.returncode != 0:
            say("\n".join(done.stdout.decode("utf-8", "replace").splitlines()[-60:]))
            return False
    say(f"built {name} with {compiler} in {time.monotonic() - begin:.0f} s")
    return True


def run_meson(name: str, match: str, total: Sum) -> None:
    """The unit, golden and corpus tests of one build, counted one by one from meson's own log."""
    # Meson's bounds, half a minute for most tests, are for a machine that does nothing else.
    command = ["meson", "test", "-C", name, "--no-rebuild", "--print-errorlogs", "--quiet", "--timeout-multiplier", "10"]
    if match:
        listed = subprocess.run(["meson", "test", "-C", name, "--list"], cwd=ROOT, check=True,
                                capture_output=True, text=True).stdout.splitlines()
        chosen = [line.split("/")[-1].strip() for line in listed if match in line.split("/")[-1]]
        if not chosen:
            return
        command += chosen
    log = os.path.join(ROOT, name, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.unlink(log)
    code = run(command, env=environment())
    results = []
    if os.path.exists(log):
        with open(log, encoding="utf-8") as file:
            results = [json.loads(line) for line in file]
    for result in results:
        title = f"{name}: {result['name']}"
        if result["result"] in ("OK", "EXPECTEDFAIL"):
            total.passed += 1
        elif result["result"] == "SKIP":
            reason = (result.get("stdout") or result.get("stderr") or "").strip().splitlines()
            total.skipped.append(f"{title}: {reason[-1] if reason else 'no reason given'}")
        else:
            total.failures.append(f"{title}: {result['result']}")
    if code != 0 and not any(f.startswith(name + ":") for f in total.failures):
        total.failures.append(f"{name}: meson test ended with {code}")


def compile_commands() -> None:
    """`ezrepo` leaves nothing in the tree it is run from, so it would be compiled anew by each of the thousand commands."""
    run([sys.executable, "-m", "compileall", "-q", os.path.join("deploy", "lib")])


def run_pytest(build_name: str, match: str, jobs: int, total: Sum) -> None:
    """The end-to-end tests, against the programs of one build."""
    compile_commands()
    report = os.path.join(ROOT, build_name, "e2e.xml")
    if os.path.exists(report):
        os.unlink(report)
    # A test that hangs fails, and it is told where. It may hang where no signal helps, so its process goes with it, and
    # what that would have run besides.
    command = ["/usr/bin/python3", "-m", "pytest", "-q", "-ra", "-n", str(jobs), "--dist", "loadfile",
               f"--timeout={TEST_SECONDS}", "--timeout-method=thread", "--max-worker-restart=0",
               "-p", "no:cacheprovider", f"--junitxml={report}", "tests/e2e"]
    code = run(command + (["-k", match] if match else []),
               env={**environment(), "EZREPO_BUILD": os.path.join(ROOT, build_name)})
    if not os.path.exists(report):
        total.failures.append(f"e2e: pytest ended with {code} and left no report")
        return
    for case in ElementTree.parse(report).iter("testcase"):
        title = f"{case.get('classname', '')}.{case.get('name', '')}"
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            total.failures.append(title)
        elif skip is not None:
            total.skipped.append(f"{title}: {skip.get('message')}")
        else:
            total.passed += 1
    if code not in (0, 1, 5):
        total.failures.append(f"e2e: pytest ended with {code}")


def run_fuzzers(seconds: int, match: str, total: Sum) -> None:
    """Each fuzz target for so long, starting from its corpus, which it does not change; two at a time."""
    if not build("build-fuzz", *FUZZ_BUILD):
        total.failures.append("build-fuzz")
        return
    folder = os.path.join(ROOT, "build-fuzz", "tests", "fuzz")
    targets = sorted(n for n in os.listdir(folder)
                     if n.startswith("fuzz_") and match in n and os.access(os.path.join(folder, n), os.X_OK)
                     and os.path.isfile(os.path.join(folder, n)))
    running: List[tuple] = []
    for name in targets + [None] * 2:
        if len(running) == 2 or (name is None and running):
            _finish_fuzzer(*running.pop(0), total)
        if name is not None:
            running.append((name, _start_fuzzer(folder, name, seconds)))


def _start_fuzzer(folder: str, name: str, seconds: int) -> subprocess.Popen:
    work = os.path.join(folder, "work", name)
    os.makedirs(work, exist_ok=True)
    corpus = os.path.join(ROOT, "tests", "fuzz", "corpus", name[len("fuzz_"):])
    with open(os.path.join(work + ".log"), "wb") as log:
        return subprocess.Popen([os.path.join(folder, name), f"-max_total_time={seconds}", "-timeout=60",
                                 "-rss_limit_mb=2048", f"-artifact_prefix={work}.", work, corpus],
                                stdout=log, stderr=subprocess.STDOUT, env=environment(), cwd=folder)


def _finish_fuzzer(name: str, process: subprocess.Popen, total: Sum) -> None:
    code = process.wait()
    log = os.path.join(ROOT, "build-fuzz", "tests", "fuzz", "work", name + ".log")
    with open(log, encoding="utf-8", errors="replace") as file:
        lines = file.read().splitlines()
    if code == 0:
        total.passed += 1
        say(f"{name}: {lines[-1] if lines else 'done'}")
    else:
        total.failures.append(f"{name}: see {os.path.relpath(log, ROOT)}")
        say("\n".join(lines[-40:]))


def parse(arguments: List[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run-tests", description="Builds and runs EZRepo's tests.",
        epilog='The last line is "N passed, N failed, N skipped"; the exit code is 1 when any failed.')
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--all", action="store_true", help="unit and end-to-end tests (preset)")
    what.add_argument("--unit", action="store_true", help="unit, golden and corpus tests of both builds")
    what.add_argument("--e2e", action="store_true",
                      help="end-to-end tests, with the sanitized build or the one EZREPO_BUILD names")
    what.add_argument("--fuzz", type=int, metavar="SECONDS", help="each fuzz target for so long")
    parser.add_argument("-k", dest="match", default="", metavar="EXPR",
                        help="only tests whose name matches (pytest's -k; a part of other tests' names)")
    parser.add_argument("-n", dest="jobs", type=int, default=3 * (os.cpu_count() or 1), metavar="N",
                        help="so many end-to-end tests at a time (three a core: most of their time they wait)")
    return parser.parse_args(arguments)


def run_unit_and_e2e(args: argparse.Namespace, total: Sum) -> None:
    e2e_build = os.path.basename(os.path.abspath(os.environ.get("EZREPO_BUILD") or "build-asan"))
    wanted = [e2e_build] if args.e2e else list(BUILDS)
    good = []
    for name in wanted:
        if name not in BUILDS:
            good.append(name)  # somebody's own, built by them
        elif build(name, *BUILDS[name]):
            good.append(name)
        else:
            total.failures.append(f"{name}: it does not build")
    if not args.e2e:
        for name in good:
            say(f"\n== unit, golden and corpus tests: {name}")
            run_meson(name, args.match, total)
    if not args.unit and e2e_build in good:
        say(f"\n== end-to-end tests: {e2e_build}")
        run_pytest(e2e_build, args.match, args.jobs, total)


def main(arguments: List[str]) -> int:
    args = parse(arguments)
    begin = time.monotonic()
    total = Sum()
    if args.fuzz is not None:
        run_fuzzers(args.fuzz, args.match, total)
    else:
        run_unit_and_e2e(args, total)
    say(f"\nafter {time.monotonic() - begin:.0f} s")
    for line in total.skipped:
        say(f"skipped: {line}")
    for line in total.failures:
        say(f"FAILED: {line}")
    if not total.passed and not total.failures:
        total.failures.append("nothing ran")
        say("FAILED: nothing ran")
    say(f"{total.passed} passed, {len(total.failures)} failed, {len(total.skipped)} skipped")
    return 1 if total.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
