# SPDX-License-Identifier: Apache-2.0
"""The rules for Prometheus that are delivered: each fires for what it is for, and no other does; of a set that does well only the
watchdog's. By promtool, on series of metrics that webd has."""
import json
import os
import re
import subprocess

import pytest
from conftest import ROOT

RULES = os.path.join(ROOT, "deploy", "prometheus", "ezrepo.rules.yml")
UP = {'up{job="ezrepo"}': "1x2000"}

# Of each rule the series that are otherwise than in a set that does well, values by the minute, and when it has to have fired.
ILL = {
    "EzrepoNotScraped": ({'up{job="ezrepo"}': "0x60"}, "5m"),
    "EzrepoProcessDown": ({'ezrepo_up{process="stored"}': "1x5 0x30"}, "10m"),
    "EzrepoTrouble": ({'ezrepo_trouble{process="stored",about="database"}': "1x30"}, "3m"),
    "EzrepoSmallTrouble": ({'ezrepo_trouble{process="ingestd",about="spool"}': "1x30"}, "10m"),
    "EzrepoStoreBehind": ({'ezrepo_stored_lag_seconds{process="stored"}': "90x30"}, "10m"),
    "EzrepoDiskFillsUp": ({'ezrepo_stored_disk_free_bytes{process="stored"}': "300e9-100000000x600"}, "400m"),
    "EzrepoRecordsLost": ({'ezrepo_ingestd_records_lost_total{process="ingestd"}': "0x5 7x30"}, "8m"),
    "EzrepoKernelDrops": ({'ezrepo_ingestd_kernel_drops_total{process="ingestd"}': "0x5 40x30"}, "8m"),
    "EzrepoManyRejected": ({'ezrepo_ingestd_accepted_records_total{process="ingestd"}': "0+600x90",
                            'ezrepo_ingestd_rejected_total{process="ingestd",reason="json"}': "0+50x90",
                            'ezrepo_ingestd_rejected_total{process="ingestd",reason="time"}': "0+50x90"}, "60m"),
    "EzrepoNothingArrives": ({'ezrepo_ingestd_accepted_records_total{process="ingestd"}': "0+600x1400 840000x600",
                              'ezrepo_ingestd_rejected_total{process="ingestd",reason="json"}': "0x2000"}, "1490m"),
    "EzrepoSilenceNotJudged": ({'ezrepo_stored_silence_as_of_timestamp_seconds{process="stored"}': "60x90"}, "30m"),
    "EzrepoCertificateEnds": ({'ezrepo_mplane_gw_certificate_ends_timestamp_seconds{process="mplane-gw"}': "864000x30"}, "5m"),
    "EzrepoRestartsOften": ({'ezrepo_process_start_time_seconds{process="queryd"}': "0+60x90"}, "10m"),
    "EzrepoReleasesDiffer": ({'ezrepo_build_info{process="queryd",version="0.1.0"}': "1x90"}, "70m"),
    "EzrepoWatchdog": ({}, "5m"),
}
WELL = {
    **UP, 'ezrepo_up{process="stored"}': "1x2000", 'ezrepo_stored_lag_seconds{process="stored"}': "0.1x2000",
    'ezrepo_ingestd_records_lost_total{process="ingestd"}': "7x2000", 'ezrepo_ingestd_kernel_drops_total{process="ingestd"}': "40x2000",
    'ezrepo_ingestd_accepted_records_total{process="ingestd"}': "0+600x2000",
    'ezrepo_ingestd_rejected_total{process="ingestd",reason="json"}': "0+5x2000",
    'ezrepo_stored_silence_as_of_timestamp_seconds{process="stored"}': "0+60x2000",
    'ezrepo_mplane_gw_certificate_ends_timestamp_seconds{process="mplane-gw"}': "71280000x2000",
    'ezrepo_ingest_gw_certificate_ends_timestamp_seconds{process="ingest-gw"}': "0x2000",  # it has none that ends
    'ezrepo_stored_disk_bytes{process="stored"}': "1e12x2000", 'ezrepo_stored_disk_free_bytes{process="stored"}': "3e11x2000",
    'ezrepo_process_start_time_seconds{process="queryd"}': "60x2000", 'ezrepo_build_info{process="stored",version="0.2.0"}': "1x2000"}


def rules():
    with open(RULES, encoding="utf-8") as file:
        return re.findall(r"^ +- alert: (\w+)$", file.read(), re.M)


def firing(tmp_path, series, at):
    """The names of the rules that fire then, as promtool finds them when it is told that none does."""
    tests = {"rule_files": [RULES], "evaluation_interval": "1m", "tests": [{
        "interval": "1m", "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": at, "alertname": name, "exp_alerts": []} for name in rules()]}]}
    (tmp_path / "test.yml").write_text(json.dumps(tests))
    done = subprocess.run(["promtool", "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "FAILED" in done.stdout + done.stderr, done.stdout + done.stderr  # the watchdog's always
    return set(re.findall(r"alertname: (\w+)", done.stdout + done.stderr))


def test_every_rule_has_a_case():
    assert sorted(rules()) == sorted(ILL)
    done = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ILL)
def test_rule(tmp_path, name):
    series, at = ILL[name]
    assert firing(tmp_path, {**WELL, **series}, at) == {name, "EzrepoWatchdog"}


@pytest.mark.parametrize("at", ["5m", "70m", "1490m"])
def test_a_set_that_does_well(tmp_path, at):
    assert firing(tmp_path, WELL, at) == {"EzrepoWatchdog"}


def test_metrics_of_rules_are_counted(build_dir):
    """None is there whose name webd does not have."""
    counted = {"ezrepo_up", "ezrepo_trouble", "ezrepo_build_info", "ezrepo_process_start_time_seconds"}
    for process in ("ingestd", "stored", "mplane-gw", "ingest-gw"):
        said = subprocess.run([os.path.join(build_dir, process, process), "--counters"], capture_output=True, text=True, check=True).stdout
        counted |= {json.loads(line)["metric"] for line in said.splitlines()}
    with open(RULES, encoding="utf-8") as file:
        text = re.sub(r"ezrepo_\(mplane\|ingest\)_gw", "ezrepo_mplane_gw", file.read())
    named = set(re.findall(r"\bezrepo_[a-z0-9_]+", text)) - {"ezrepo_stored_flush_seconds_total"}
    assert named and named <= counted, named - counted
    assert "ezrepo_stored_flush_seconds_total" in counted
