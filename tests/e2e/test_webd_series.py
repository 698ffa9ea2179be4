# SPDX-License-Identifier: Apache-2.0
"""Series as metrics: how many are how, and those that are exported one by one; scraped as Prometheus does."""
import json
import subprocess
import time

import pytest
from conftest import ping, running_set, time_text
from processes import held_up
from webds import get, promtool

STRANGE = 'a "probe"\\ of\nmine'
SECONDS = "delay.twoway.icmp.us.mean"


@pytest.fixture(scope="module", name="one")
def _one(build_dir):
    exports = [{"name": "lab", "criteria": {"dest": "192.0.2.0/24"}, "metrics": [SECONDS, "no.such.metric"]},
               {"name": "few", "limit": 2}, {"name": "nobody", "grade": "no such grade"}]
    with running_set(build_dir, webd={"look_s": 1, "export": exports}) as one:
        now = time.time()
        one.send([ping("192.0.2.1", time_text(now - i), 10000) for i in (3, 2, 1)])
        one.send([ping("192.0.2.2", time_text(now - 1), 900000, probe=STRANGE)])
        one.send([ping("192.0.2.3", time_text(now - 86400 * 3), 900000), ping("198.51.100.1", time_text(now), 1e300)])
        one.wait_matched(6)
        yield one


def page(one):
    return get(one, "/metrics")[1]


def lines(one, metric):
    return [line for line in page(one).split("\n") if line.startswith(metric + "{") or line.startswith(metric + " ")]


def test_how_many_are_how(one):
    states = {(row["grade.value"], row["series.state"]) for row in one.rows("series", "--grade", "overall")}
    assert ("5", "present") in {(str(g), s) for g, s in states}
    expected = {'ezrepo_series{grade_name="overall",state="5"} 1', 'ezrepo_series{grade_name="overall",state="over"} 1'}
    one.wait_for(lambda: expected <= set(lines(one, "ezrepo_series")))
    one.wait_for(lambda: lines(one, "ezrepo_series_silent") == [f"ezrepo_series_silent {len(one.rows('silent'))}"])
    told = float(lines(one, "ezrepo_series_as_of_timestamp_seconds")[0].split()[1])
    assert 0 <= time.time() - told < 60


def test_one_by_one(one):
    one.wait_for(lambda: page(one).count("ezrepo_exported_value{") >= 3)
    text = page(one)
    assert ('ezrepo_exported_grade{export="lab",type="ping",content="ICMPECHO",probe="tester",source="192.0.2.1",dest="192.0.2.1",'
            'grade_name="overall"} 5\n') in text
    strange = 'probe="a \\"probe\\"\\\\ of\\nmine"'
    bad, = [line for line in text.split("\n") if line.startswith('ezrepo_exported_grade{export="lab"') and strange in line]
    assert bad.endswith("} 1") and 'dest="192.0.2.2"' in bad
    # Whose period is over has no grade now; what it measured last it has.
    assert not [line for line in text.split("\n") if line.startswith("ezrepo_exported_grade{") and 'dest="192.0.2.3"' in line]
    values = sorted(line.rsplit(" ", 1)[1] for line in lines(one, "ezrepo_exported_value"))
    assert values == ["10000", "900000", "900000"]
    assert all(f'metric="{SECONDS}"' in line for line in lines(one, "ezrepo_exported_value"))
    assert len(lines(one, "ezrepo_exported_last_timestamp_seconds")) == 3 + 2
    since = [line for line in lines(one, "ezrepo_exported_since_timestamp_seconds") if 'dest="192.0.2.1"' in line and 'export="lab"' in line]
    assert len(since) == 1 and 2 < time.time() - float(since[0].rsplit(" ", 1)[1]) < 3600
    assert lines(one, "ezrepo_exported_cut") == [f'ezrepo_exported_cut{{export="{name}"}} {cut}' for name, cut in (("lab", 0), ("few", 1), ("nobody", 0))]


def test_promtool_finds_nothing(one):
    one.wait_for(lambda: "ezrepo_exported_grade{" in page(one))
    assert promtool(page(one)) == (0, "", "")


def test_queryd_is_away(one):
    """What was found is told until it is three rounds old and a question's time, and then no more."""
    one.wait_for(lambda: lines(one, "ezrepo_series_as_of_timestamp_seconds"))
    with held_up(one.pid("queryd")):
        one.wait_for(lambda: not lines(one, "ezrepo_series"))
        assert "ezrepo_up{" in page(one)
    one.wait_for(lambda: lines(one, "ezrepo_series"))


@pytest.mark.parametrize("export, fault", [
    ([{"name": "a"}, {"name": "a"}], "webd.export[1].name: is the name of another export, too"),
    ([{"name": "a", "criteria": {"dst": "x"}}], "webd.export[0].criteria"),
    ([{"name": "a", "limit": 20000}, {"name": "b", "limit": 1}], "at most 20000, these are 20001"),
    ([{"name": "a", "limit": 10001, "metrics": list("uvwxyz")}], "is at most 100000, these are 100010"),
    ([{"name": "a", "metrics": ["x", "x"]}], "webd.export[0].metrics[1]: is there twice"),
    ([{}], "webd.export[0].name"), ([{"name": 5}], "webd.export[0].name"), ({}, "webd.export: expected a list")])
def test_what_cannot_be_is_told_by_its_place(build_dir, tmp_path, export, fault):
    file = tmp_path / "ezrepo.json"
    file.write_text(json.dumps({"common": {"run_dir": str(tmp_path)}, "webd": {"export": export}}))
    done = subprocess.run([f"{build_dir}/webd/webd", "--config", file, "--check-config"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and fault in done.stderr, done.stderr
