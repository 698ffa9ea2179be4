# SPDX-License-Identifier: Apache-2.0
"""Rules of docs and house that a program can check: format, headers that compile alone, units of systemd."""
import json
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import ROOT
from ezrepo import cluster, units
from ezrepo.state import State

FOLDERS = ["common", "ingestd", "socketd", "classifyd", "stored", "queryd", "mplane-gw", "ingest-gw", "webd", "alertd", "reasond", "ctl", "web", "deploy", "schemas", "tests"]


def files(*endings, top=FOLDERS):
    found = []
    for start in top:
        for folder, _, names in os.walk(os.path.join(ROOT, start)):
            found += [os.path.relpath(os.path.join(folder, n), ROOT) for n in names if n.endswith(endings)]
    return sorted(found)


def test_each_file_tells_its_licence():
    """In the form of SPDX, which tools that collect licences read."""
    scripts = [n for n in files("", top=[*FOLDERS, ".ci"]) if "." not in os.path.basename(n)
               and not n.startswith("tests/fuzz/corpus/")]
    for name in files(".c", ".h", ".py", ".js", ".css", ".sql", ".sh", "meson.build") + scripts + ["meson.build", "meson_options.txt"]:
        with open(os.path.join(ROOT, name), encoding="utf-8", errors="replace") as file:
            first = [file.readline() for _ in range(2)]
        if name not in scripts or first[0].startswith("#!"):
            assert "SPDX-License-Identifier: Apache-2.0" in first[first[0].startswith("#!")], name


def test_sql_in_python_is_about_clusters():
    """What the store holds is queryd's to ask. Roles, databases and servers are the operator's command's: no table of ours."""
    def read(name):
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            return file.read()
    sql = re.compile(r"\b(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|LOCK TABLE|GRANT|COPY)\b")
    scripts = [name for name in files("", top=["deploy"]) if "." not in os.path.basename(name)]
    assert [name for name in files(".py", top=["deploy"]) + scripts if sql.search(read(name))] == \
        ["deploy/lib/ezrepo/cluster.py"]
    ours = {table for name in files(".sql", top=["schemas"]) for table in re.findall(r"CREATE (?:TABLE|VIEW) (\w+)", read(name))}
    named = re.findall(r"\b(?:FROM|JOIN|INTO|UPDATE|TABLE|ON) (?:ezrepo\.)?(\w+)", read("deploy/lib/ezrepo/cluster.py"))
    assert len(ours) > 20 and "pg_roles" in named and not ours & set(named)


def test_format():
    if shutil.which("clang-format") is None:
        pytest.skip("clang-format is not installed")
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", *files(".c", ".h")], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    wrong = sorted({line.split(":")[0] for line in done.stderr.splitlines() if "error:" in line})
    assert done.returncode == 0, "clang-format -i " + " ".join(wrong)


def compiled_alone_by_the_build():
    """Headers that are the first thing a file includes: whoever builds has compiled them with nothing before them."""
    first = set()
    for name in files(".c"):
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            found = re.search(r'^#include (.*)$', file.read(), re.M)
        if found:
            first.add(found[1].strip('"'))
    return first


def test_headers_compile_alone():
    flags = subprocess.run(["pkg-config", "--cflags", "libzmq", "libczmq", "msgpack", "yajl", "libpq", "openssl",
                            "libevent", "libcurl", "sqlite3"], capture_output=True, text=True,
                           check=True).stdout.split()

    def compile_alone(name):
        done = subprocess.run(["gcc", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                               '-DVECTORS=""', '-DSOURCE_ROOT=""', "-I.", *flags, "-x", "c", "-"], input=f'#include "{name}"\n',
                              cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stderr if done.returncode else ""

    headers = set(files(".h"))
    left = sorted(headers - compiled_alone_by_the_build())
    assert 0 < len(left) < len(headers)
    with ThreadPoolExecutor(2) as pool:
        faults = [f for f in pool.map(compile_alone, left) if f]
    assert not faults, "\n".join(faults)


def test_headers_are_guarded():
    for name in files(".h"):
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            lines = [line for line in re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S).splitlines() if line.strip()]
        guard = lines[0].removeprefix("#ifndef ")
        assert lines[0] != guard and lines[1] == f"#define {guard}" and lines[-1].startswith("#endif"), f"{name}: no include guard"


def test_no_process_includes_another():
    processes = ["ingestd", "socketd", "classifyd", "stored", "queryd", "mplane-gw", "ingest-gw", "webd", "alertd", "reasond", "ctl"]
    for process in processes + ["common"]:
        for name in files(".c", ".h"):
            if not name.startswith(process + "/"):
                continue
            with open(os.path.join(ROOT, name), encoding="utf-8") as file:
                included = re.findall(r'^#include "([^"/]+)/', file.read(), re.M)
            others = set(included) & set(processes) - {process}
            assert not others, f"{name} includes {others}"


def twice(places):
    return [f"{name}: {', '.join(sorted(found))}" for name, found in sorted(places.items()) if len(found) > 1]


def test_the_gateway_has_no_circle():
    """Who includes whom, a file and its header taken as one: a part can be read, and tested, without those above."""
    left = {}
    for name in files(".c", ".h", top=["mplane-gw"]):
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            included = re.findall(r'^#include "(mplane-gw/[^"]+)\.h"', file.read(), re.M)
        left.setdefault(name[:-2], set()).update(i for i in included if i != name[:-2])
    while lowest := [unit for unit, below in left.items() if not below & left.keys()]:
        for unit in lowest:
            del left[unit]
    assert not left


def test_the_gateway_is_passed():
    """So that a process can have two: what one knows stands in its structs, not beside its functions."""
    for name in files(".c", top=["mplane-gw"]):
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            text = file.read()
        kept = re.findall(r"^static (?!const)[^()\n]*$", text, re.M)
        assert kept == (["static struct {"] if name == "mplane-gw/main.c" else []), name
        kept = re.findall(r"^(?!static|typedef|extern|struct \w+;)[a-zA-Z][\w ]*[ *]\w+(?: = [^()\n]*)?;$", text, re.M)
        assert not kept, name


def test_modules_have_names_of_their_own():
    """So that a name in a comment, a log or a debugger means one file. X.c and X.h are one; each program has a main.c."""
    places = {}
    for path in (os.path.splitext(name)[0] for name in files(".c", ".h")):
        places.setdefault(os.path.basename(path), set()).add(path)
    assert len(places["main"]) == 11 and len(places) > 200
    del places["main"]
    assert not twice(places), "\n".join(twice(places))


def test_structs_have_names_of_their_own():
    """Also those that only their file knows: who searches for one finds it, and no other."""
    places = {}
    for name in files(".c", ".h"):
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            for found in re.findall(r"^(?:static |const |typedef )*struct (\w+)\s*\{", file.read(), re.M):
                places.setdefault(found, set()).add(name)
    assert len(places) > 300
    assert not twice(places), "\n".join(twice(places))


def test_no_function_that_writes_past_its_end():
    bad = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets)\s*\(")
    for name in files(".c", ".h"):
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            assert not bad.search(file.read()), name


def test_one_layer_talks_to_postgresql():
    """Connections are made, and statements sent, in common/pg/ only."""
    talks = re.compile(r"\bPQ(connect|send|exec|put|get(Result|CopyData)|consume|flush)\w*\(")
    for name in files(".c", ".h"):
        if not name.startswith("common/pg/"):
            with open(os.path.join(ROOT, name), encoding="utf-8") as file:
                assert not talks.search(file.read()), name


def test_hash_tables_do_not_end_the_process():
    """uthash calls exit() where memory is out, unless it is told not to before it is included."""
    for name in files(".c", ".h"):
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            before, found, _ = file.read().partition("#include <uthash.h>")
        assert not found or "#define HASH_NONFATAL_OOM" in before, name


def test_nothing_left_for_later():
    bad = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    for name in files(".c", ".h", ".py", ".sql", ".md", top=FOLDERS + ["docs"]):
        if name == "tests/e2e/test_source.py":
            continue
        with open(os.path.join(ROOT, name), encoding="utf-8") as file:
            assert not bad.search(file.read()), name


@pytest.fixture
def unit_texts(build_dir, tmp_path, monkeypatch):
    """The units as they would be written for a set: name of the file, text."""
    monkeypatch.setenv("EZREPO_BUILD", build_dir)
    (tmp_path / "set.json").write_text(json.dumps({"user": "daemon", "classifyd": 2, "database": "private",
                                                   "manager": "systemd"}))
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    (tmp_path / "postgres" / "data" / "PG_VERSION").write_text(f"{cluster.newest()}\n")
    (tmp_path / "ezrepo.json").write_text(json.dumps({"ingestd": {"listen": ["127.0.0.1:9900", "[::1]:9900"]}}))
    return units.all_units(State(str(tmp_path)))


@pytest.mark.skipif(os.geteuid() != 0, reason="units are made by root")
def test_systemd_units(unit_texts, tmp_path):
    """As systemd reads them."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    for name, text in unit_texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
                           *(str(tmp_path / n) for n in unit_texts)],
                          capture_output=True, text=True, check=False)
    ours = [line for line in (done.stderr + done.stdout).splitlines() if "ezrepo" in line]
    assert done.returncode == 0 and not ours, done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="units are made by root")
def test_systemd_units_are_hardened(unit_texts):
    services = {name: text for name, text in unit_texts.items() if name.endswith(".service")}
    assert len(services) == 6
    for name, text in services.items():
        for wanted in ("NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes",
                       "CapabilityBoundingSet=\n", "LimitCORE=0", "Restart=always", "StartLimitIntervalSec=0", "User="):
            assert wanted in text, f"{name}: {wanted}"
    assert "ListenDatagram=[::1]:9900" in unit_texts["ezrepo-ingestd.socket"]


def test_store_version_is_that_of_the_newest_migration():
    numbers = sorted(int(n[:4]) for n in os.listdir(os.path.join(ROOT, "schemas", "sql")) if n.endswith(".sql"))
    assert numbers == list(range(1, len(numbers) + 1))
    with open(os.path.join(ROOT, "schemas", "store_version.h"), encoding="utf-8") as file:
        assert re.findall(r"#define STORE_VERSION (\d+)", file.read()) == [str(numbers[-1])]
