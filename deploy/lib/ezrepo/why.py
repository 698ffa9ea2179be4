# SPDX-License-Identifier: Apache-2.0
"""`ezrepo why`: why a series has the grade it has.

queryd explains, by the code that grades; this lays out what it says.
"""
import argparse
import json
from typing import Any, Dict, Iterator, List, Optional

from . import asking
from .ledger import shown
from .output import say
from .state import State

DIMENSIONS = ("type", "content", "probe", "source", "dest", "path")
INDENT = 11  # of what stands beside a heading


# ---- asking ----

def ask(state: State, args: argparse.Namespace) -> List[Dict[str, Any]]:
    criteria = {f"record.{name}": getattr(args, name) for name in DIMENSIONS}
    # Without a time the newest record, as `ezrepo now` goes by it: that of a clock ahead begins after now.
    when = asking.moment("--at", args.at, asking.EVER)
    rows, = asking.answers(state, args.client, [("QueryWhy", {**criteria, "select.grade": args.grade})], when)
    return rows


def run(state: State, args: argparse.Namespace) -> int:
    rows = ask(state, args)
    told = [json.loads(row["why.document"]) for row in rows if row["why.document"] is not None]
    if args.output == "json":
        for row in told or [{"line": row["why.line"], "series": _dimensions(row)} for row in rows]:
            say(json.dumps(row))
    elif told:
        say("\n\n".join("\n".join(explain(each)) for each in told))
    else:
        say("\n".join(_choices(rows)) if rows else "no series fits")
    return 0 if told and all(each["record"].get("agrees") for each in told) else 1


def _dimensions(row: Dict[str, Any]) -> Dict[str, str]:
    return {name: row[f"record.{name}"] or "" for name in DIMENSIONS}


def _choices(rows: List[Dict[str, Any]]) -> Iterator[str]:
    """The series that fit, as options that say which."""
    yield shown(rows[0]["why.line"])
    for row in rows:
        yield "  " + " ".join(f"--{name} {_quoted(text)}" for name, text in _dimensions(row).items() if text)


def _quoted(text: str) -> str:
    """A pattern that only this text matches, for a shell."""
    pattern = "".join("\\" + c if c in "\\*?" else c for c in text)
    return pattern if pattern.replace(".", "").replace(":", "").replace("-", "").isalnum() else \
        "'" + shown(pattern).replace("'", "'\\''") + "'"


# ---- for people ----

def _line(heading: str, text: str) -> str:
    return f"{heading:<{INDENT}}{text}"


def _time(text: Optional[str]) -> str:
    """Without zeros at its end."""
    return (text or "?").rstrip("0").rstrip(".") if "." in (text or "") else text or "?"


def _seconds(value: float) -> str:
    return f"{value:g} s"


def _series(found: Dict[str, Any]) -> str:
    s = {name: shown(text) for name, text in found["series"].items()}
    ends = f"{s['source'] or '?'} to {s['dest'] or '?'}"
    return ", ".join(part for part in (f"{s['type']} {s['content']}".strip(), s["probe"] and f"probe {s['probe']}", ends,
                                       s["path"] and f"path {s['path']}") if part)


def _grade(value: Optional[int]) -> str:
    return "no grade" if value is None else f"grade {value}"


def _record(record: Dict[str, Any]) -> str:
    return (f"{_time(record['start'])} to {_time(record['end'])}, {_grade(record['grade'])}"
            f" by version {record['version']}"
            f"{', in maintenance ' + record['maintenance'] if record['maintenance'] else ''}")


def _came(record: Dict[str, Any]) -> str:
    if record["received"] is None:
        return "before EZRepo noted how"
    door = f"by {shown(record['door'])}" if record["door"] else "by a door that was not noted"
    form = f" as {shown(record['format'])}" if record["format"] else ""
    return f"{door}{form}, received {_time(record['received'])}, stored {_time(record['committed'])}"


def _blocks(record: Dict[str, Any]) -> Iterator[str]:
    block, over = record["block"], record["passed_over_count"]
    patterns = ", ".join(f"{key} {shown(text)}" for key, text in block["appliesTo"].items()) if block else ""
    before = f"; {over} before it {'does' if over == 1 else 'do'} not match" if over else ""
    yield _line("block", f"{block['place']}, for {patterns or 'all records'}{before}" if block else
                f"none matches of {over}")
    if over > len(record["passed_over"]):
        yield _line("", f"the last {len(record['passed_over'])} of them:")
    for each in record["passed_over"]:
        yield _line("", f"{each['place']} wants {each['dimension']} {shown(each['pattern'])}, this is"
                    f" {shown(each['value']) or 'empty'}")


def _condition(condition: Dict[str, Any]) -> str:
    column, found = condition.get("column", condition["metric"]), condition["found"]
    alias = f" (for {condition['metric']})" if column != condition["metric"] else ""
    value = {"number": condition.get("value"), "missing": "missing", "null": "null",
             "no number": f"\"{condition.get('value')}\" is no number",
             "impossible": f"{condition.get('value')} is impossible"}[found]
    margin = f", by {condition['margin'].lstrip('-')}" if "margin" in condition else ""
    holds = "yes" if condition["holds"] else "no"
    return f"{holds:<4}{shown(column)} {shown(value)} {condition['rel']} {shown(condition['limit'])}{margin}{shown(alias)}"


def _rules(record: Dict[str, Any]) -> Iterator[str]:
    """Those that were asked, up to the one that holds."""
    reached = [rule for rule in record["rules"] if rule["reached"]]
    for i, rule in enumerate(reached):
        yield _line("rules" if i == 0 else "", f"{'=>' if rule['decides'] else '  '} grade {rule['grade']}"
                    f" {'if' if rule['conditions'] else 'always'}")
        for condition in rule["conditions"]:
            yield _line("", f"     {_condition(condition)}")
    left = len(record["rules"]) - len(reached)
    if left:
        yield _line("", f"   {left} more, not asked any more")


def _period(found: Dict[str, Any]) -> Iterator[str]:
    period = found["period"]
    if period is None:
        yield _line("period", "none")
        return
    if not period["holds_the_record"]:
        yield _line("period", "this record is in none; the last one before it:")
    gap = "other types" if period["gap_type"] == "" else shown(period["gap_type"])
    yield _line("period", f"grade {period['grade']} from {_time(period['start'])} to {_time(period['end'])},"
                f" {period['records']} record{'' if period['records'] == 1 else 's'}")
    event = period["event"]
    if event["told"]:
        first = "" if event["from"] is None else f" from {event['from']}"
        late = ", when its first record had long been there: late data made it" if event["late"] else ""
        yield _line("event", f"{first} to {event['to']}, told {_time(event['told'])}{late}".strip())
    for each in period["retracted"] or []:
        yield _line("retracted", f"{'' if each['from'] is None else 'from %s ' % each['from']}to {each['to']} at"
                    f" {_time(each['time'])}, told {_time(each['told'])}, until {_time(each['retracted'])}")
    began = period["began"]
    if began is None:
        yield _line("began by", "a record that is dropped already")
    elif began["digest"] != found["record"]["digest"] or began["start"] != found["record"]["start"]:
        yield from _other("began by", began)
    following = period["next"]
    if following is None:
        yield _line("ended", f"not yet; a gap of more than {_seconds(period['gap_s'])} would (that of {gap})")
        return
    by = f"by {_seconds(following['after_s'])} without a record, more than the gap of {gap}, {_seconds(period['gap_s'])}" \
        if period["ended"] == "gap" else "by another grade"
    yield _line("ended", by)
    if following["record"] is not None:
        yield from _other("next", following["record"])


def _other(heading: str, record: Dict[str, Any]) -> Iterator[str]:
    """Another record, and what decided its grade."""
    yield _line(heading, _record(record))
    yield _line("", _came(record))
    if record["explained"]:
        yield _line("", shown(record["because"]))


def explain(found: Dict[str, Any]) -> Iterator[str]:
    record = found["record"]
    yield shown(found["line"])
    yield ""
    yield _line("series", _series(found))
    yield _line("record", _record(record))
    yield _line("came", _came(record))
    if record["published"]:
        yield _line("grading", f"version {record['version']}, published {_time(record['published'])} by {shown(record['author'])}")
    if record["explained"]:
        yield from _blocks(record)
        yield from _rules(record)
        if record["format"] not in ("", "mplane"):
            yield _line("", f"values are as the format {shown(record['format'])} made them of what came, which is not kept")
    yield from _period(found)
