# SPDX-License-Identifier: Apache-2.0
"""The command line of `ezrepo`: one function a command, but for those of passed_on.py."""
import argparse
import json
import os
from typing import Any, Callable, List

from . import (accounts, check, completion, initialise, ledger, lifecycle, lock, manager, output, passed_on, pki, readers, rejected, status, uninstall,
               upgrade, why)
from .errors import Usage
from .output import say
from .passed_on import first_udp, opened
from .state import NUMBERED, SUPERVISORD, SYSTEMD, State, default_directory, version

Command = Callable[[State, argparse.Namespace], int]


def cmd_init(state: State, args: argparse.Namespace) -> int:
    initialise.init(state, initialise.Wanted(
        user=args.user, database=args.database, database_read=args.database_read,
        udp_port=args.udp_port, https_port=args.https_port, registry_port=args.registry_port,
        ingest_port=args.ingest_port, metrics_port=args.metrics_port, page_port=args.page_port,
        listen=args.listen, names=args.name, classifyds=args.classifyd, manager=args.manager))
    say(f"made {state.directory}\n"
        f"  configuration  {state.config_file}\n"
        f"  certificates   {state.path('pki')} (your own client certificate: clients/admin.crt)\n"
        f"  identity       {pki.server_identity(state)} (the gateway's, for supervisors)\n"
        f"start it: ezrepo up --state {state.directory}")
    for address in initialise.open_addresses(args.listen):
        output.complain(f"whoever can reach UDP port {args.udp_port} of {address} can add records, under any probe's"
                        f" name: UDP has no certificates. Say who may, as in \"allow\": [\"192.0.2.0/24\"] in the"
                        f" section \"ingestd\" of {state.config_file}, or close the port with a firewall"
                        " (docs/threat-model.md)")
    return 0


def cmd_up(state: State, args: argparse.Namespace) -> int:
    lifecycle.choose_manager(state, args.manager)
    lifecycle.up(state, args.outside)
    say(f"running: {' '.join(state.process_names())}")
    return 0


def cmd_down(state: State, _: argparse.Namespace) -> int:
    lifecycle.down(state)
    return 0


def cmd_restart(state: State, args: argparse.Namespace) -> int:
    lifecycle.restart(state, args.process)
    return 0


def cmd_reload(state: State, args: argparse.Namespace) -> int:
    lifecycle.reload(state, args.process)
    return 0


def cmd_status(state: State, args: argparse.Namespace) -> int:
    found = status.collect(state)
    say(json.dumps(found, indent=2) if args.json else status.table(found))
    return 0 if found["ok"] else 1


def cmd_check(state: State, args: argparse.Namespace) -> int:
    url, guessed = (args.url.rstrip("/"), "") if args.url else check.address(state)
    code, lines = check.look(url, guessed)
    say(check.text(code, lines))
    return code


def cmd_ledger(state: State, args: argparse.Namespace) -> int:
    found = ledger.collect(state, args)
    say(json.dumps(found, indent=2) if args.json else ledger.table(found))
    return 0 if found["closes"] else 1


def cmd_scale(state: State, args: argparse.Namespace) -> int:
    lifecycle.scale(state, args.process, args.count)
    return 0


def cmd_upgrade_cluster(state: State, args: argparse.Namespace) -> int:
    upgrade.upgrade(state, args.to, args.check, args.link)
    return 0


def cmd_uninstall(state: State, args: argparse.Namespace) -> int:
    uninstall.uninstall(state, args.remove_state)
    return 0


def cmd_logs(state: State, args: argparse.Namespace) -> int:
    return lifecycle.show_logs(state, args.process, args.lines, args.follow)


def cmd_sql(state: State, args: argparse.Namespace) -> int:
    return readers.psql(state, args.words)


def cmd_reader_add(state: State, args: argparse.Namespace) -> int:
    say(readers.add(state, args.user))
    return 0


def cmd_reader_remove(state: State, args: argparse.Namespace) -> int:
    readers.remove(state, args.user)
    return 0


def cmd_reader_list(state: State, _: argparse.Namespace) -> int:
    for user in readers.listed(state):
        say(user)
    return 0


def _tell_gateway(state: State) -> int:
    """Has the servers that run read their configuration, certificates and revocations, and says what came of it. 1 when
    one refused them."""
    running = manager.connect(state)
    processes = running.processes() if running is not None else {}
    names = [name for name in initialise.SERVERS if processes.get(name, {}).get("pid")]
    if running is None or not names:
        return 0
    lifecycle.wait_until_running(state, names)  # before that they would not know the signal
    return 0 if all([lifecycle.read_again(state, running, name) for name in names]) else 1


def _make_client(state: State, args: argparse.Namespace, request: str) -> int:
    identity, servers = initialise.add_client(state, initialise.Client(
        args.name, args.role, args.renew, args.host, request, args.days))
    lines = [f"identity     {identity}", f"certificate  {state.path('pki', 'clients', args.name + '.crt')}"]
    if not request:
        lines.append(f"key          {state.path('pki', 'clients', args.name + '.key')}")
    if args.role is not None:
        lines.append(f"role         {args.role} at {' and '.join(servers)}")
    say("\n".join(lines))
    return _tell_gateway(state) if args.role is not None else 0


def cmd_pki_issue(state: State, args: argparse.Namespace) -> int:
    return _make_client(state, args, "")


def cmd_pki_sign(state: State, args: argparse.Namespace) -> int:
    return _make_client(state, args, args.request)


def cmd_pki_server(state: State, args: argparse.Namespace) -> int:
    pki.make_server(state, state.account("mplane-gw"), args.name, rename=args.new_identity)
    if state.each and os.geteuid() == 0:
        accounts.make(str(state.settings["user"]))
    pki.make_ingest(state, state.account("ingest-gw"), args.name)
    say(f"certificate  {state.path('pki', 'server.crt')} for {', '.join(pki.server_names(args.name))}\n"
        f"identity     {pki.server_identity(state)}")
    return _tell_gateway(state)


def cmd_pki_revoke(state: State, args: argparse.Namespace) -> int:
    if bool(args.name) == bool(args.serial):
        raise Usage("pki revoke: expected either NAME or --serial")
    if args.serial:
        name = pki.revoke_serial(state, args.serial)
        said = f"revoked one certificate of {name}"
    else:
        count = pki.revoke_client(state, args.name)
        said = (f"revoked {args.name} ({count} certificate{'' if count == 1 else 's'});"
                f" its identity keeps the roles it has, in {state.config_file} or in the store (ezrepo role list)")
    say(said)
    return _tell_gateway(state)


def cmd_pki_list(state: State, args: argparse.Namespace) -> int:
    rows = pki.list_all(state, list(initialise.configured_roles(state.config()).values()))
    say(json.dumps(rows, indent=2) if args.json else pki.list_text(rows))
    return 0


def cmd_rejected_list(state: State, args: argparse.Namespace) -> int:
    return rejected.list_rows(state, args)


def cmd_rejected_show(state: State, args: argparse.Namespace) -> int:
    return rejected.show_row(state, args)


def cmd_rejected_replay(state: State, args: argparse.Namespace) -> int:
    return rejected.replay(state, args, "" if args.udp else first_udp(state))


# What writes in the state directory, or in what a running set has of it: one at a time.
WRITING = (cmd_reader_add, cmd_reader_remove, cmd_up, cmd_down, cmd_restart, cmd_reload, cmd_scale, cmd_pki_issue, cmd_pki_sign, cmd_pki_server,
           cmd_pki_revoke, cmd_upgrade_cluster)


class _Version(argparse.Action):
    """Prints the version of the programs that would be used."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        say(f"ezrepo {version()}")
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    state_option = argparse.ArgumentParser(add_help=False)
    state_option.add_argument("--state", metavar="DIR", default=argparse.SUPPRESS,
                              help="the set's directory (or EZREPO_STATE; preset %s)"
                              % default_directory().replace("%", "%%"))
    parser = argparse.ArgumentParser(
        prog="ezrepo", parents=[state_option], allow_abbrev=False,
        description="Drives a set of EZRepo's processes that lives in one state directory.",
        epilog="Exit codes: 0 done, 1 failed, 2 wrong usage. docs/operations.md tells more.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version, exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name: str, run: Command, text: str, under: Any = commands) -> argparse.ArgumentParser:
        sub = under.add_parser(name, help=text, description=text, parents=[state_option],
                               allow_abbrev=False)
        sub.set_defaults(run=run)
        return sub

    _add_init(add("init", cmd_init, "make a set: configuration, certificates, private cluster"))
    sub = add("up", cmd_up, "start whatever does not run, and wait until all of it does")
    sub.add_argument("--outside", action="store_true", help="folders that the configuration names outside of the state"
                     " directory are this set's alone")
    sub.add_argument("--manager", choices=(SUPERVISORD, SYSTEMD), default="",
                     help="what runs the set from now on, if it is not what ran it before")
    add("down", cmd_down, "drain and stop everything")
    sub = add("restart", cmd_restart, "drain, stop and start one process, or all but PostgreSQL")
    sub.add_argument("process", nargs="?", default="", help="as in `status`; classifyd, reasond: all of them")
    sub = add("reload", cmd_reload, "have the configuration read again where that needs no restart")
    sub.add_argument("process", nargs="?", default="")
    sub = add("status", cmd_status, "what runs and what it counted; exit code 1 unless all is running")
    sub.add_argument("--json", action="store_true", help="everything, for programs")
    sub = add("check", cmd_check, "how the set does, for Nagios and its kin: a line, performance data, exit code 0 to 3; needs no root")
    sub.add_argument("--url", metavar="URL", default="", help=f"where webd is ({check.PRESET}, or as configured)")
    _add_ledger(add("ledger", cmd_ledger, "what came in, from whom, what became of it; exit code 1 unless it adds up"))
    sub = add("scale", cmd_scale, "change how many classifyds or reasonds there are, also while running")
    sub.add_argument("process", choices=NUMBERED)
    sub.add_argument("count", metavar="N", type=int)
    sub = add("logs", cmd_logs, "the end of the logs of one process, or of all")
    sub.add_argument("process", nargs="?", default="")
    sub.add_argument("-f", "--follow", action="store_true", help="go on as they grow")
    sub.add_argument("-n", "--lines", type=_natural, default=20, metavar="N", help="how many lines (20)")
    add("sql", cmd_sql, "psql on the store, as the role that reads; what stands behind it is psql's")
    _add_reader(add, commands)
    sub = add("upgrade-cluster", cmd_upgrade_cluster, "the private cluster by a newer PostgreSQL, while the set is down")
    sub.add_argument("--to", type=int, default=0, metavar="N", help="its major version (the newest one installed)")
    sub.add_argument("--check", action="store_true", help="only say whether it could be done")
    sub.add_argument("--link", action="store_true", help="fast, without a copy: the old cluster cannot be used any more")
    sub = add("uninstall", cmd_uninstall, "stop the set and put back what installing changed on this machine")
    sub.add_argument("--remove-state", action="store_true",
                     help="remove the state directory, too: the private database, all certificates")
    _add_why(add("why", why.run, "why a series has the grade it has: what decided, value beside limit, since when"))
    _add_pki(add, commands)
    _add_rejected(add, commands)
    for name, text in passed_on.COMMANDS.items():
        commands.add_parser(name, help=text, add_help=False)
    return parser


def _add_init(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--user", metavar="NAME", default="",
                     help="when root makes the set, one user for all processes; NAME-* for users NAME-ingestd, NAME-stored and"
                     " so on (ezrepo-*)")
    sub.add_argument("--database", metavar="CONNINFO", default="",
                     help="a PostgreSQL of your own, for the role that writes, or @FILE that has it (and its password);"
                     " preset: a private cluster")
    sub.add_argument("--database-read", metavar="CONNINFO", default="",
                     help="the same database, for the role that reads, likewise")
    sub.add_argument("--udp-port", type=int, default=9900, metavar="PORT", help="results by UDP (9900)")
    sub.add_argument("--https-port", type=int, default=8890, metavar="PORT",
                     help="the gateway, mutual TLS (8890)")
    sub.add_argument("--registry-port", type=int, default=8891, metavar="PORT",
                     help="the element registry, plain HTTP (8891)")
    sub.add_argument("--ingest-port", type=int, default=8892, metavar="PORT",
                     help="what tools write over HTTPS, with a certificate or a token (8892)")
    sub.add_argument("--page-port", type=int, default=8894, metavar="PORT",
                     help="the page and its API, plain HTTP for this machine only (8894)")
    sub.add_argument("--metrics-port", type=int, default=8893, metavar="PORT",
                     help="metrics and health, plain HTTP for this machine only (8893)")
    sub.add_argument("--listen", action="append", default=[], metavar="ADDR",
                     help="an address to listen on, more than once if wanted (127.0.0.1 and ::1)")
    sub.add_argument("--name", action="append", default=[], metavar="HOST",
                     help="a name or address of the gateway's that its certificate is good for, besides"
                     " localhost and the machine's; the first one stands in its links")
    sub.add_argument("--classifyd", type=int, default=1, metavar="N", help="how many classifyds (1)")
    sub.add_argument("--manager", choices=(SUPERVISORD, SYSTEMD), default=SUPERVISORD,
                     help="what starts the processes, and starts them again; systemd: sets of root, one a machine"
                     " (supervisord)")


def _add_ledger(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--since", metavar="TIME", default="",
                     help='received in the hours from then on: "2026-11-21 10:00" (UTC), today, yesterday, or how long ago: 2h, 1d12h')
    sub.add_argument("--until", metavar="TIME", default="", help="before then, likewise")
    sub.add_argument("--instance", metavar="UUID", default="", help="by this ingestd only")
    sub.add_argument("--sender", metavar="ADDRESS", default="", help="from this sender only")
    sub.add_argument("--verify", action="store_true",
                     help="count the stored records again, all of them, and compare")
    _add_as(sub)
    sub.add_argument("--json", action="store_true", help="everything, for programs")


def _add_why(sub: argparse.ArgumentParser) -> None:
    for name in why.DIMENSIONS:
        sub.add_argument(f"--{name}", metavar="PATTERN", default=None, help=f"the {name} of the one series that is meant")
    sub.add_argument("--grade", metavar="NAME", default="all", help="grade name; all unless given")
    sub.add_argument("--at", metavar="TIME", default="",
                     help='by the last record then: "2026-11-21 10:00" (UTC), today, or how long ago: 2h, 1d12h (now)')
    sub.add_argument("--output", choices=("text", "json"), default="text", help="json: an object a line, for programs")
    _add_as(sub)


def _add_as(sub: argparse.ArgumentParser) -> None:
    """Of what asks the gateway; as commands that are passed on have it."""
    sub.add_argument("--as", dest="client", metavar="NAME", default="admin",
                     help="the client certificate pki/clients/NAME.crt that asks (admin)")


def _natural(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 2**63:
        raise argparse.ArgumentTypeError(f'expected a number from 1, found "{text}"')
    return int(text)


def _add_rejected(add: Callable[..., argparse.ArgumentParser], commands: Any) -> None:
    group = commands.add_parser("rejected", help="what could not be accepted: list, show, replay",
                                description="What could not be accepted, the newest of it, and why.")
    under = group.add_subparsers(dest="rejected_command", metavar="COMMAND", required=True)
    sub = add("list", cmd_rejected_list, "what was rejected, newest first", under)
    sub.add_argument("--since", metavar="TIME", default="",
                     help='received from then on: "2026-11-21 10:00" (UTC), today, yesterday, or how long ago: 2h, 1d12h')
    sub.add_argument("--reason", metavar="REASON", default="", help="for this reason only")
    sub.add_argument("--sender", metavar="ADDRESS", default="", help="from this sender only, with or without the port")
    sub.add_argument("--limit", metavar="N", type=_natural, default=50, help="at most so many (50)")
    sub.add_argument("--json", action="store_true", help="an object a line, for programs")
    _add_as(sub)
    sub = add("show", cmd_rejected_show, "all that is known of one, with the bytes that are kept", under)
    sub.add_argument("id", metavar="ID", type=_natural)
    sub.add_argument("--json", action="store_true", help="one object, for programs")
    _add_as(sub)
    sub = add("replay", cmd_rejected_replay, "send again what is kept whole, by UDP from this machine's address, or as a file", under)
    sub.add_argument("ids", metavar="ID", type=_natural, nargs="+")
    sub.add_argument("--udp", metavar="HOST:PORT", default="", help="where to, instead of the set's first address")
    _add_as(sub)


def _add_reader(add: Callable[..., argparse.ArgumentParser], commands: Any) -> None:
    group = commands.add_parser("reader", help="users of this machine that may read the store by SQL, as Grafana's: add, list, remove",
                                description="Users of this machine that may read the store by SQL.")
    under = group.add_subparsers(dest="reader_command", metavar="COMMAND", required=True)
    sub = add("add", cmd_reader_add, "let a user read", under)
    sub.add_argument("user", metavar="USER")
    add("list", cmd_reader_list, "who may", under)
    sub = add("remove", cmd_reader_remove, "let a user read no more", under)
    sub.add_argument("user", metavar="USER")


def _add_pki(add: Callable[..., argparse.ArgumentParser], commands: Any) -> None:
    group = commands.add_parser("pki", help="certificates: issue, sign, revoke, server, list",
                                description="The set's own certificate authority.")
    under = group.add_subparsers(dest="pki_command", metavar="COMMAND", required=True)
    sub = add("issue", cmd_pki_issue, "make a client's key and certificate", under)
    _add_client(sub)
    sub = add("sign", cmd_pki_sign, "make a client's certificate for a key of its own, out of its request (CSR)", under)
    _add_client(sub)
    sub.add_argument("request", metavar="FILE", help="the request, PEM; - is standard input. Its key is taken,"
                     " nothing else that it says")
    sub = add("revoke", cmd_pki_revoke, "have the gateway refuse all certificates of a client", under)
    sub.add_argument("name", metavar="NAME", nargs="?", default="")
    sub.add_argument("--serial", metavar="SERIAL", default="", help="instead of NAME: only this one, as in `pki list`")
    sub = add("server", cmd_pki_server, "make the gateway's key and certificate anew", under)
    sub.add_argument("--name", action="append", default=[], metavar="HOST",
                     help="besides localhost and the machine's")
    sub.add_argument("--new-identity", action="store_true",
                     help="one that no other set has; supervisors know it by the one it has, which is kept otherwise")
    sub = add("list", cmd_pki_list, "all certificates ever issued, and the authority: roles, state, until when", under)
    sub.add_argument("--json", action="store_true", help="a list of objects, for programs")


def _add_client(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("name", metavar="NAME", help="1 to 64 of A-Z a-z 0-9 . _ -")
    sub.add_argument("--role", metavar="ROLE", help="give it this role (reader, probe, admin)")
    sub.add_argument("--renew", action="store_true", help="another one for that name; what it has stays good, too")
    sub.add_argument("--days", type=_days, default=pki.DEFAULT_DAYS, metavar="N",
                     help=f"until when it is good ({pki.DEFAULT_DAYS} days)")
    sub.add_argument("--name", action="append", default=[], metavar="HOST", dest="host",
                     help="for a supervisor: where it is reached, a host name or an address")


def _days(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= pki.CA_DAYS:
        raise argparse.ArgumentTypeError(f'expected 1 to {pki.CA_DAYS} days, found "{text}"')
    return int(text)


def complete(words: List[str]) -> int:
    """What may stand in the last place of a line that is being written, a line each: for completion/."""
    for word in completion.complete(_parser(), words):
        say(word)
    return 0


def _with_words_apart(arguments: List[str], at: int) -> argparse.Namespace:
    """Of `sql`, behind whose own options all is psql's, options as well."""
    end = at + 1
    while end < len(arguments) and arguments[end].startswith("--state"):
        end += 1 if "=" in arguments[end] else 2
    own = end < len(arguments) and arguments[end] in ("-h", "--help")
    args = _parser().parse_args(arguments[:end + 1] if own else arguments[:end])
    args.words = arguments[end:]
    return args


def run(arguments: List[str], at: int) -> int:
    """A command whose name stands there; its exit code."""
    args = _with_words_apart(arguments, at) if arguments[at:at + 1] == ["sql"] else _parser().parse_args(arguments)
    directory = getattr(args, "state", default_directory())
    if args.run in (cmd_init, cmd_uninstall, cmd_check):
        return int(args.run(State(directory), args))
    state = opened(directory)
    if args.run not in WRITING:
        return int(args.run(state, args))
    with lock.held(state, " ".join(arguments[at:at + 2])):
        state.forget()  # another command may have changed them while we waited
        return int(args.run(state, args))
