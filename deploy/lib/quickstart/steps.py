# SPDX-License-Identifier: Apache-2.0
"""deploy/quickstart from the state directory on: init, up, measure, send, ask. Started by deploy/quickstart."""
import argparse
import datetime
import json
import os
import shlex
import socket
import subprocess
import sys
import time
import urllib.parse
from typing import Dict, List, Optional, Sequence, Tuple

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

from ezrepo.errors import Failure  # noqa: E402
from ezrepo.state import program  # noqa: E402
from quickstart import hosts, measure  # noqa: E402

DEPLOY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
EZREPO = os.path.join(DEPLOY, "ezrepo")
COUNTED_SECONDS = 30.0
PINGS, PERIOD_MS = 5, 100

Good = hosts.Condition(5, 2)
# Host: what it is called here, and how it answers in each of the four phases.
OWN_HOSTS: Dict[str, Tuple[str, Sequence[hosts.Condition]]] = {
    "198.51.100.1": ("becomes slow", (Good, hosts.Condition(330, 10), hosts.Condition(520, 10), Good)),
    "198.51.100.2": ("goes away", (Good, Good, hosts.Condition(0, 0, 100), Good)),
    "2001:db8:198:51::3": ("loses", (Good, hosts.Condition(25, 10, 40), hosts.Condition(25, 10, 40), Good)),
}
PHASES = ("all good", "trouble begins", "trouble", "all good again")


def step(text: str) -> None:
    print(f"\n== {text}", flush=True)


def ezrepo(*arguments: str, text: Optional[str] = None, capture: bool = False) -> str:
    """Runs the operator's command; a failure of it is ours."""
    sys.stdout.flush()
    done = subprocess.run([EZREPO, *arguments], input=text, text=True, check=False,
                          stdout=subprocess.PIPE if capture else None)
    if done.returncode != 0:
        raise Failure(f"ezrepo {' '.join(arguments)} ended with {done.returncode}")
    return done.stdout or ""


def make_and_start(state: str, init_options: Sequence[str]) -> None:
    if not os.path.exists(os.path.join(state, "set.json")):
        step(f"A set in {state}: configuration, certificates, a private PostgreSQL cluster")
        ezrepo("init", "--state", state, "--classifyd", "2", *init_options)
    step("Start")
    ezrepo("up", "--state", state)


def measure_and_send(state: str, rounds: int, own: Optional[hosts.Hosts]) -> int:
    """Four phases of measurements, each round sent at once. How many results were sent."""
    groups: List[Tuple[List[str], Dict[str, str]]] = [([], {"127.0.0.1": "127.0.0.1", "::1": "::1"})]
    if own is not None:
        groups.append((own.command_prefix(),
                       {a: hosts.NEAR6 if ":" in a else hosts.NEAR4 for a in OWN_HOSTS}))
    sent = 0
    for number, phase in enumerate(PHASES):
        if own is not None:
            print(f"  {phase}", flush=True)
            for address, (_, conditions) in OWN_HOSTS.items():
                own.set(address, conditions[number])
        for _ in range(rounds):
            lines = measure.measure(groups, socket.gethostname(), PINGS, PERIOD_MS)
            ezrepo("send", "--state", state, "-", text="".join(line + "\n" for line in lines), capture=True)
            sent += len(lines)
    return sent


def wait_until_counted(state: str, since: str, sent: int) -> float:
    """Asks until the counts say that everything sent is there, of what this machine measured: others may send, too. Seconds it took."""
    begin = time.monotonic()
    while True:
        answer = ezrepo("query", "--state", state, "--type", "ping", "--probe", socket.gethostname(), "--since", since, "--json", capture=True)
        found = max((int(json.loads(row)["records.matched"]) for row in answer.splitlines()), default=0)
        if found == sent:
            return time.monotonic() - begin
        if found > sent or time.monotonic() - begin > COUNTED_SECONDS:
            raise Failure(f"{found} results are counted, {sent} were sent; see: ezrepo status, ezrepo logs")
        time.sleep(0.2)


def shown_name() -> str:
    """The operator's command as one would type it here."""
    name = os.path.relpath(EZREPO)
    return EZREPO if name.startswith("../..") else name


def show(state: str, since: str) -> None:
    questions = [
        ("How much was measured, and how much of it was normal (grade 5)?",
         ["query", "--type", "ping", "--grade", "overall", "--range", "5"]),
        ("How much was bad (1 or 2)?", ["query", "--type", "ping", "--grade", "overall", "--range", "1..2"]),
        ("Since when is whose quality what it is? (periods)", ["periods", "--type", "ping"]),
        ("What changed? (events)", ["events", "--type", "ping"]),
    ]
    for title, arguments in questions:
        command = [*arguments, "--since", since]
        step(title)
        print(f"  {shown_name()} {shlex.join(command)}\n", flush=True)
        ezrepo(command[0], "--state", state, *command[1:])


USER, ROLE = "me", "operator"
MAY = ("Query*", "GetGrading", "Ledger*", "Rejected*", "SetGrading", "TryGrading")  # all questions there are, and publishing thresholds


def make_user(state: str) -> None:
    """Who may ask all on the page, and publish thresholds. He is there when this was run before."""
    users = ezrepo("user", "list", "--state", state, "--output", "json", capture=True).splitlines()
    if any(json.loads(user)["user"] == USER for user in users):
        return
    ezrepo("role", "allow", "--state", state, ROLE, *MAY)
    ezrepo("user", "add", "--state", state, USER, "--role", ROLE, "--no-password")


def show_page(state: str) -> None:
    """The very last line is the link."""
    make_user(state)
    step("All of it on a page: open this link and press Sign in, once, within ten minutes")
    link = ezrepo("user", "link", "--state", state, USER, capture=True).strip()
    port = urllib.parse.urlsplit(link).port
    print(f"  From another machine through a tunnel: ssh -L {port}:127.0.0.1:{port} HOST")
    print(f"\n  {link}", flush=True)


def say_goodbye(state: str) -> None:
    name = shown_name()
    commands = [
        (f"{name} status", "what runs, and what it counted"),
        (f"{name} query --dest 198.51.100.0/24 --range 1..4 --since 1h", "how much of it was not normal"),
        (f"{name} records --dest 127.0.0.1 --limit 3", "the measurements themselves"),
        (f"{name} grading get", "the thresholds in force"),
        (f"{name} send FILE", "your own mPlane results, one a line"),
        (f"{name} pki issue NAME --role reader", "a certificate for another client"),
        (f"{name} scale classifyd 4", "more of them, while it runs"),
        (f"{name} user link {USER}", "another link to the page"),
        (f"{name} user password {USER}", "or a password for it"),
        (os.path.join(os.path.dirname(name), "quickstart"), "measure again"),
    ]
    step("How to go on")
    print(f"  export EZREPO_STATE={shlex.quote(state)}")
    for command, what in commands:
        print(f"  {command:<66} # {what}")
    step("How to stop")
    print(f"  {name} down && rm -r {shlex.quote(state)}")


def parse(arguments: List[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="quickstart")
    parser.add_argument("--state", required=True)
    parser.add_argument("--started", type=float, required=True)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--hosts", choices=["netem", "tun", "none"], default="")
    parser.add_argument("init", nargs="*")
    args = parser.parse_args(arguments)
    if not 1 <= args.rounds <= 1000:
        parser.error(f"--rounds {args.rounds}: expected 1 to 1000")
    args.state = os.path.abspath(args.state)
    return args


def run(args: argparse.Namespace) -> None:
    make_and_start(args.state, args.init)
    print(f"\nready after {time.time() - args.started:.1f} s")
    since = measure.time_text(measure.now() - datetime.timedelta(milliseconds=1))
    step("Measure with fping, send as mPlane results by UDP")
    own = hosts.make(list(OWN_HOSTS), program("tun_responder"), args.hosts)
    try:
        print("  towards 127.0.0.1 and ::1" + (f" and {len(OWN_HOSTS)} hosts of our own ({own.kind}):"
                                               if own else " only: hosts of our own need root"))
        for address, (what, _) in OWN_HOSTS.items() if own else []:
            print(f"    {address:<20} {what}")
        sent = measure_and_send(args.state, args.rounds, own)
    finally:
        if own is not None:
            own.close()
    waited = wait_until_counted(args.state, since, sent)
    print(f"  sent {sent} results; all of them counted {waited:.1f} s later")
    show(args.state, since)
    say_goodbye(args.state)
    show_page(args.state)


def main(arguments: List[str]) -> int:
    try:
        run(parse(arguments))
        return 0
    except (Failure, RuntimeError) as fault:
        print(f"quickstart: {fault}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
