# SPDX-License-Identifier: Apache-2.0
"""--check-config tells in one run all that is wrong, in each kind of file, and no password."""

import json
import os
import shutil
import subprocess

import pytest
from conftest import ROOT

SECRET = "s3cret"


@pytest.fixture
def check(build_dir, tmp_path):
    """Checks these sections; what was said, a line each."""
    file = tmp_path / "ezrepo.json"

    def check_sections(name, own=None, **common):
        settings = {"run_dir": str(tmp_path / "run"), "schemas_dir": os.path.join(ROOT, "schemas"), **common}
        file.write_text(json.dumps({"common": settings, name: own or {}}))
        done = subprocess.run([os.path.join(build_dir, name, name), "--config", str(file), "--check-config"],
                              capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == (1 if done.stderr else 0), done
        assert SECRET not in done.stdout + done.stderr
        return done.stderr.splitlines()
    check_sections.file = file
    return check_sections


def assert_told(said, *expected):
    """One line begins with each of these, and there are no others."""
    assert len(said) == len(expected), said
    for text in expected:
        assert any(line.startswith(str(text)) for line in said), (text, said)


RETENTION = ": expected whole days (0: for ever) 0..36500, found "


def test_stored(check, tmp_path):
    faulty = {"database": f"host=localhost {SECRET}", "retention": {"ping": -1, "OTT": "9", "*": 400},
              "grading_default": str(tmp_path / "absent"), "flush_ms": 0, "flush_msec": 5}
    at = f"{check.file}: stored."
    said = check("stored", faulty, log_level="loud")
    assert_told(said, at + "database: expected a libpq connection string", at + f"retention.ping{RETENTION}-1",
                at + f'retention.OTT{RETENTION}"9"', at + "grading_default: expected a file that can be read, found",
                at + "flush_ms: expected an integer 1..10000, found 0", at + "flush_msec: unknown option",
                f'{check.file}: common.log_level: expected one of debug info warn error, found "loud"')


def test_default_grading(check, tmp_path):
    file = tmp_path / "grading.json"
    file.write_text(json.dumps({"grading": [7, {"gradeName": "all", "appliesTo": {}, "gradingRules": [{"grade": 6}]}]}))
    at = f"{check.file}: stored.grading_default: {file}: grading"
    assert_told(check("stored", {"database": "", "grading_default": str(file), "flush_ms": 0}),
                f"{check.file}: stored.flush_ms: ", at + "[0]: expected an object, found 7",
                at + '[1].gradeName: "all" is what queries', at + "[1].gradingRules[0].grade: expected a grade 1..5, found 6")


def test_queryd(check):
    at = f"{check.file}: queryd."
    said = check("queryd", {"database": f"postgresql://a:{SECRET}@[x", "rows_default": 200, "rows_max": 100, "waiting": []})
    assert_told(said, at + "database: expected a libpq connection string",
                at + "rows_default: expected at most queryd.rows_max, 100, found 200",
                at + "waiting: expected an integer 1..10000, found array")


def test_ingestd(check):
    faulty = {"listen": ["localhost:9900", "127.0.0.1:70000"], "allow": ["10.0.0.0/33"], "spool_dir": 7,
              "senders": [{"door": "tcp", "sender": 3}, 7, {"time_zone": "Europe/Atlantis"}]}
    at = f"{check.file}: ingestd."
    assert_told(check("ingestd", faulty), at + 'listen[0]: expected ADDRESS:PORT or [ADDRESS]:PORT, found "localhost:9900"',
                at + "listen[1]: expected ADDRESS:PORT", at + "allow[0]: expected an address or a prefix",
                at + "spool_dir: expected a string, found 7", at + "senders[0].door: expected one of udp https file",
                at + "senders[0].sender: expected a string", at + "senders[1]: expected an object, found 7",
                at + "senders[2].time_zone: expected the name of a time zone")


def test_gateway(check, tmp_path):
    faulty = {"public_url": f"https://ann:{SECRET}@gateway.test/", "listen": [], "label_prefix": "a b",
              "certificate": str(tmp_path / "absent"), "key": f"-----BEGIN PRIVATE KEY-----\n{SECRET}", "ca": 5,
              "access": {"rolls": {}, "roles": {"a": "b"}, "authorizations": {"Query*": ["x"]}},
              "supervisors": [{"url": f"https://ann:{SECRET}@host:1"}, {"url": "https://host:1", "poll_s": 0, "crl": 1}]}
    at = f"{check.file}: mplane-gw."
    assert_told(check("mplane-gw", faulty), at + "public_url: expected https://HOST:PORT/PATH",
                at + "listen: expected 1 to ", at + "label_prefix: expected at most 64",
                at + "key: expected the name of a file", at + "ca: expected a string, found 5",
                at + "access.rolls: unknown, expected one of roles authorizations",
                at + 'access.roles.a: expected a list, found "b"',
                at + 'access.authorizations.Query*[0]: expected a role that is in access.roles, found "x"',
                at + "supervisors[0].url: expected https://HOST:PORT, found",
                at + "supervisors[1].poll_s: expected an integer 1..3600, found 0",
                at + "supervisors[1].crl: expected a string, found 1")


def test_files_of_the_gateway(check, tmp_path):
    """Its own and a supervisor's, and beside them what else is wrong."""
    faulty = {"public_url": "https://gateway.test:8890/", "certificate": str(tmp_path / "absent"),
              "key": str(tmp_path / "absent"), "ca": str(tmp_path / "absent"), "access": [],
              "supervisors": [{"url": "https://host:1", "ca": str(tmp_path / "other")}]}
    said = check("mplane-gw", faulty)
    assert any(line.startswith(f"{check.file}: mplane-gw.access: expected an object, found array") for line in said), said
    for place in ("certificate", "key", "ca", "supervisors[0].certificate", "supervisors[0].key", "supervisors[0].ca"):
        assert any(f"tls.file mplane-gw.{place}=" in line for line in said), (place, said)


@pytest.mark.parametrize("name", ["ingestd", "classifyd", "stored", "mplane-gw"])
def test_record_types(check, tmp_path, name):
    """Those of the operator's own files, beside faults of the configuration."""
    (tmp_path / "record-types.d").mkdir()
    one, two = tmp_path / "record-types.d/a.json", tmp_path / "record-types.d/b.json"
    one.write_text(json.dumps({"gap_s": -1, "types": {"ping": {"gap": 5}}, "mappings": [7]}))
    two.write_text('{"types": ')
    (tmp_path / "record-types.d/c.json").mkdir()
    said = check(name, {"nonsense": 1}, colour="red")
    told = [f"{one}: gap_s: expected whole seconds 0..31536000, found -1", f"{one}: types.ping.gap: unknown, expected one of",
            f"{one}: mappings[0]: expected", f"{two}: ends too early", f"{one.parent}/c.json: expected a file", f"{check.file}: {name}.nonsense: unknown option", f"{check.file}: common.colour: unknown option"]
    for text in told:
        assert any(line.startswith(text) for line in said), (text, said)


def test_registries(check, tmp_path):
    """Of the gateway; all that is wrong with the first one that is at fault."""
    core = tmp_path / "schemas/mplane/core.json"
    core.parent.mkdir(parents=True)
    (tmp_path / "schemas/formats").mkdir()
    shutil.copy(os.path.join(ROOT, "schemas/record-types.json"), tmp_path / "schemas")
    core.write_text(json.dumps({"registry-format": "mplane-0", "registry-uri": "u", "includes": ["v"],
                                "elements": [{"name": 1, "prim": "int"}, 7]}))
    options = {"public_url": "https://gateway.test:8890/", "certificate": "a", "key": "b", "ca": "c"}
    said = check("mplane-gw", options, schemas_dir=str(tmp_path / "schemas"))
    for fault in ('includes[0]: expected the URI of a registry read before, found "v"',
                  "elements[0].name: expected a string, found 1", "elements[0].prim: expected one of string natural",
                  "elements[1]: expected an object, found 7"):
        assert any(line.startswith(f"{core}: {fault}") for line in said), said
