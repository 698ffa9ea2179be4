"""Rules of docs and house that a program can check: format, headers that compile alone, units of systemd."""
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import ROOT

FOLDERS = ["common", "ingestd", "socketd", "classifyd", "stored", "queryd", "mplane-gw", "ctl", "deploy", "schemas", "tests"]


def files(*endings, top=FOLDERS):
    found = []
    for start in top:
        for folder, _, names in os.walk(os.path.join(ROOT, start)):
            found += [os.path.relpath(os.path.join(folder, n), ROOT) for n in names if n.endswith(endings)]
    return sorted(found)


def test_format():
    if shutil.which("clang-format") is None:
        pytest.skip("clang-format is not installed")
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", *files(".c", ".h")], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    wrong = sorted({line.split(":")[0] for line in done.stderr.splitlines() if "error:" in line})
    assert done.returncode == 0, "clang-format -i " + " ".join(wrong)


def test_headers_compile_alone():
    flags = subprocess.run(["pkg-config", "--cflags", "libzmq", "libczmq", "msgpack", "yajl", "libpq", "openssl",
                            "libevent", "libcurl", "sqlite3"], capture_output=True, text=True,
                           check=True).stdout.split()

    def compile_alone(name):
        done = subprocess.run(["gcc", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                               '-DVECTORS=""', '-DSOURCE_ROOT=""', "-I.", *flags, "-x", "c", "-"], input=f'#include "{name}"\n#include "{name}"\n',
                              cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stderr if done.returncode else ""

    with ThreadPoolExecutor(2) as pool:
        faults = [f for f in pool.map(compile_alone, files(".h")) if f]
    assert not faults, "\n".join(faults)


def test_no_process_includes_another():
    processes = ["ingestd", "socketd", "classifyd", "stored", "queryd", "mplane-gw", "ctl"]
    for process in processes + ["common"]:
        for name in files(".c", ".h"):
            if not name.startswith(process + "/"):
                continue
            with open(os.path.join(ROOT, name), encoding="utf-8") as file:
                included = re.findall(r'^#include "([^"/]+)/', file.read(), re.M)
            others = set(included) & set(processes) - {process}
            assert not others, f"{name} includes {others}"


def test_no_function_that_writes_past_its_end():
    bad = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets)\s*\(")
    for name in files(".c", ".h"):
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            assert not bad.search(file.read()), name


def test_nothing_left_for_later():
    bad = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    for name in files(".c", ".h", ".py", ".sql", ".md", top=FOLDERS + ["docs"]):
        if name == "tests/e2e/test_source.py":
            continue
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            assert not bad.search(file.read()), name


def unit_files():
    folder = os.path.join(ROOT, "deploy", "systemd")
    return sorted(n for n in os.listdir(folder) if n.endswith((".service", ".socket", ".target")))


def test_systemd_units(build_dir, tmp_path):
    """As systemd reads them, with the paths of this build in place of the installed ones."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    for name in unit_files():
        with open(os.path.join(ROOT, "deploy", "systemd", name), encoding="utf-8") as file:
            text = re.sub(r"/opt/ezrepo/build/", build_dir + "/", file.read())
        (tmp_path / name).write_text(text.replace("User=ezrepo", "User=daemon").replace(
            "Group=ezrepo", "Group=daemon"), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
                           *(str(tmp_path / n) for n in unit_files())],
                          capture_output=True, text=True, check=False)
    ours = [line for line in (done.stderr + done.stdout).splitlines() if "ezrepo" in line]
    assert done.returncode == 0 and not ours, done.stderr


def test_systemd_units_are_hardened():
    for name in unit_files():
        if not name.endswith(".service"):
            continue
        with open(os.path.join(ROOT, "deploy", "systemd", name), encoding="utf-8") as file:
            text = file.read()
        for wanted in ("NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes",
                       "CapabilityBoundingSet=\n", "LimitCORE=0", "Restart=always", "User="):
            assert wanted in text, f"{name}: {wanted}"


def test_store_version_is_that_of_the_newest_migration():
    numbers = sorted(int(n[:4]) for n in os.listdir(os.path.join(ROOT, "schemas", "sql")) if n.endswith(".sql"))
    assert numbers == list(range(1, len(numbers) + 1))
    with open(os.path.join(ROOT, "schemas", "store.h"), encoding="utf-8") as file:
        assert re.findall(r"#define STORE_VERSION (\d+)", file.read()) == [str(numbers[-1])]
