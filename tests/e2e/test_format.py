# SPDX-License-Identifier: Apache-2.0
"""`ezrepoctl format` and `ezrepo format`: which formats there are, whether a mapping is good, what one makes of a file."""
import json
import os
import subprocess
import time

import pytest
from conftest import EZREPO, ROOT, running_set, stopped_set, time_text

VECTORS = os.path.join(ROOT, "tests", "golden", "formats")

MAPPING = {
    "comment": "what a probe of our own writes",
    "input": {"decoder": "json"},
    "ignore": [{"eq": ["$.kind", "hello"]}],
    "records": [{"when": {"has": "$.host"}, "type": "ping", "content": "ICMPECHO", "probe": "#site", "source": "#sender",
                 "dest": "$.host", "start": {"first": [{"epoch": "$.at"}, {"time": "#received"}]},
                 "metrics": {"delay.twoway.icmp.us.mean": {"path": "$.ms", "unit": ["ms", "us"]},
                             "delay.twoway.icmp.us.max": {"path": "$.ms", "unit": ["ms", "us"]}, "name": "#file"}}]}


@pytest.fixture(name="ctl")
def make_ctl(build_dir):
    """Runs it; returns exit code, standard output and error."""
    def run(*arguments, text="", code=0):
        done = subprocess.run([os.path.join(build_dir, "ctl", "ezrepoctl"), "format", *arguments], input=text.encode(),
                              capture_output=True, check=False, timeout=120)
        assert done.returncode == code, (arguments, done)
        return done.stdout.decode(), done.stderr.decode()
    return run


@pytest.fixture(name="mapping")
def write_mapping(tmp_path):
    file = tmp_path / "own.json"
    file.write_text(json.dumps(MAPPING))
    return str(file)


def blocks(printed):
    """The records of a trial, each as what its lines say, and the lines behind them."""
    found, behind = [], []
    for line in printed.splitlines():
        if line.startswith("-- record "):
            found.append({"": line})
        elif found and not behind and "  " in line and not line.startswith("  ") and ": " not in line:
            name, _, value = line.partition("  ")
            found[-1][name] = value.strip()
        else:
            behind.append(line)
    return found, behind


# ---- what the doors take ----

def test_what_a_door_would_refuse(ctl, mapping, tmp_path):
    """What is too much at once: told with the limit that is in force; a fault where it can only come at once."""
    one = '{"host": "192.0.2.1", "at": 1, "ms": 5}\n'
    file = tmp_path / "many"
    file.write_text(one * 2000)
    assert "at once" not in ctl("try", mapping, str(file))[0]
    told = ctl("try", mapping, "--limit", "body_bytes=70000", str(file))[0]
    assert f"{file}: expected at most 70000 bytes at once (ingestd.body_bytes), found {len(one) * 2000}; ezrepo send and" in told
    told = ctl("try", mapping, "--datagram", "--limit", "max_rows=1999", str(file), code=1)[0]
    assert f"at most 65507 bytes at once (what a datagram can hold), found {len(one) * 2000}\n" in told
    assert "at most 1999 records at once (ingestd.max_rows), found 2000\n" in told and ", 2 faults\n" in told
    file.write_text('{"host": "' + "x" * 100 + '", "at": 1, "ms": 5}')
    assert ", 1 record, 0 faults\n" in ctl("try", mapping, str(file))[0]
    assert ", 0 records, 1 fault\n" in ctl("try", mapping, "--limit", "max_string_bytes=99", str(file), code=1)[0]
    for wrong in ("body_bytes", "body_bytes=x", "nonsense=5", "body_bytes=0"):
        assert f'found "{wrong}"' in ctl("try", mapping, "--limit", wrong, str(file), code=2)[1]


# ---- list, show, check ----

def test_list_and_show(ctl, tmp_path):
    own = tmp_path / "formats.d"
    own.mkdir()
    (own / "dig.json").write_text(json.dumps({**MAPPING, "comment": "mine goes before"}))
    (own / "our-own.json").write_text("/* words */\n" + json.dumps(MAPPING))
    delivered = [line.split()[0] for line in ctl("list")[0].splitlines()[1:]]
    assert delivered == sorted(name[:-5] for name in os.listdir(os.path.join(ROOT, "schemas", "formats")))
    lines = ctl("list", "--own", str(own))[0].splitlines()
    assert lines[0].split() == ["format", "of", "input", "record", "types", "comment"]
    rows = {line.split()[0]: line.split(None, 4)[1:] for line in lines[1:]}
    assert sorted(rows) == sorted({*delivered, "our-own"})
    assert rows["dig"] == ["you", "json", "ping", "mine goes before"]
    assert rows["our-own"] == ["you", "json", "ping", "what a probe of our own writes"]
    shown = ctl("show", "our-own", "--own", str(own))
    assert shown[0] == (own / "our-own.json").read_text() + "\n"
    assert shown[1].startswith("type ping: ") and shown[1].endswith(" elements, 0 grading blocks\n")
    with open(os.path.join(ROOT, "schemas", "formats", "dig.json"), encoding="utf-8") as file:
        assert json.loads(ctl("show", "dig")[0]) == json.load(file)
    assert 'there is no format "nonsense"' in ctl("show", "nonsense", code=1)[1]


def test_a_folder_at_fault(ctl, tmp_path):
    """All its faults, and nothing is listed."""
    (tmp_path / "a.json").write_text('{"input": {"decoder": "json"}, "records": 7}')
    (tmp_path / "b.json").write_text("{")
    (tmp_path / "C.json").write_text(json.dumps(MAPPING))
    out, err = ctl("list", "--own", str(tmp_path), code=1)
    assert out == ""
    for text in ("a.json: records: expected", "b.json: ends too early", "C.json: expected a name of 1 to 64 of a-z"):
        assert f"{tmp_path}/{text}" in err
    assert "expected the folder of your own formats" in ctl("list", "--own", str(tmp_path / "absent"), code=1)[1]


def test_check(ctl, mapping, tmp_path):
    assert ctl("check", mapping)[0].splitlines() == [
        f"{mapping}: good", "  reads: json", "  rules: 1, with 10 paths", "  makes records of the types: ping",
        "  asks of a delivery: site, sender, received, file"]
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps({**MAPPING, "records": [{**MAPPING["records"][0], "colour": "red", "metrics": {
        "rtt.ms": {"path": "$.a", "unit": ["ms", "us"]}, "x": {"path": "a"}}}]}))
    _, err = ctl("check", str(bad), code=1)
    assert f"{bad}: records[0].colour: unknown, expected one of" in err
    assert f"{bad}: records[0].metrics.x.path: " in err
    assert "No such file" in ctl("check", str(tmp_path / "absent.json"), code=1)[1]


def test_paths_in_constants_are_doubtful(ctl, tmp_path):
    """A path that is written where nobody follows it is told with its place; it is no fault, and `const` says that it is meant."""
    file = tmp_path / "own.json"
    rule = {**MAPPING["records"][0], "content": "{$.kind}", "source": {"const": "{$.kind}"}, "path": {"text": "{$.a}-{$.b}"},
            "dest": {"path": "$.host", "prefix": "{#site}/", "map": {"x": "$.y", "mail": "me@example.org", "z": 7}},
            "metrics": {"hop.{$.n}.us": "$.us", "as.path": {"join": "$.as[*]", "each": "AS{@}"}}}
    file.write_text(json.dumps({**MAPPING, "records": [rule]}))
    lines = [line for line in ctl("check", str(file))[0].splitlines() if "doubtful" in line]
    assert [line.split(" stays as it is written: ")[0] for line in lines] == [
        '  doubtful: records[0].content: "{$.kind}"', '  doubtful: records[0].dest.prefix: "{#site}/"',
        '  doubtful: records[0].dest.map.x: "$.y"', '  doubtful: records[0].metrics.hop.{$.n}.us: "hop.{$.n}.us"']
    for name in sorted(os.listdir(os.path.join(ROOT, "schemas", "formats"))):
        assert "doubtful" not in ctl("check", os.path.join(ROOT, "schemas", "formats", name))[0], name


# ---- try ----

def test_try(ctl, mapping, tmp_path):
    """Records, faults with their places, what found nothing, a summary."""
    sample = tmp_path / "day.jsonl"
    sample.write_text('{"host": "2001:DB8::1", "ms": 12.5, "at": 1764336611}\n{"kind": "hello"}\n{"ms": 1}\n'
                      '{"host": "a\\u0007b", "ms": 2000}\n{"host": [1], "at": 1}\n{"host": "c", "ms": 900\n')
    out, err = ctl("try", mapping, str(sample), "--context", "site=north", "--received", "2026-11-28T13:30:00Z", code=1)
    assert err == ""
    records, behind = blocks(out)
    assert records == [
        {"": "-- record 1, of document 1 in line 1", "type": "ping", "content": "ICMPECHO", "probe": "north",
         "source": "127.0.0.1", "dest": "2001:db8::1", "start": "2025-11-28 13:30:11.000000",
         "delay.twoway.icmp.us.mean": "12500",
         "delay.twoway.icmp.us.max": "12500", "name": "day.jsonl", "(grade)": "overall 5"},
        {"": "-- record 2, of document 4 in line 4", "type": "ping", "content": "ICMPECHO", "probe": "north",
         "source": "127.0.0.1", "dest": "a\\x07b", "start": "2026-11-28 13:30:00.000000",
         "delay.twoway.icmp.us.mean": "2000000", "delay.twoway.icmp.us.max": "2000000", "name": "day.jsonl", "(grade)": "overall 1"}]
    at = f"{sample}: line "
    assert behind[0].startswith(f"{at}3, document 3: expected a document that one of the mapping's rules takes")
    assert behind[1].startswith(f"{at}5, document 5: ") and behind[1].endswith("(by records[0].dest of the mapping)")
    assert behind[2].startswith(f"{at}6, document 6: ")
    assert behind[-2:] == [
        f"{sample} by {mapping}: 6 documents, 1 of them ignored, 2 records, 3 faults",
        f"graded by {ROOT}/schemas/grading/default.json; what the store of a set grades by tells `ezrepo grading get`"]


def test_paths_that_found_nothing(ctl, tmp_path):
    file = tmp_path / "own.json"
    first = {**MAPPING["records"][0], "metrics": {"a": "$.a", "b": "$.b"}}
    second = {**MAPPING["records"][0], "when": {"eq": ["$.kind", "second"]}, "metrics": {"c": "$.c"}}
    file.write_text(json.dumps({**MAPPING, "records": [first, second]}))
    _, behind = blocks(ctl("try", str(file), "--context", "site=x", "-", text='{"host": "h", "a": 1, "kind": "k", "at": 1}')[0])
    assert behind[:2] == ["Paths that found nothing:", "  $.b  in records[0].metrics.b"]
    at = behind.index("Paths that were not looked for:")
    assert "  $.c  in records[1].metrics.c" in behind[at:] and "  $.a  in records[0].metrics.a" not in behind
    assert behind[-2] == f"standard input by {file}: 1 document, 1 record, 0 faults"


def test_values_that_no_metric_can_take(ctl, tmp_path):
    """Where something stands and is no number: which path, which value, in which record. No fault, and the records stay."""
    file, sample = tmp_path / "own.json", tmp_path / "sample.json"
    us = {"unit": ["ms", "us"]}
    rule = {**MAPPING["records"][0], "when": {"has": "$.c"}, "each": "$.c[*]", "dest": "@.h", "let": {"twice": {"path": "@.n", "times": 2}}, "metrics": {
        "delay.twoway.icmp.us.mean": {"path": "@.ms", **us}, "delay.twoway.icmp.us.max": "@.top", "lost": {"sub": ["@.n", "@.m"]},
        "rtt.us.mean": {"agg": "mean", "of": "@.all[*]"}, "rtt.us.min": {"path": ["@.p", "@.q"], "duration": True, "times": 1000000},
        "rtt.us.max": {"path": "@.len", "unit": ["@.in", "us"], "units": {"seconds": "s"}}, "known": {"path": "@.ms", "number": True},
        "else": {"path": "@.ms", **us, "default": 0}, "word": "@.top", "void": {"path": "@.ms", "null": ["fast"], **us},
        "double": "%twice"}}
    file.write_text(json.dumps({**MAPPING, "records": [rule]}))
    good = {"h": "a", "ms": 1, "top": 9, "n": 5, "m": 4, "all": [1, "*", 3], "p": "PT1S", "len": 2, "in": "seconds"}
    bad = {"h": "b", "ms": "fast", "top": "9ms", "n": 5, "m": "four", "all": ["*"], "q": "1s", "len": 2, "in": "furlongs"}
    text = json.dumps({"at": 1, "c": [good, bad]}) + json.dumps({"at": 2, "c": [{**bad, "h": ["none"]}, {**good, "ms": "slow", "n": "x"}]})
    sample.write_text(text)
    out, _ = ctl("try", str(file), "--context", "site=x", str(sample), code=1)
    records, _ = blocks(out)
    assert [len(record) for record in records] == [19, 12, 14] and records[1]["delay.twoway.icmp.us.max"] == "9ms"
    lines = out.splitlines()
    at = lines.index("Values that are none for a metric, which is left out or stays a text:")
    metrics = "records[0].metrics."
    assert lines[at + 1:at + 9] == [
        f'  @.ms  in {metrics}delay.twoway.icmp.us.mean: expected a number, found "fast", in record 2, and the like in 1 more',
        f'  @.top  in {metrics}delay.twoway.icmp.us.max: expected a number, since its name tells a unit, found "9ms", in record 2',
        f'  @.m  in {metrics}lost.sub[1]: expected a number, found "four", in record 2',
        f'  @.all[*]  in {metrics}rtt.us.mean: expected a number, found "*", in record 2',
        f'  @.p or @.q  in {metrics}rtt.us.min: expected a duration as ISO 8601 writes it, found "1s", in record 2',
        f'  @.in  in {metrics}rtt.us.max.unit[0]: expected a unit that "units" has, found "furlongs", in record 2',
        '  @.n  in records[0].let.twice: expected a number, found "x", in record 3',
        f'  @.n  in {metrics}lost.sub[0]: expected a number, found "x", in record 3']
    assert f'  @.ms  in {metrics}void: expected a number, found "slow", in record 3' in lines
    assert lines[-2] == f"{sample} by {file}: 2 documents, 3 records, 1 fault"
    out, err = ctl("try", str(file), "--output", "json", str(sample), code=1)
    assert len(json.loads(out)) == 3 and "Values that are none" in err


@pytest.mark.parametrize("folder", ["dig-text", "iperf3-tcp", "blackbox-icmp", "telegraf-influx", "mtr"])
def test_json_is_that_of_the_vectors(ctl, folder):
    """Of each decoder but lines."""
    path = os.path.join(VECTORS, folder)
    sample, = [name for name in os.listdir(path) if name.startswith("sample.")]
    context = {}
    if os.path.exists(os.path.join(path, "context.json")):
        with open(os.path.join(path, "context.json"), encoding="utf-8") as file:
            context = json.load(file)
    arguments = ["--received", context.get("received", "2026-11-28")]
    for name, value in context.items():
        arguments += ["--context", f"{name}={value}"]
    out, _ = ctl("try", "--output", "json", *arguments, os.path.join(path, "mapping.json"), os.path.join(path, sample))
    with open(os.path.join(path, "expected.json"), encoding="utf-8") as file:
        assert json.loads(out) == json.load(file)


def test_json_has_records_alone(ctl, mapping):
    """What else there is to say is on standard error."""
    out, err = ctl("try", mapping, "--output", "json", "--context", "site=x", text='{"host": "h", "at": 1}\n{"a": 1}\n', code=1)
    assert [record["dest"] for record in json.loads(out)] == ["h"]
    assert "standard input: line 2, document 2: expected a document" in err and "1 record, 1 fault\n" in err
    assert ctl("try", mapping, "--output", "json", text="{}", code=1)[0] == "[]\n"


def test_received_is_when_the_file_was_changed(ctl, mapping, tmp_path):
    sample = tmp_path / "sample.json"
    sample.write_text('{"host": "h", "ms": 1}')
    os.utime(sample, ns=(0, 1764336611123456789))
    out, _ = ctl("try", mapping, "--output", "json", str(sample))
    assert json.loads(out)[0]["t_start"] == "2025-11-28 13:30:11.123456"


def test_nothing_is_no_record(ctl, mapping):
    """Most tools leave standard output empty when they could not measure: that is not passed over."""
    for text in ("", "\n \n"):
        out, _ = ctl("try", mapping, text=text, code=1)
        assert out.startswith("standard input is empty, and the mapping does not say what that means") and len(out.splitlines()) == 1


def test_what_no_block_begins_in_is_not_empty(ctl, tmp_path):
    (tmp_path / "blocks.json").write_text(json.dumps({**MAPPING, "input": {"decoder": "blocks", "begin": "host {host}", "lines": []}}))
    out, _ = ctl("try", str(tmp_path / "blocks.json"), text="; something else\n", code=1)
    assert "\nstandard input has bytes, and no document in them" in out and "is empty" not in out


SILENT = {"curl": ("http", "h.example"), "dig": ("dns", ""), "fping-json": ("ping", "ICMPECHO"), "fping-text": ("ping", "ICMPECHO"),
          "httping": ("http", "h.example"), "iputils": ("ping", "ICMPECHO"), "irtt": ("irtt", "UDP"), "kdig": ("dns", ""),
          "librespeed": ("speedtest", "librespeed"), "mtr": ("mtr", ""), "ndt7-client": ("speedtest", "ndt7"),
          "networkquality": ("speedtest", "networkQuality"), "ookla": ("speedtest", "ookla"),
          "speedtest-cli": ("speedtest", "speedtest-cli"), "traceroute": ("traceroute", ""), "traceroute-text": ("traceroute", ""), "trippy": ("mtr", "trippy")}


def delivered_with(member):
    folder = os.path.join(ROOT, "schemas", "formats")
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            if member in json.load(file):
                yield name[:-5]


def test_tools_that_say_nothing(ctl):
    """Of a failed measurement they are: a record, of what was to be measured."""
    assert sorted(delivered_with("empty")) == sorted(SILENT)
    for name, (kind, content) in SILENT.items():
        out, _ = ctl("try", "--output", "json", "--received", "2026-11-28 13:30", "--context", "target=h.example", name)
        assert json.loads(out) == [{"type": kind, "content": content, "probe": "127.0.0.1", "source": "", "dest": "h.example", "path": "",
                                    "t_start": "2026-11-28 13:30:00.000000", "t_end": "2026-11-28 13:30:00.000000", "hops": [],
                                    "metrics": {"success": "0"}}], name
    out, _ = ctl("try", "dig", code=1)  # of what, nobody knows
    assert "standard input: line 1, document 1: expected a document that one of the mapping's rules takes" in out


def test_graded_by_another_document(ctl, mapping, tmp_path):
    grading = tmp_path / "grading.json"
    grading.write_text(json.dumps({"grading": [
        {"gradeName": "mine", "appliesTo": {"recordType": "ping"}, "gradingRules": [
            {"grade": 3, "if": [{"metric": "delay.twoway.icmp.us.mean", "rel": "<", "limit": 2000}]}]},
        {"gradeName": "other", "appliesTo": {"recordType": "http"}, "gradingRules": []}]}))
    out, _ = ctl("try", mapping, "--grading", str(grading), text='{"host": "h", "ms": 1} {"host": "h", "ms": 2}')
    assert [record["(grade)"] for record in blocks(out)[0]] == ["mine 3", "mine ungraded"]
    assert out.endswith(f"graded by {grading}\n")
    grading.write_text('{"grading": 7}')
    assert "grading.json: grading: expected" in ctl("try", mapping, "--grading", str(grading), text="{}", code=1)[1]


@pytest.mark.parametrize("arguments, says", [
    ([], 'expected list, show, check or try, found ""'),
    (["nonsense"], 'found "nonsense"'),
    (["try"], "expected FORMAT [FILE], found 0 arguments"),
    (["list", "x"], "expected no argument"),
    (["check"], "expected FILE"),
    (["try", "dig", "--output", "xml"], '--output: expected text or json, found "xml"'),
    (["try", "dig", "--received", "noon"], '--received: expected a time, found "noon"'),
    (["try", "dig", "--context", "=x"], '--context: expected NAME=VALUE, found "=x"'),
    (["try", "dig", *(65 * ["--context", "a=b"])], "--context: expected at most 64 of them")])
def test_wrong_usage(ctl, arguments, says):
    assert says in ctl(*arguments, code=2)[1]


def test_what_cannot_be_tried(ctl, mapping, tmp_path):
    assert 'there is no format "nonsense"' in ctl("try", "nonsense", code=1)[1]
    assert "absent: No such file" in ctl("try", mapping, str(tmp_path / "absent"), code=1)[1]
    assert "cannot be read" in ctl("try", mapping, str(tmp_path), code=1)[1]
    many = [argument for i in range(64) for argument in ("--context", f"n{i}=x")]
    assert "expected at most 64 names" in ctl("try", mapping, *many, code=1)[1]


# ---- ezrepo ----

@pytest.fixture(name="one", scope="module")
def make_set(build_dir):
    with stopped_set(build_dir, plain=False) as one:
        yield one


def ezrepo(state, build_dir, *arguments, text=""):
    return subprocess.run([EZREPO, "--state", str(state), "format", *arguments], input=text, capture_output=True, text=True,
                          check=False, timeout=120, env={**os.environ, "EZREPO_BUILD": build_dir})


def test_without_a_set(tmp_path, build_dir, mapping):
    done = ezrepo(tmp_path / "none", build_dir, "list")
    assert done.returncode == 0 and "\ndig " in done.stdout
    done = ezrepo(tmp_path / "none", build_dir, "try", mapping, text='{"host": "h", "at": 1}')
    assert done.returncode == 0 and "graded by " in done.stdout


def test_with_a_set_that_does_not_run(one, build_dir, mapping, tmp_path):
    """Its own formats, its own record types and grading."""
    folder = os.path.join(one.state, "formats.d")
    assert os.listdir(folder) == ["README"]
    own = os.path.join(folder, "our-own.json")
    grading = tmp_path / "grading.json"
    grading.write_text(json.dumps({"grading": [{"gradeName": "mine", "appliesTo": {}, "gradingRules": []}]}))
    try:
        with open(own, "w", encoding="utf-8") as file:
            json.dump(MAPPING, file)
        done = ezrepo(one.state, build_dir, "list")
        assert done.returncode == 0 and "\nour-own " in done.stdout
        done = ezrepo(one.state, build_dir, "try", "our-own", text='{"host": "h", "at": 1}')
        assert done.returncode == 0 and done.stdout.endswith(
            f"graded by {one.state}/schemas/grading/default.json, since the set does not tell the grading in force\n"), done
        assert "GetGrading" in done.stderr or "connect" in done.stderr
        done = ezrepo(one.state, build_dir, "try", "our-own", "--output", "json", text='{"host": "h", "at": 1}')
        assert done.returncode == 0 and "connect" not in done.stderr
        one.configure(stored={"grading_default": str(grading)})
        done = ezrepo(one.state, build_dir, "try", "our-own", text='{"host": "h", "at": 1}')
        assert done.returncode == 0 and "mine ungraded" in done.stdout and f"graded by {grading}" in done.stdout
        with open(own, "w", encoding="utf-8") as file:
            file.write("{")
        done = ezrepo(one.state, build_dir, "list")
        assert done.returncode == 1 and "formats.d/our-own.json: ends too early" in done.stderr
    finally:
        os.remove(own)
        one.configure(stored={"grading_default": ""})
    done = ezrepo(one.state, build_dir, "try", "--help")
    assert done.returncode == 0 and "--context NAME=VALUE" in done.stdout


def test_a_set_that_runs_reads_them_at_a_reload(build_dir, tmp_path):
    """A file at fault is named and changes nothing; one that others than root can write, or the processes cannot read, too."""
    with running_set(build_dir) as one:
        own = os.path.join(one.state, "formats.d", "our-own.json")
        sample = tmp_path / "sample.json"

        def write(mapping):
            with open(own, "w", encoding="utf-8") as file:
                file.write(json.dumps(mapping))

        def send(dest):
            sample.write_text(json.dumps({"host": dest, "ms": 1, "at": time_text(time.time())}))
            assert one.cmd("send", "--format", "our-own", "--context", "site=lab", str(sample)).stdout .startswith("1 record")
            one.wait_matched(1, "--dest", dest, "--probe", "lab")

        rule = {**MAPPING["records"][0], "start": {"time": "$.at"}}
        write({**MAPPING, "records": [rule]})
        one.cmd("reload")
        send("192.0.2.81")
        write({**MAPPING, "records": [{**rule, "colour": "red"}]})
        done = one.cmd("reload", check=False)
        assert done.returncode == 1 and f"{own}: records[0].colour: unknown, expected one of" in done.stderr, done
        write({**MAPPING, "records": [rule]})
        send("192.0.2.82")
        if os.geteuid() == 0:
            os.chmod(own, 0o666)
            done = one.cmd("reload", check=False)
            assert done.returncode == 1 and f"{own} can be written by others than root" in done.stderr, done
            os.chmod(own, 0o600)
            done = one.cmd("restart", check=False)
            assert done.returncode == 1 and "our-own.json: the processes' users" in done.stderr, done
            os.chmod(own, 0o644)
        one.cmd("reload")
        send("192.0.2.83")


def test_a_set_that_runs_grades_by_what_is_in_force(build_dir, tmp_path):
    """A trial says which grading that is, by its version; another one can be named."""
    def grading(name, limit):
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps({"grading": [{"gradeName": name, "appliesTo": {"recordType": "ping"}, "gradingRules": [
            {"grade": 3, "if": [{"metric": "delay.twoway.icmp.us.mean", "rel": "<", "limit": limit}]}]}]}))
        return str(file)

    with running_set(build_dir) as one:
        (tmp_path / "own.json").write_text(json.dumps(MAPPING))
        sample = tmp_path / "sample.json"
        sample.write_text('{"host": "h", "ms": 1, "at": 1}')
        trial = ["format", "try", str(tmp_path / "own.json"), str(sample)]
        assert one.cmd(*trial).stdout.endswith("graded by version 1, the grading in force\n")
        one.cmd("grading", "set", grading("mine", 2000))
        out = one.cmd(*trial).stdout
        assert blocks(out)[0][0]["(grade)"] == "mine 3" and out.endswith("graded by version 2, the grading in force\n")
        other = grading("other", 500)
        out = one.cmd(*trial, "--grading", other).stdout
        assert blocks(out)[0][0]["(grade)"] == "other ungraded" and out.endswith(f"graded by {other}\n")
