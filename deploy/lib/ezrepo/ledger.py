# SPDX-License-Identifier: Apache-2.0
"""`ezrepo ledger`: what came in, from whom, what became of it, and whether that adds up.

What adds up is queryd's to say; this puts its answers together and prints them.
"""
import argparse
import json
import uuid
from typing import Any, Dict, List, Optional

from . import asking, status
from .errors import Usage
from .state import State

FAULTS_SHOWN = 50
COUNTS = ("datagrams", "accepted", "exceptions", "rejected_datagrams", "records", "stored", "same_start",
          "duplicates", "rejected_records", "missing")

# Names of the answer's columns in what is printed.
ACCOUNT = {"input.sender": "sender", "ledger.hours": "hours", "ledger.first": "first_hour", "ledger.last": "last_hour",
           "datagrams.count": "datagrams", "datagrams.accepted": "accepted", "datagrams.exceptions": "exceptions",
           "datagrams.rejected": "rejected_datagrams", "records.count": "records", "records.stored": "stored",
           "records.samestart": "same_start", "records.duplicates": "duplicates", "records.rejected": "rejected_records",
           "datagrams.missing": "missing"}
LOSSES = {"datagrams.dropped": "dropped", "datagrams.lost": "lost", "datagrams.maybelost": "maybe_lost",
          "batches.missing": "holes"}
FAULT = {"ledger.row": "ledger_id", "ledger.hour": "hour", "ingestd.instance": "instance", "input.sender": "sender",
         "ledger.fault": "what", "ledger.expected": "expected", "ledger.found": "found"}
TIMES = ("first_hour", "last_hour", "hour")
NUMBERS = {*COUNTS, *LOSSES.values(), "hours", "ledger_id", "expected", "found"}


def _instance(text: str) -> str:
    try:
        return str(uuid.UUID(text)) if text else ""
    except ValueError:
        raise Usage(f'--instance: expected the UUID of an ingestd, as its note in `status` has it;'
                    f' found "{text}"') from None


def _renamed(row: Dict[str, Any], names: Dict[str, str]) -> Dict[str, Any]:
    """These columns of it under these names; numbers as such, whatever their sign."""
    told = {name: row[column] for column, name in names.items()}
    return {name: asking.iso(value) if name in TIMES else int(value) if name in NUMBERS else value
            for name, value in told.items()}


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
    when, instance = asking.scope(args.since, args.until), _instance(args.instance)
    chosen: Dict[str, Optional[str]] = {"ingestd.instance": instance or None, "input.sender": args.sender or None}
    flying = _in_flight(state)
    ingestds: Dict[str, Dict[str, Any]] = {}

    def ingestd(name: str) -> Dict[str, Any]:
        return ingestds.setdefault(name, {"instance": name, "dropped": 0, "lost": 0, "maybe_lost": 0,
                                          "holes": 0, "in_flight": flying.get(name), "totals": dict.fromkeys(COUNTS, 0),
                                          "senders": []})

    # What does not add up is found by one statement, that is of one moment.
    accounts, losses, faults = asking.answers(state, args.client, [
        ("LedgerAccounts", chosen), ("LedgerLosses", {"ingestd.instance": instance or None}),
        ("LedgerFaults", {**chosen, "ledger.recount": "True" if args.verify else None})], when,
        seconds=asking.RECOUNT_SECONDS if args.verify else 0)
    for row in accounts:
        own, account = ingestd(row["ingestd.instance"]), _renamed(row, ACCOUNT)
        for count in COUNTS:
            own["totals"][count] += account[count]
        own["senders"].append({**account, "reasons": json.loads(row["datagrams.reasons"])})
    for row in losses:
        ingestd(row["ingestd.instance"]).update(_renamed(row, LOSSES))
    return {"closes": not faults, "verified": args.verify, "faults": [_renamed(row, FAULT) for row in faults],
            "ingestds": [ingestds[name] for name in sorted(ingestds)]}


# ---- for people ----

COLUMNS = [("SENDER", "sender"), ("DATAGRAMS", "datagrams"), ("ACCEPTED", "accepted"),
           ("EXCEPTIONS", "exceptions"), ("REJECTED", "rejected_datagrams"), ("MISSING", "missing"), ("RECORDS", "records"),
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
