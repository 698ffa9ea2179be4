# SPDX-License-Identifier: Apache-2.0
"""`ezrepo rejected`: what could not be accepted, and why; what is kept whole can be sent again.

Asks the gateway, and changes nothing there: what is sent again goes to ingestd by UDP like anything else, or as a file if
it may be too old for a datagram; what came in another tool's format to ingestd's own door, as what it was. Its row stays as
the history of what was refused. Sent twice, it is a duplicate.
"""
import argparse
import datetime
import json
import os
import re
import secrets
import socket
import subprocess
import urllib.parse
from typing import Any, Dict, List, Optional, Tuple

from . import asking, messages, passed_on
from .errors import Failure, Usage
from .ledger import shown
from .output import say
from .state import State

DATAGRAM_BYTES = 65507
RECORD_REASONS = ("database", "expired", "record")  # kept as a records frame of one record, by stored
# Files may be older, and last longer; and a record that went into the spool may have come by any door.
FILE_REASONS = ("time.past", "time.long", *RECORD_REASONS)
# Names of the answer's columns in what is printed.
COLUMNS = {"rejected.number": "id", "time": "received_at", "input.sender": "sender", "rejected.reason": "reason",
           "rejected.detail": "detail", "rejected.bytes": "size_bytes", "rejected.kept": "kept_bytes",
           "ingestd.instance": "instance", "batch.sequence": "sequence", "batch.item": "item", "input.door": "door",
           "input.format": "format", "input.context": "context"}
MPLANE = ("mplane", "")  # formats of what needs no mapping; "": it is not known


# ---- a record as ingestd passed it on ----

class Unpack:
    """The part of msgpack that messages consist of."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def bytes(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            raise ValueError("it ends too early")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, count: int, signed: bool = False) -> int:
        return int.from_bytes(self.bytes(count), "big", signed=signed)

    def value(self, depth: int = 0) -> Any:
        if depth > 8:
            raise ValueError("it is nested too deeply")
        first = self.number(1)
        if first < 0x80 or first >= 0xe0:
            return first if first < 0x80 else first - 256
        if first == 0xc0:
            return None
        if 0xcc <= first <= 0xd3:
            return self.number(1 << (first & 3), signed=first >= 0xd0)
        if 0xa0 <= first < 0xc0 or first in (0xd9, 0xda, 0xdb):
            length = first & 31 if first < 0xc0 else self.number(1 << (first - 0xd9))
            return self.bytes(length).decode("utf-8", "surrogateescape")
        if 0x90 <= first < 0xa0 or first in (0xdc, 0xdd):
            length = first & 15 if first < 0xa0 else self.number(2 << (first - 0xdc))
            return [self.value(depth + 1) for _ in range(length)]
        raise ValueError(f"a byte {first:#x} where a value should begin")


def _told(schema: Dict[str, Any], record: Dict[str, Any]) -> Dict[str, Any]:
    """A record with the names of its values."""
    results, parameters, metadata = (schema[name] for name in ("results", "parameters", "metadata"))
    if len(record["values"]) != len(results) + len(parameters) + len(metadata):
        raise ValueError("not as many values as names")
    named = list(zip(results + parameters + metadata, record["values"]))
    middle = len(results) + len(parameters)
    return {**{name: record[name] for name in ("type", "content", "probe", "source", "dest", "path", "t_start_us",
                                               "t_end_us", "row", "label")},
            "verb": schema["verb"], "registry": schema["registry"],
            "results": dict(named[:len(results)]), "parameters": dict(named[len(results):middle]),
            "metadata": dict(named[middle:])}


def unpack_record(frame: bytes) -> Dict[str, Any]:
    """The one record of a records frame, with the names of its values."""
    reader = Unpack(frame)
    [schema], [record] = reader.value()
    if reader.at != len(frame):
        raise ValueError("something is left over")
    try:
        return _told(messages.fields("schema", schema), messages.fields("record", record))
    except KeyError as missing:
        raise ValueError(f"it has no {missing}") from None


def _time(us: int) -> str:
    then = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=us)
    return then.strftime("%Y-%m-%d %H:%M:%S") + f".{then.microsecond:06}"


def result_of(record: Dict[str, Any]) -> bytes:
    """The mPlane result that ingestd makes the same record of again."""
    if record["row"] != 0:
        raise ValueError(f"it is row {record['row']} of a result, which cannot be sent without the others")
    start, end = _time(record["t_start_us"]), _time(record["t_end_us"])
    parameters = dict(record["parameters"])
    if not record["metadata"].get("System_ID") and "record.probe" not in {**parameters, **record["metadata"]}:
        parameters["record.probe"] = record["probe"]  # it was the sender's address, which now is ours
    message = {"result": record["verb"], "version": 1, "registry": record["registry"],
               "label": record["label"], "when": start if start == end else f"{start} ... {end}",
               "parameters": parameters, "metadata": record["metadata"], "results": list(record["results"]),
               "resultvalues": [list(record["results"].values())]}
    return json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogateescape")


# ---- asking ----

def _renamed(answer: Dict[str, Any]) -> Dict[str, Any]:
    """A row under the names that are printed. None of it is ever null: what mPlane takes for that was a "*"."""
    row = {name: "*" if answer[column] is None else answer[column] for column, name in COLUMNS.items()}
    return {**row, "received_at": asking.iso(row["received_at"])}


def _one(state: State, client: str, number: int) -> Dict[str, Any]:
    rows, = asking.answers(state, client, [("RejectedBytes", {"rejected.number": str(number)})])
    if not rows:
        raise Failure(f"there is no {number} among what was rejected; only the newest is kept")
    return {**_renamed(rows[0]), "head": bytes.fromhex(rows[0]["rejected.head"])}


def _is_whole(row: Dict[str, Any]) -> bool:
    return bool(row["kept_bytes"] == row["size_bytes"])


# ---- list ----

def list_rows(state: State, args: argparse.Namespace) -> int:
    criteria: Dict[str, Optional[str]] = {"input.sender": args.sender or None, "rejected.reason": args.reason or None}
    found, = asking.answers(state, args.client, [("RejectedList", criteria)], asking.scope(args.since), most=args.limit)
    rows = [_renamed(row) for row in found]
    if args.json:
        for row in rows:
            say(json.dumps(row))
        return 0
    lines = [("ID", "RECEIVED", "SENDER", "FORMAT", "REASON", "BYTES", "DETAIL")]
    lines += [(str(r["id"]), r["received_at"][:19].replace("T", " "), shown(r["sender"]), shown(r["format"]) or "-", shown(r["reason"]),
               str(r["size_bytes"]) if _is_whole(r) else f"{r['kept_bytes']} of {r['size_bytes']}",
               shown(r["detail"])) for r in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(6)]
    for line in lines:
        say("  ".join([*(cell.ljust(width) for cell, width in zip(line, widths)), line[6]]).rstrip())
    return 0


# ---- show ----

def _hex_lines(data: bytes) -> List[str]:
    return [f"{at:08x}  {' '.join(f'{b:02x}' for b in data[at:at + 16]):<47}  "
            + "".join(chr(b) if 32 <= b < 127 else "." for b in data[at:at + 16]) for at in range(0, len(data), 16)]


def _body(row: Dict[str, Any]) -> Tuple[str, Any]:
    """How the kept bytes are best told: "record", "text" or "bytes"."""
    head: bytes = row["head"]
    if row["reason"] in RECORD_REASONS and _is_whole(row):
        try:
            return "record", unpack_record(head)
        except (ValueError, TypeError):
            pass
    try:
        text = head.decode()
        if all(c.isprintable() or c in "\n\t" for c in text):
            return "text", text
    except UnicodeDecodeError:
        pass
    return "bytes", head


def show_row(state: State, args: argparse.Namespace) -> int:
    row = _one(state, args.client, args.id)
    how, body = _body(row)
    if args.json:
        told = body.hex() if how == "bytes" else body
        say(json.dumps({**{k: v for k, v in row.items() if k != "head"}, how: told}))
        return 0
    for name in ("id", "received_at", "sender", "door", "format", "context", "reason", "detail", "instance", "sequence", "item"):
        say(f"{name:<12} {shown(row[name])}")
    say(f"{'kept':<12} {row['kept_bytes']} of {row['size_bytes']} bytes")
    say("")
    if how == "record":
        say(json.dumps(body, indent=2))
    else:
        say(body if how == "text" else "\n".join(_hex_lines(body)))
    return 0


# ---- replay ----

def _whole(row: Dict[str, Any]) -> bytes:
    """What came; ValueError when not all of it is kept, or it came from nobody."""
    if row["reason"] == "batch":
        raise ValueError("it is a batch that could not be read, nothing that a probe sent")
    if not _is_whole(row):
        raise ValueError(f"only {row['kept_bytes']} of its {row['size_bytes']} bytes are kept"
                         + ("" if row["reason"] in RECORD_REASONS else " (ingestd.reject_head_bytes)"))
    return bytes(row["head"])


def _datagram(row: Dict[str, Any]) -> bytes:
    """What to send; ValueError when it cannot be known."""
    data = _whole(row)
    if row["reason"] in RECORD_REASONS:
        try:
            data = result_of(unpack_record(data))
        except (TypeError, OverflowError) as fault:
            raise ValueError(f"it is no record that can be read: {fault}") from None
    if len(data) > DATAGRAM_BYTES:
        raise ValueError("it is longer than a datagram")
    return data


def _address(text: str) -> Tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not re.fullmatch("[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise Usage(f'--udp: expected HOST:PORT, found "{text}"')
    return host.strip("[]"), int(port)


def _put(folder: str, number: int, data: bytes) -> None:
    """Into the folder that ingestd looks into, as a whole or not at all."""
    name = f"rejected-{number}.json"
    hidden = f".{name}.{secrets.token_hex(8)}"
    try:
        # Others may write into the folder: what they put there under a name of ours is not followed.
        at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with open(os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=at), "wb") as file:
                file.write(data)
                os.fchmod(file.fileno(), 0o644)
            os.rename(hidden, name, src_dir_fd=at, dst_dir_fd=at)
        finally:
            os.close(at)
    except OSError as error:
        raise Failure(f"{folder}: {number} is not put there: {error.strerror}") from None


def _folder(state: State, args: argparse.Namespace) -> str:
    """For what is too old to be sent; "" when it is to be sent all the same."""
    return "" if args.udp else str(state.config().get("ingestd", {}).get("drop_dir", ""))


def _warning(row: Dict[str, Any], args: argparse.Namespace) -> str:
    """Of what the door it goes by may refuse again."""
    return "; by UDP it may be refused again, with ingestd.drop_dir it would go as a file" \
        if row["reason"] in FILE_REASONS and not args.udp else ""


def _is_mapped(row: Dict[str, Any]) -> bool:
    """Whether it is read by a format's mapping, if it is to be what it was."""
    return row["format"] not in MPLANE and row["reason"] not in (*RECORD_REASONS, "batch")


def _who(row: Dict[str, Any]) -> str:
    """What the mapping knew as #sender: without the door before it, or the port behind it."""
    sender = str(row["sender"])
    if sender.startswith(f"{row['door']}:"):
        return sender[len(row["door"]) + 1:]
    return sender.rpartition(":")[0].strip("[]") if row["door"] == "udp" else sender


def _deliver(state: State, row: Dict[str, Any]) -> str:
    """In its format, with what was known beside it and as of then; what became of it. ValueError where it is refused again."""
    known = {"sender": _who(row), **dict(urllib.parse.parse_qsl(row["context"], keep_blank_values=True))}
    arguments = ["--any-context", "--received", known.pop("received", row["received_at"])]
    for name, value in known.items():
        arguments += ["--context", f"{name}={value}"]
    done = subprocess.run([*passed_on.deliverer(state.directory), row["format"], "-", *arguments], input=_whole(row), check=False,
                          capture_output=True)
    told = done.stdout.decode("utf-8", "replace").strip()
    if done.returncode != 0:
        why = [line.removeprefix("ezrepoctl: ").removeprefix("standard input: ")
               for line in done.stderr.decode("utf-8", "replace").splitlines()]
        raise ValueError("; ".join([*([told] if told else []), *why]))
    return f"sent as {row['format']}: {told}"


def replay(state: State, args: argparse.Namespace, udp: str) -> int:
    host, port = _address(args.udp or udp)
    folder = _folder(state, args)
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    except socket.gaierror as error:
        raise Failure(f"{host}: {error.strerror}") from None
    failed = 0
    with socket.socket(family, kind, protocol) as sender:
        sender.connect(address)
        for number in args.ids:
            try:
                row = _one(state, args.client, number)
                if _is_mapped(row) and not args.udp:
                    say(f"{number}  {_deliver(state, row)}")
                    continue
                data = _datagram(row)
                if folder and row["reason"] in FILE_REASONS:
                    _put(folder, number, data)
                    say(f"{number}  put into {folder}")
                    continue
                sender.send(data)
                # On this machine the kernel knows at once when nobody listens.
                error = sender.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if error:
                    raise OSError(error, os.strerror(error))
                say(f"{number}  sent{_warning(row, args)}")
            except (ValueError, Failure) as fault:
                say(f"{number}  not sent: {shown(fault)}")
                failed += 1
            except OSError as fault:
                raise Failure(f"{host}:{port}: {number} is not sent: {fault.strerror}") from None
    return 1 if failed else 0
