# SPDX-License-Identifier: Apache-2.0
"""The documentation tells what the programs have: options, counters, files, links."""
import json
import os
import re
import subprocess

import pytest
from conftest import ROOT

PROCESSES = ["ingestd", "socketd", "classifyd", "stored", "queryd", "mplane-gw", "ingest-gw", "webd", "alertd", "reasond"]


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def documents():
    """Those of docs/, and the page of each folder that has one."""
    found = [os.path.join("docs", name) for name in sorted(os.listdir(os.path.join(ROOT, "docs")))]
    pages = [os.path.join(name, "README.md") for name in sorted(os.listdir(ROOT))]
    return ["README.md"] + [name for name in found if name.endswith(".md")] + \
        [name for name in pages if os.path.exists(os.path.join(ROOT, name))]


def options_of(build, process):
    """As the program prints them: SECTION.OPTION TYPE PRESET reloadable|restart HELP, between tabs."""
    text = subprocess.run([os.path.join(build, process, process), "--options"], capture_output=True, text=True,
                          check=True).stdout
    return [line.split("\t") for line in text.splitlines()]


def counters_of(build, process):
    text = subprocess.run([os.path.join(build, process, process), "--counters"], capture_output=True, text=True,
                          check=True).stdout
    return [json.loads(line) for line in text.splitlines()]


def expected_rows(build):
    """The rows that docs/configuration.md should have, in the order of the programs."""
    rows = {}
    for process in PROCESSES:
        for name, kind, preset, when, text in options_of(build, process):
            shown = preset if preset == "required" else f"`{preset}`" if preset else "none"
            rows[name] = f"| `{name}` | {kind} | {shown} | {when} | {text} |"
    return rows


def test_every_option_is_documented(build_dir):
    expected = expected_rows(build_dir)
    documented = dict(re.findall(r"^(?=\| `)(?=\| `([a-z-]+\.[a-z0-9_]+)` \|)(.*)$",
                                 read("docs", "configuration.md"), re.M))
    missing = [row for name, row in expected.items() if documented.get(name) != row]
    too_many = sorted(set(documented) - set(expected))
    assert not missing and not too_many, "docs/configuration.md should have:\n" + "\n".join(missing) + \
        ("\nand should not have: " + ", ".join(too_many) if too_many else "")


@pytest.mark.parametrize("process", PROCESSES)
def test_every_counter_is_documented(build_dir, process):
    """Name, kind, unit and help, in the order of the program."""
    expected = [f"| `{c['name']}` | {c['kind']} | {c['unit']} | {c['help']} |" for c in counters_of(build_dir, process)]
    [section] = re.findall(rf"^## {process}$(.*?)(?=^## |\Z)", read("docs", "counters.md"), re.M | re.S)
    assert re.findall(r"^\| `.*$", section, re.M) == expected, \
        f"docs/counters.md should have of {process}:\n" + "\n".join(expected)


def names_in(cell):
    """`a.b`, `.c` in a table: a.b, a.b.c."""
    found = []
    for name in re.findall(r"`([^`]+)`", cell):
        if not name.startswith("."):
            base = name
        found.append(base + name if name.startswith(".") else name)
    return found


def test_every_format_is_documented():
    """A heading for each that is delivered, in its list a row for each of its metrics, and no others."""
    text = read("docs", "formats.md")
    formats, metrics = {}, set()
    for name in os.listdir(os.path.join(ROOT, "schemas", "formats")):
        formats[name[:-5]] = mapping = json.loads(read("schemas", "formats", name))
        for rule in mapping["records"] + [mapping.get("empty", {"metrics": {}})]:
            metrics |= set(rule["metrics"])
    assert sorted(re.findall(r"^### (.*)$", text, re.M)) == sorted(formats)
    [table] = re.findall(r"^## Metrics$.*?((?:^\|[^\n]*\n)+)", text, re.M | re.S)
    told = [name for row in table.splitlines()[2:] for name in names_in(row.split("|")[1])]
    assert sorted(metrics - set(told)) == [] and sorted(set(told) - metrics) == []
    for name in formats:
        [section] = re.findall(rf"^### {name}$(.*?)(?=^##|\Z)", text, re.M | re.S)
        assert len(section.split()) > 20, name


def test_every_metric_of_a_format_is_an_element():
    """Of the gateway's registry, so that capabilities can name them."""
    known, used = set(), set()
    for name in os.listdir(os.path.join(ROOT, "schemas", "mplane")):
        known |= {element["name"] for element in json.loads(read("schemas", "mplane", name))["elements"]}
    mappings = [json.loads(read("schemas", "formats", name)) for name in os.listdir(os.path.join(ROOT, "schemas", "formats"))]
    for types in [json.loads(read("schemas", "record-types.json"))["types"], *(m.get("types", {}) for m in mappings)]:
        known |= {element["name"] for one in types.values() for element in one.get("elements", [])}
    for mapping in mappings:
        used |= {name for rule in mapping["records"] + [mapping.get("empty", {"metrics": {}})] for name in rule["metrics"]}
    assert sorted(used - known) == []


def test_every_capability_is_documented(build_dir):
    """Label, verb, parameters and columns, in the order of /capabilities."""
    said = json.loads(subprocess.run([os.path.join(build_dir, "ctl", "ezrepoctl"), "capabilities"], capture_output=True,
                                     check=True).stdout)
    dimensions = [dimension["element"] for dimension in said["dimensions"]]

    def shown(names):
        text = " ".join(f"`{name}`" for name in names)
        text = text.replace(" ".join(f"`{name}`" for name in dimensions), "the dimensions,")
        return text.replace("`time` the", "`time`, the")

    expected = [f"| `{c['label']}` | {c['verb']} | {shown(c['parameters'])} | {shown(c['columns'])} |"
                for c in said["capabilities"]]
    text = read("docs", "mplane.md")
    [table] = re.findall(r"^\| label \| verb \|.*\n\|-.*\n((?:\|.*\n)*)", text, re.M)
    assert table.splitlines() == expected, "docs/mplane.md should have:\n" + "\n".join(expected)
    assert f"The dimensions are `{' '.join(dimensions)}`." in text
    assert [name for c in said["capabilities"] for name in c["parameters"] if name not in dimensions
            and f"\n| `{name}` | " not in text] == []


def test_commands_that_ask_are_commands_of_ezrepo(build_dir):
    """As the page of ctl/ has them, and the operator's command passes them on."""
    said = json.loads(subprocess.run([os.path.join(build_dir, "ctl", "ezrepoctl"), "capabilities"], capture_output=True,
                                     check=True).stdout)
    usage = subprocess.run([os.path.join(ROOT, "deploy", "ezrepo"), "--help"], capture_output=True, text=True, check=True).stdout
    for command in said["commands"]:
        assert re.search(rf"^    {command['name']} ", usage, re.M) and f"`{command['name']}" in read("ctl", "README.md"), command


def test_counters_become_metrics(build_dir):
    """What a monitoring system needs: names without dots that differ, kinds and units it knows, a line of help."""
    counters = [c for process in PROCESSES for c in counters_of(build_dir, process)]
    assert len(counters) > 150
    for counter in counters:
        assert list(counter)[:7] == ["name", "kind", "unit", "help", "metric", "labels", "metric_help"]
        assert re.fullmatch(r"[a-z][a-z0-9]*([._][a-z0-9]+)*", counter["name"]), counter
        assert counter["kind"] in ("counter", "gauge", "histogram"), counter
        assert counter["unit"] in ("", "bytes", "milliseconds", "microseconds", "timestamp"), counter
        assert re.fullmatch(r"ezrepo_[a-z0-9_]+", counter["metric"]), counter
        assert counter["metric"].endswith("_total") == (counter["kind"] == "counter"), counter
        assert ("seconds" in counter["metric"]) == (counter["unit"] in ("milliseconds", "microseconds", "timestamp")), counter
        assert re.fullmatch(r"\S[^\n|]{3,}\S", counter["help"]), counter
    for process in PROCESSES:
        samples = [(c["metric"], tuple(c["labels"].items())) for c in counters_of(build_dir, process)]
        assert sorted(set(samples)) == sorted(samples)
    about = {(c["metric"], c["kind"], c["metric_help"]) for c in counters}
    assert len({metric for metric, _, _ in about}) == len(about)  # also where several processes have it


def test_tests_that_are_named_can_be_run(build_dir):
    """`meson test -C BUILD NAME` in the tests' page names a test."""
    named = re.findall(r"meson test -C BUILD (\w+)`", read("tests", "README.md"))
    listed = subprocess.run(["meson", "test", "-C", build_dir, "--no-rebuild", "--list"], capture_output=True, text=True, check=True).stdout
    assert len(named) >= 3 and not set(named) - {line.rpartition(" / ")[2] for line in listed.splitlines()}


@pytest.mark.parametrize("folder", [*PROCESSES, "ctl", "web", "common", "schemas", "tests", "deploy"])
def test_folder_has_a_page(folder):
    text = read(folder, "README.md")
    assert 10 < len(text.splitlines()) < 120


def test_links_lead_somewhere():
    broken = []
    for name in documents():
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", read(name)):
            if not re.match(r"[a-z]+:", target) and not os.path.exists(
                    os.path.join(ROOT, os.path.dirname(name), target)):
                broken.append(f"{name}: {target}")
    assert not broken


def test_glossary_is_true_of_the_tree():
    """A row a noun, in alphabetical order within its section; each file it names is there."""
    for section in read("docs", "glossary.md").split("\n## ")[1:]:
        rows = [line.strip("| ").split(" |") for line in section.splitlines() if line.startswith("| ")][1:]
        nouns = [row[0].lower() for row in rows]
        assert len(nouns) > 5 and nouns == sorted(set(nouns)), section.splitlines()[0]
        for row in rows:
            for name in re.findall(r"`([a-z-]+/[a-zA-Z0-9_./-]+)`", row[1] + row[2]):
                assert os.path.exists(os.path.join(ROOT, name)), f"{row[0]}: {name}"


def test_source_files_that_pages_name_are_there():
    """Of docs/ and of the folders: `ingestd/udp/udp.c`, from the top or from the page's own folder."""
    for page in documents():
        folder = os.path.dirname(page)
        for name in re.findall(r"`((?:[a-z-]+/)+\w+\.[ch])`", read(page)):
            assert os.path.exists(os.path.join(ROOT, name)) or os.path.exists(os.path.join(ROOT, folder, name)), f"{page}: {name}"


def test_readme_names_every_folder():
    folders = [f for f in os.listdir(ROOT) if os.path.isdir(os.path.join(ROOT, f))
               and not f.startswith((".", "_", "build", "state"))]
    assert len(folders) > 8
    text = read("README.md")
    assert [f for f in folders if f"`{f}/`" not in text] == []


def test_packages_file():
    lines = [line for line in read("deploy", "packages").splitlines() if line and not line.startswith("#")]
    for line in lines:
        assert re.fullmatch(r"(build|run|test) +[a-z0-9.+-]+ +# \S.*", line), line
    names = [line.split()[1] for line in lines]
    assert len(names) == len(set(names))


def test_commands_in_the_operations_page_exist():
    """Each `ezrepo COMMAND` that a page tells about is one."""
    usage = subprocess.run([os.path.join(ROOT, "deploy", "ezrepo"), "--help"], capture_output=True, text=True,
                           check=True).stdout
    known = set(re.findall(r"^    ([a-z-]+)(?: |$)", usage, re.M))
    told = [(name, command) for name in documents() for command in
            re.findall(r"^(?:sudo )?(?:deploy/)?ezrepo (?:--state \S+ )?([a-z-]+)", read(name), re.M)]
    assert len(told) > 10
    assert [(name, command) for name, command in told if command not in known] == []


def test_conformance_names_tests_that_exist():
    """Each row of a table in docs/conformance.md names at least one test, and every test it names is there."""
    named = 0
    for line in read("docs", "conformance.md").splitlines():
        tests = re.findall(r"`(test_\w+\.(?:py|c))::(test_\w+)`", line)
        if line.startswith("| ") and not re.match(r"\| *\|? *(programs|rule|the specification)\b", line):
            assert tests, f"no test in: {line}"
        for file, test in tests:
            folders = ["e2e"] if file.endswith(".py") else ["golden", "unit"]
            texts = [read("tests", f, file) for f in folders if os.path.exists(os.path.join(ROOT, "tests", f, file))]
            pattern = rf"^(def|static void) {test}\("
            assert any(re.search(pattern, text, re.M) for text in texts), f"{file} has no {test}"
            named += 1
    assert named > 100
