# SPDX-License-Identifier: Apache-2.0
"""Commands that ezrepoctl does, with the set's addresses and our certificate put in. They are asked for again and again by
scripts, so nothing is loaded here that only the others need.
"""
import argparse
import os
import re
import sys
from typing import List, NoReturn

from . import trust
from .errors import Failure
from .state import State, default_directory, program

COMMANDS = {
    "send": "send mPlane results to ingestd by UDP: [--udp HOST:PORT] FILE|-, one result a line; or what another tool"
            " wrote, to the set on this machine: --format FORMAT FILE...|--follow; or either as signed datagrams, to any set:"
            " --key KEYFILE --to HOST:PORT [--format FORMAT] FILE...|--follow",
    "import": "old results, of any age and number, into the set on this machine: [--format FORMAT] FILE|FOLDER...; the same command"
              " again goes on",
    "query": "QueryByCriteria: how many records match, how many of them have the grade",
    "periods": "the periods of steady quality that match, newest first",
    "events": "the changes of grade that match, newest first",
    "records": "the records that match, newest first",
    "silent": "the series and probes of which records are missing, and since when: [--retired]",
    "alerts": "alerts that fire, to whom they were told, and what came back: [--all]",
    "alert": "test [--route NAME]: tells all receivers of an alert that is a test, and what each answered",
    "timeline": "--since TIME: periods as a line of grades for each series that matches",
    "grid": "[--rows source] [--columns dest]: how good it is from where to where, or by two other dimensions",
    "buckets": "--metric NAME --since TIME: least, mean and greatest value of a metric by parts of the range",
    "now": "what is bad now, and why: [--range 1..2] [--changed 1h] [--each]; the worst first, in groups that one dimension explains",
    "series": "the series that match, which grade each has now, and since when",
    "facets": "[DIMENSION]: the values of a dimension, or some of each, among the series that match, the most frequent first",
    "changes": "what changed, in the order in which it was told: [--since TIME|--cursor CURSOR] [--follow]",
    "arrivals": "the records that match, in the order in which they arrived: [--since TIME|--cursor CURSOR] [--follow]",
    "watch": "FILE [--exec CMD] [--records]: what changes, or records, from the cursor in a file on, which is kept there",
    "grading": "check FILE | get | set FILE | diff VERSION [VERSION] | rollback VERSION | history | try FILE"
               " | add-defaults TYPE...: the grading in force; blocks that record types bring along",
    "types": "check [FILE]: what files of record types leave open, the set's unless given | adopt [--yes]: gaps kept of"
             " the release before",
    "format": "list | show NAME | check FILE | try FORMAT [FILE]: formats of other tools, and what one makes of a file",
    "user": "add NAME --role ROLE | list | password NAME | remove NAME | link NAME: who logs in with a password; links that log in"
            " once",
    "token": "issue NAME --type GLOB --from PREFIX | list | revoke NAME: bearer tokens, for what has no certificate",
    "key": "issue NAME --type GLOB --from PREFIX | list | revoke NAME: keys for authenticated datagrams",
    "role": "list | add ROLE [IDENTITY...] [--sees CRITERIA] [--delivers CRITERIA] |"
            " remove ROLE [IDENTITY...] | allow ROLE LABEL... | deny ROLE LABEL...",
    "expect": "list | add [--dest PATTERN ...] --every DURATION [--delay DURATION] | remove NUMBER: which series are expected how often",
    "maintenance": "list | add [--dest PATTERN ...] --to TIME --reason TEXT | end NUMBER: when somebody works on what is measured",
    "access": "show | history: who may do what, and who changed it",
    "rebuild": "periods, events and roll-ups from the records again; --verify only compares",
}
ACCESS = ("user", "token", "key", "role", "access", "maintenance", "expect")
NEED_NO_GATEWAY = ("send", "rebuild", "types", "format", "alert", *ACCESS)


def opened(directory: str) -> State:
    """A Failure when there is no set, or when it is somebody's who could make root do what he wants."""
    state = State(directory)
    if state.exists:
        trust.check(state.path("set.json"))
        trust.check(state.config_file)
    _ = state.settings
    return state


def gateway_arguments(state: State, client: str) -> List[str]:
    """For ezrepoctl: where the gateway is and who we are."""
    folder = state.path("pki", "clients")
    files = {"--cert": os.path.join(folder, client + ".crt"),
             "--key": os.path.join(folder, client + ".key"), "--ca": state.path("pki", "ca.crt")}
    for path in files.values():
        if not os.access(path, os.R_OK):
            reason = "no permission to read it" if os.path.isdir(folder) and not os.access(
                folder, os.X_OK) else "it is not there"
            raise Failure(f"{path}: {reason}; --as NAME chooses another client certificate")
    arguments = ["--url", state.option("mplane-gw", "public_url")]
    for option, path in files.items():
        arguments += [option, path]
    return arguments


def page_url(state: State) -> str:
    """Where a browser finds the page."""
    web = state.config().get("webd", {})
    listen = web.get("listen", ["127.0.0.1:8894"])
    host, _, port = str(listen[0] if isinstance(listen, list) and listen else "127.0.0.1:8894").rpartition(":")
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)
    return f"{'https' if web.get('certificate') else 'http'}://{host}:{port}"


def _user_arguments(state: State, verb: str) -> List[str]:
    """For ezrepoctl: where the page is, which roles webd has besides those in the store."""
    if verb == "link":
        return ["--url", page_url(state)]
    arguments = []
    for role in state.config().get("webd", {}).get("access", {}).get("roles", {}) if verb == "add" else ():
        arguments += ["--configured", role]
    return arguments


def first_udp(state: State) -> str:
    listen = state.option("ingestd", "listen")
    if not isinstance(listen, list) or not listen:
        raise Failure(f"{state.config_file}: ingestd.listen names no address; give --udp HOST:PORT")
    return re.sub(r"^0\.0\.0\.0:", "127.0.0.1:", re.sub(r"^\[::\]:", "[::1]:", str(listen[0])))


def _format_arguments(directory: str, verb: str) -> List[str]:
    """For ezrepoctl: where the set's formats are, and by what it grades; nothing where there is no set."""
    if verb not in ("list", "show", "try", "check-grading", "add-defaults") or not State(directory).exists:
        return []
    state = opened(directory)
    arguments = ["--schemas", state.schemas_folder] if os.path.isdir(state.schemas_folder) else []
    for folder in state.formats():
        arguments += ["--own", folder]
    if verb in ("try", "check-grading", "add-defaults"):
        for folder in state.record_types()[1:]:
            arguments += ["--record-types", folder]
    if verb == "try":
        grading = str(state.config().get("stored", {}).get("grading_default") or "")
        arguments += ["--grading-default", grading] if grading else []
        for name, value in state.config().get("ingestd", {}).items():
            if name.startswith(("max_", "body_")) and isinstance(value, int):
                arguments += ["--limit", f"{name}={value}"]
    return arguments


def _asked(own: argparse.Namespace) -> List[str]:
    """For ezrepoctl's trial of a format, and a check of a grading: of whom it learns the grading in force, and what was seen;
    nothing where there is no set, or who asks may not ask it."""
    if not State(own.state).exists:
        return []
    try:
        return [*gateway_arguments(opened(own.state), own.client), "--timeout", "10"]
    except Failure:
        return []


def deliverer(directory: str) -> List[str]:
    """Of the command that delivers what another tool wrote to the set on this machine all but the format and the files."""
    return [program("ezrepoctl"), "deliver", "--run-dir", opened(directory).endpoint_folder("deliver"),
            *_format_arguments(directory, "list")]


def _signed_to(directory: str, format_name: str) -> str:
    """Where the set on this machine takes signed datagrams of this format; "": mPlane's."""
    listeners = opened(directory).config().get("ingestd", {}).get("listeners", []) if State(directory).exists else []
    for one in listeners if isinstance(listeners, list) else []:
        if isinstance(one, dict) and one.get("authenticated") is True and one.get("format", "") == format_name:
            return re.sub(r"^0\.0\.0\.0:", "127.0.0.1:", re.sub(r"^\[::\]:", "[::1]:", str(one.get("listen"))))
    raise Failure("no listener of a set on this machine takes such signed datagrams; give --to HOST:PORT")


def _signed(own: argparse.Namespace, rest: List[str]) -> List[str]:
    """For ezrepoctl: a key, and what is signed with it, by a machine that need not have a set."""
    arguments = ["sign", own.key_file]
    if own.format_name is not None:
        arguments += ["--format", own.format_name] + _format_arguments(own.state, "list")
    if not any(word == "--to" or word.startswith("--to=") for word in rest):
        arguments += ["--to", _signed_to(own.state, own.format_name or "")]
    return arguments


def run(command: str, arguments: List[str]) -> NoReturn:
    """Becomes ezrepoctl."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--state", default=default_directory())
    parser.add_argument("--as", dest="client", default="admin", metavar="NAME")
    if command == "send":
        parser.add_argument("--format", dest="format_name")
        parser.add_argument("--key", dest="key_file")
    own, rest = parser.parse_known_args(arguments)
    call = [program("ezrepoctl"), command]
    wants_help = "--help" in rest or "-h" in rest
    if wants_help:
        sys.stdout.write(f"ezrepo {command} [--state DIR] [--as NAME] ...\n"
                         "  --state DIR  the set's directory (or EZREPO_STATE)\n"
                         "  --as NAME    the client certificate pki/clients/NAME.crt (admin)\n"
                         "The connection is taken from the set; all else is ezrepoctl's:\n\n")
        if command == "send":
            sys.stdout.write("With --format FORMAT, to the set on this machine; `deliver` is ezrepoctl's word for it:\n\n")
        sys.stdout.flush()
        if command == "send":
            for verb, then in (("deliver", "With --key KEYFILE, as signed datagrams; `sign` is ezrepoctl's word for it:"),
                               ("sign", "With neither:")):
                if os.spawnv(os.P_WAIT, call[0], [call[0], verb, "--help"]) != 0:
                    raise Failure(f"{call[0]}: {verb} --help failed")
                sys.stdout.write(f"\n{then}\n\n")
                sys.stdout.flush()
            rest = ["--help"]
    elif command == "send" and own.key_file is not None:
        call = [call[0], *_signed(own, rest)]
    elif command == "send" and own.format_name is not None:
        # What another tool wrote does not go by UDP: it is on disk when that is told.
        call = [*deliverer(own.state), own.format_name]
    elif command == "send" and "--udp" not in rest:
        call += ["--udp", first_udp(opened(own.state))]
    elif command in ACCESS and not wants_help:
        if command == "user" and not any(word == "--url" or word.startswith("--url=") for word in rest):
            rest += _user_arguments(opened(own.state), rest[0] if rest else "")
        rest += ["--run-dir", opened(own.state).endpoint_folder("admin")]
    elif command == "alert" and not wants_help:
        rest += ["--run-dir", opened(own.state).endpoint_folder("trial")]
    elif command == "import" and not wants_help:
        from . import importing
        state = opened(own.state)
        call += ["--run-dir", state.endpoint_folder("deliver")] + _format_arguments(own.state, "list")
        sys.exit(importing.run(state, own.client, call, rest))
    elif command == "rebuild":
        call += ["--run-dir", opened(own.state).endpoint_folder("store")]
    elif command == "types" and rest == ["check"]:
        rest += opened(own.state).record_types()
    elif command == "types" and rest[:1] == ["adopt"]:
        rest += ["--run-dir", opened(own.state).endpoint_folder("store")]
    elif command == "format" and rest:
        call, rest = call + rest[:1] + _format_arguments(own.state, rest[0]) + (_asked(own) if rest[0] == "try" else []), rest[1:]
    elif command == "grading" and rest[:1] == ["check"]:
        call += ["check", *_format_arguments(own.state, "check-grading"), *_asked(own)]
        rest = rest[1:]
    elif command not in NEED_NO_GATEWAY:
        # `grading get`: the verb stays first, as ezrepoctl expects it.
        if command == "grading":
            call, rest = call + rest[:1], rest[1:]
            call += _format_arguments(own.state, call[-1]) if call[-1] == "add-defaults" else []
        call += gateway_arguments(opened(own.state), own.client)
    os.execv(call[0], call + rest)
