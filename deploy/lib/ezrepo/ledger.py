# SPDX-License-Identifier: Apache-2.0
"""`ezrepo ledger`: what came in, from whom, what became of it, and whether that adds up.

Asks the database as the role that only reads, in one snapshot; writes nothing. What people give goes into the
SQL as psql's quoted variables, never as text.
"""
import argparse
import datetime
import re
import uuid
from typing import Any, Dict, List, Optional, Tuple

from . import cluster, status
from .errors import Usage
from .state import State

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
FAULTS_SHOWN = 50
# Before the snapshot is taken: no partition is dropped between it and the count of the records.
LOCK = "LOCK TABLE measurement IN ACCESS SHARE MODE;\n"
COUNTS = ("datagrams", "accepted", "exceptions", "rejected_datagrams", "records", "stored", "same_start",
          "duplicates", "rejected_records")

# Each statement gives JSON objects, one a line. An hour belongs to the range when it overlaps it.
HOURS = """hour > :'since'::timestamptz - interval '1 hour' AND hour < :'until'::timestamptz
    AND (:'instance' = '' OR instance::text = :'instance')"""

CHOSEN = f"""
WITH chosen AS MATERIALIZED (
    SELECT id, hour, instance, sender, datagrams, accepted, exceptions, coalesce(r.n, 0) AS rejected_datagrams,
           records, stored, same_start, duplicates, rejected AS rejected_records
    FROM ledger_now LEFT JOIN (SELECT ledger_id, sum(datagrams) AS n FROM ledger_rejected_now GROUP BY 1) AS r
         ON r.ledger_id = id
    WHERE {HOURS} AND (:'sender' = '' OR sender = :'sender'))
"""

SENDERS = CHOSEN + """
SELECT json_build_object('is', 'sender', 'instance', instance, 'sender', sender, 'hours', count(*),
    'first_hour', min(hour), 'last_hour', max(hour), 'datagrams', sum(datagrams), 'accepted', sum(accepted),
    'exceptions', sum(exceptions), 'rejected_datagrams', sum(rejected_datagrams), 'records', sum(records),
    'stored', sum(stored), 'same_start', sum(same_start), 'duplicates', sum(duplicates), 'rejected_records', sum(rejected_records))
FROM chosen GROUP BY instance, sender ORDER BY instance, sender;
"""

REASONS = CHOSEN + """
SELECT json_build_object('is', 'reason', 'instance', c.instance, 'sender', c.sender, 'reason', r.reason,
    'datagrams', sum(r.datagrams))
FROM chosen c JOIN ledger_rejected_now r ON r.ledger_id = c.id
GROUP BY c.instance, c.sender, r.reason ORDER BY c.instance, c.sender, r.reason;
"""

INSTANCES = f"""
SELECT json_build_object('is', 'instance', 'instance', instance, 'dropped', sum(dropped), 'lost', sum(lost),
    'maybe_lost', sum(maybe_lost), 'holes', sum(holes))
FROM ledger_instance WHERE {HOURS} GROUP BY instance ORDER BY instance;
"""

FAULTS = CHOSEN + """
SELECT json_build_object('is', 'fault', 'ledger_id', id, 'hour', hour, 'instance', instance, 'sender', sender,
    'what', what, 'expected', expected, 'found', found)
FROM (SELECT *, 'datagrams' AS what, datagrams AS expected,
             accepted + exceptions + rejected_datagrams AS found FROM chosen
      UNION ALL
      SELECT *, 'records', records, stored + duplicates + rejected_records FROM chosen) AS f
WHERE expected <> found ORDER BY id, what;
"""

# The recount reads every record: which of them belong to a row of the ledger is not indexed. Rows that were
# removed for their age are not compared.
COUNTED = """, counted AS MATERIALIZED (
    SELECT ledger_id, sum(n) AS n
    FROM (SELECT ledger_id, count(*) AS n FROM measurement GROUP BY 1
          UNION ALL SELECT ledger_id, records FROM ledger_dropped) AS c GROUP BY 1)
"""

RECOUNT = CHOSEN + COUNTED + """
SELECT json_build_object('is', 'fault', 'ledger_id', c.id, 'hour', c.hour, 'instance', c.instance,
    'sender', c.sender, 'what', 'stored', 'expected', c.stored, 'found', coalesce(n.n, 0))
FROM chosen c LEFT JOIN counted n ON n.ledger_id = c.id WHERE c.stored <> coalesce(n.n, 0) ORDER BY c.id;
"""

STRAYS = CHOSEN + COUNTED + """
SELECT json_build_object('is', 'fault', 'ledger_id', n.ledger_id, 'hour', null, 'instance', null, 'sender', null,
    'what', 'records of no row', 'expected', 0, 'found', n.n)
FROM counted n WHERE n.ledger_id >= (SELECT greatest(below, 1) FROM ledger_removed) AND NOT EXISTS (SELECT FROM ledger l WHERE l.id = n.ledger_id)
ORDER BY n.ledger_id;
"""


def time_argument(option: str, text: str, preset: str) -> str:
    """As PostgreSQL reads it: a time in UTC, a day's name, or how long ago; the preset when nothing is given."""
    if not text:
        return preset
    if re.fullmatch(r"(\d+[smhdw])+", text):
        seconds = sum(int(n) * UNITS[unit] for n, unit in re.findall(r"(\d+)([smhdw])", text))
        try:
            then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=seconds)
        except OverflowError:
            return "-infinity"
        return then.isoformat()
    days = {"yesterday": -1, "today": 0, "tomorrow": 1}
    now = datetime.datetime.now(datetime.timezone.utc)
    if text in days:
        return (now.replace(hour=0, minute=0, second=0, microsecond=0)
                + datetime.timedelta(days=days[text])).isoformat()
    if text == "now":
        return now.isoformat()
    try:
        then = datetime.datetime.fromisoformat(re.sub(r"Z$", "+00:00", text.strip()))
    except ValueError:
        raise Usage(f'{option}: expected a time such as "2026-11-21 10:00", today, or how long ago, such as 2h;'
                    f' found "{text}"') from None
    return then.replace(tzinfo=then.tzinfo or datetime.timezone.utc).isoformat()


def _instance(text: str) -> str:
    try:
        return str(uuid.UUID(text)) if text else ""
    except ValueError:
        raise Usage(f'--instance: expected the UUID of an ingestd, as its note in `status` has it;'
                    f' found "{text}"') from None


def _ask(state: State, args: argparse.Namespace) -> List[Dict[str, Any]]:
    variables = {"since": time_argument("--since", args.since, "-infinity"),
                 "until": time_argument("--until", args.until, "infinity"),
                 "instance": _instance(args.instance), "sender": args.sender}
    script = (LOCK if args.verify else "") + SENDERS + REASONS + INSTANCES + FAULTS
    if args.verify:
        whole = not (args.since or args.until or args.instance or args.sender)
        script += RECOUNT + (STRAYS if whole else "")
    return cluster.query(state, script, variables)


def _in_flight(state: State) -> Dict[str, Dict[str, int]]:
    """What running ingestds hold that is not acknowledged, as they said within the last seconds, by instance."""
    words = status.read_status_file(state, "ingestd")
    if words is None or words["age_s"] > status.STALE_SECONDS or "instance" not in words.get("notes", {}):
        return {}
    counters = words.get("counters", {})
    return {words["notes"]["instance"]: {"batches": counters.get("held.batches", 0),
                                         "records": counters.get("held.records", 0)}}


def collect(state: State, args: argparse.Namespace) -> Dict[str, Any]:
    """The ledger as one object; "closes" says whether every row of it does."""
    rows = _ask(state, args)
    flying = _in_flight(state)
    ingestds: Dict[str, Dict[str, Any]] = {}
    senders: Dict[Tuple[str, str], Dict[str, Any]] = {}
    faults: List[Dict[str, Any]] = []

    def ingestd(name: str) -> Dict[str, Any]:
        return ingestds.setdefault(name, {"instance": name, "dropped": 0, "lost": 0, "maybe_lost": 0,
                                          "holes": 0, "in_flight": flying.get(name), "totals": dict.fromkeys(COUNTS, 0),
                                          "senders": []})

    for row in rows:
        kind = row.pop("is")
        if kind == "sender":
            own = ingestd(row.pop("instance"))
            for count in COUNTS:
                own["totals"][count] += row[count]
            own["senders"].append({**row, "reasons": {}})
            senders[own["instance"], row["sender"]] = own["senders"][-1]
        elif kind == "reason":
            senders[row["instance"], row["sender"]]["reasons"][row["reason"]] = row["datagrams"]
        elif kind == "instance":
            ingestd(row.pop("instance")).update(row)
        elif kind == "fault":
            faults.append(row)
    return {"closes": not faults, "verified": args.verify, "faults": faults,
            "ingestds": [ingestds[name] for name in sorted(ingestds)]}


# ---- for people ----

COLUMNS = [("SENDER", "sender"), ("DATAGRAMS", "datagrams"), ("ACCEPTED", "accepted"),
           ("EXCEPTIONS", "exceptions"), ("REJECTED", "rejected_datagrams"), ("RECORDS", "records"),
           ("STORED", "stored"), ("SAME START", "same_start"), ("DUPLICATES", "duplicates"), ("REJECTED LATER", "rejected_records")]


def shown(value: Any) -> str:
    """As text that does nothing to a terminal."""
    return "".join(c if c.isprintable() else "?" for c in str(value))


def _lines(rows: List[Dict[str, Any]]) -> List[str]:
    cells = [[head for head, _ in COLUMNS]] + [[shown(row[key]) for _, key in COLUMNS] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(COLUMNS))]
    return ["  ".join(cell.ljust(widths[0]) if i == 0 else cell.rjust(widths[i])
                      for i, cell in enumerate(line)).rstrip() for line in cells]


def _reasons(senders: List[Dict[str, Any]]) -> str:
    total: Dict[str, int] = {}
    for sender in senders:
        for reason, count in sender["reasons"].items():
            total[reason] = total.get(reason, 0) + count
    return ", ".join(f"{shown(reason)} {count}" for reason, count in sorted(total.items())) or "nothing"


def _lost(ingestd: Dict[str, Any]) -> str:
    more = f", perhaps {ingestd['maybe_lost']} more" if ingestd["maybe_lost"] else ""
    return f"lost by being killed: {ingestd['lost']}{more}"


def _fault_line(fault: Dict[str, Any]) -> str:
    difference = fault["found"] - fault["expected"]
    if fault["what"] == "records of no row":
        return f"row {fault['ledger_id']}, which the ledger does not have: {fault['found']} records are stored"
    meaning = {"datagrams": "accepted, exceptions and rejected are", "records": "stored, duplicates and rejected are",
               "stored": "the records that are there are"}[fault["what"]]
    return (f"row {fault['ledger_id']}, {fault['hour']}, ingestd {fault['instance']}, sender {shown(fault['sender'])}:"
            f" {fault['what']} {fault['expected']}, {meaning} {fault['found']} ({difference:+})")


def table(found: Dict[str, Any]) -> str:
    lines: List[str] = []
    for ingestd in found["ingestds"]:
        flying: Optional[Dict[str, int]] = ingestd["in_flight"]
        lines += [f"ingestd {ingestd['instance']}"]
        lines += ["  " + line for line in _lines(ingestd["senders"] + [{"sender": "(all)", **ingestd["totals"]}])]
        lines += [f"  rejected: {_reasons(ingestd['senders'])}",
                  f"  dropped by the kernel: {ingestd['dropped']} datagrams; {_lost(ingestd)};"
                  f" sequence holes: {ingestd['holes']}"]
        if flying is not None:
            lines += [f"  with ingestd, not stored yet: {flying['batches']} batches, {flying['records']} records"]
        lines += [""]
    for fault in found["faults"][:FAULTS_SHOWN]:
        lines.append(_fault_line(fault))
    if len(found["faults"]) > FAULTS_SHOWN:
        lines.append(f"and {len(found['faults']) - FAULTS_SHOWN} more (--json has all)")
    if not found["ingestds"]:
        lines.append("nothing was received")
    compared = ", compared with the records" if found["verified"] else ""
    lines.append(f"the ledger closes{compared}" if found["closes"] else f"the ledger does not close{compared}")
    return "\n".join(lines)
