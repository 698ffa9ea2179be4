# SPDX-License-Identifier: Apache-2.0
"""SQL for people and programs: views as docs/sql.md has them, who may read, and the dashboards, each statement of which runs."""
import json
import os
import pathlib
import pwd
import re
import subprocess
import time

import pytest
from conftest import ROOT, ping, time_text

DASHBOARDS = sorted(pathlib.Path(ROOT, "deploy", "grafana").glob("*.json"))


@pytest.fixture(scope="module", name="one")
def _one(module_set):
    """Two series over hours of which some are sealed: one that becomes bad, one that came late and retracted events."""
    module_set.configure(stored={"seal_after_s": 1})
    module_set.cmd("restart", "stored")
    now = time.time() // 60 * 60
    results = [ping(f"192.0.2.{dest}", time_text(now - 60 * n), 900000 if n < 30 * dest else 9000) for dest in (1, 2) for n in range(300)]
    module_set.send(results[::-1][:500])
    module_set.wait_matched(500)
    module_set.send(results[::-1][500:])
    module_set.wait_matched(600)
    return module_set


def rows(one, text):
    done = one.cmd("sql", "--state", one.state, "-A", "-t", "-F", "\t", "-c", text)
    return [tuple(line.split("\t")) for line in done.stdout.splitlines()]


def test_views_are_as_documented(one):
    """Name by name, column by column, in this order."""
    text = pathlib.Path(ROOT, "docs", "sql.md").read_text(encoding="utf-8")
    documented = {view: re.findall(r"^\| `(\w+)` \| ([a-z ]+) \|", section, re.M)
                  for view, section in re.findall(r"^### `(v_\w+)`$(.*?)(?=^##|\Z)", text, re.M | re.S)}
    found = {}
    for view, column, kind in rows(one, "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'ezrepo'"
                                        " AND table_name LIKE 'v\\_%' ORDER BY table_name, ordinal_position"):
        found.setdefault(view, []).append((column, kind))
    assert found == documented and len(found) == 5


def test_views_say_what_is_there(one):
    assert rows(one, "SELECT count(*), count(DISTINCT series_id), min(grades ->> 'overall'), max((metrics ->> 'delay.twoway.icmp.us.mean')::int)"
                     " FROM v_record") == [("600", "2", "1", "900000")]
    assert rows(one, "SELECT dest, grade, records, open, ended_by FROM v_period WHERE grade_name = 'overall' ORDER BY dest, t_start") == [
        ("192.0.2.1", "5", "270", "f", "grade"), ("192.0.2.1", "1", "30", "t", ""),
        ("192.0.2.2", "5", "240", "f", "grade"), ("192.0.2.2", "1", "60", "t", "")]
    assert rows(one, "SELECT dest, grade, state, silent_since, in_maintenance FROM v_now WHERE grade_name = 'overall' ORDER BY dest") == [
        ("192.0.2.1", "1", "present", "", "f"), ("192.0.2.2", "1", "present", "", "f")]
    assert rows(one, "SELECT dest, from_grade, to_grade FROM v_event WHERE holds AND grade_name = 'overall' ORDER BY dest, t") == [
        ("192.0.2.1", "", "5"), ("192.0.2.1", "5", "1"), ("192.0.2.2", "", "5"), ("192.0.2.2", "5", "1")]


def test_the_grid_is_of_all_records(one):
    """Sealed hours and those that are not: the same as from the records themselves, whatever is sealed meanwhile."""
    expected = rows(one, "SELECT date_trunc('hour', t_start), dest, count(*), min(grades ->> 'overall'), count(*) FILTER (WHERE grades ->> 'overall' < '3')"
                         " FROM v_record GROUP BY 1, 2 ORDER BY 1, 2")
    question = "SELECT hour, dest, records, worst, bad FROM v_grid WHERE grade_name = 'overall' ORDER BY 1, 2"
    assert rows(one, question) == expected and len(expected) >= 10
    one.sql("SELECT 1")
    one.wait_for(lambda: one.sql("SELECT count(*) > 0 FROM measured_hour WHERE sealed") == [(True,)], 120)
    assert rows(one, question) == expected
    day = rows(one, "SELECT DISTINCT day FROM v_grid ORDER BY 1 LIMIT 1")[0][0]
    assert rows(one, f"SELECT hour, dest, records, worst, bad FROM v_grid WHERE day = '{day}' AND grade_name = 'overall' ORDER BY 1, 2") \
        == [row for row in expected if row[0][:10] == day[:10]]


def test_sql_only_reads(one):
    done = one.cmd("sql", "-c", "DELETE FROM series", check=False)
    assert done.returncode != 0 and "read-only transaction" in done.stderr
    assert "v_period" in one.cmd("sql", "-c", r"\dv v_*").stdout
    assert "psql's" in one.cmd("sql", "--help").stdout


def statements(dashboard):
    """Of panels and variables: what is SQL."""
    kind = next(v["query"] for v in dashboard["templating"]["list"] if v["type"] == "datasource")
    if kind != "postgres":
        return []
    return [t["rawSql"] for p in dashboard["panels"] for t in p["targets"]] + [
        v["query"] for v in dashboard["templating"]["list"] if v["type"] == "query"]


VALUES = {"grade": "'overall'", "type": "'ping'", "dest": "'192.0.2.1'", "probe": "'tester'", "metric": "'delay.twoway.icmp.us.mean'",
          "rows": "'dest'", "columns": "'probe'"}


def as_grafana_sends(text):
    """With the macros and variables that it replaces; none is left."""
    now = time.time()
    text = text.replace("$__timeFrom()", f"'{time_text(now - 86400)}Z'").replace("$__timeTo()", f"'{time_text(now)}Z'")
    text = re.sub(r"\$\{(\w+):sqlstring\}", lambda m: VALUES[m[1]], text)
    assert "$" not in text, text
    return text


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_dashboards(one, file, build_dir):
    """Each statement gives rows; each metric is one that is counted."""
    dashboard = json.loads(file.read_text(encoding="utf-8"))
    assert dashboard["uid"] == f"ezrepo-{file.stem}" and len({p["id"] for p in dashboard["panels"]}) == len(dashboard["panels"])
    for text in statements(dashboard):
        assert rows(one, as_grafana_sends(text)), text
    expressions = [t["expr"] for p in dashboard["panels"] for t in p["targets"] if "expr" in t]
    assert bool(expressions) != bool(statements(dashboard))
    counted = {"ezrepo_healthy", "ezrepo_up", "ezrepo_trouble"}
    for process in ("ingestd", "stored", "queryd", "mplane-gw", "ingest-gw"):
        said = subprocess.run([os.path.join(build_dir, process, process), "--counters"], capture_output=True, text=True, check=True).stdout
        counted |= {row["metric"] for row in map(json.loads, said.splitlines())}
    named = {re.sub("_bucket$", "", name) for e in expressions for name in re.findall(r"\bezrepo_[a-z0-9_]+", e.replace("(mplane|ingest)", "mplane"))}
    assert named <= counted, named - counted


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's cluster has other users")
def test_a_reader(one):
    """As Grafana: a user of this machine that is nobody's of the set."""
    user = "games"
    groups = subprocess.run(["id", "-Gn", user], capture_output=True, text=True, check=True).stdout.split()
    try:
        assert "user=ezrepo_reader" in one.cmd("reader", "add", user).stdout
        one.cmd("reader", "add", user)  # once more changes nothing
        assert one.cmd("reader", "list").stdout == f"{user}\n"

        def asked(*texts, role="ezrepo_reader"):
            who = pwd.getpwnam(user)
            return subprocess.run(["psql", "-X", "-A", "-t", "-h", f"{one.state}/postgres/socket", "-U", role, "-d", "ezrepo",
                                   *(word for text in texts for word in ("-c", text))],
                                  capture_output=True, text=True, check=False, cwd="/", user=who.pw_uid, group=who.pw_gid,
                                  extra_groups=os.getgrouplist(user, who.pw_gid))
        one.wait_for(lambda: asked("SELECT 1").returncode == 0)
        assert asked("SELECT count(*) FROM v_now").stdout == "2\n"
        assert asked("SHOW statement_timeout").stdout == "1min\n"
        assert "read-only" in asked("CREATE TABLE x (a int)").stderr
        assert "permission denied" in asked("SET default_transaction_read_only = off", "DELETE FROM series").stderr
        assert "permission denied" in asked("SELECT secret FROM access_entry").stderr
        for role in ("ezrepo_store", "ezrepo_query", "postgres"):
            assert "authentication failed" in asked("SELECT 1", role=role).stderr
        one.cmd("reader", "remove", user)
        one.wait_for(lambda: asked("SELECT 1").returncode != 0)
        assert one.cmd("reader", "list").stdout == ""
        assert "is no reader" in one.cmd("reader", "remove", user, check=False).stderr
        assert subprocess.run(["id", "-Gn", user], capture_output=True, text=True, check=True).stdout.split() == groups
    finally:
        subprocess.run(["gpasswd", "--delete", user, "ezrepo-database"], capture_output=True, check=False)  # where it failed before
    assert one.cmd("reader", "add", "nobody-of-this-name", check=False).returncode == 1
    assert one.cmd("reader", "add", "a b", check=False).returncode == 2
