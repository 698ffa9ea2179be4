# SPDX-License-Identifier: Apache-2.0
"""Hosts whose delay and loss we set, in network namespaces of their own: nothing outside sees them.

Where the kernel has netem, each host is a namespace behind a veth pair with `tc netem`; else a small program
(deploy/lab/tun_responder.c) answers for all of them on a TUN device. Everything goes when we go:
the namespaces have no names and live as long as the processes in them.
"""
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence

NEAR4, NEAR6 = "198.51.100.254", "2001:db8:198:51::fe"  # our own end


@dataclass(frozen=True)
class Condition:
    """How a host answers."""

    delay_ms: float
    jitter_ms: float = 0.0
    loss_percent: float = 0.0


class Unavailable(Exception):
    """Hosts of this kind cannot be had here; the text says why."""


def _namespace_command() -> List[str]:
    """A new network namespace; who is not root needs one for users around it."""
    return ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--net"]


def enter(pid: int) -> List[str]:
    """The words before a command that make it run in that process's namespace."""
    if os.geteuid() == 0:
        return ["nsenter", f"--net=/proc/{pid}/ns/net"]
    return ["nsenter", "--user", "--preserve-credentials", "--net", f"--target={pid}"]


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(command[-6:])}: {done.stderr.strip()}")


class Hosts:
    """Common to both kinds."""

    kind = ""

    def __init__(self) -> None:
        self.processes: List[subprocess.Popen] = []

    def command_prefix(self) -> List[str]:
        """The words before a command that is to reach the hosts."""
        return enter(self.processes[0].pid)

    def set(self, address: str, condition: Condition) -> None:
        raise NotImplementedError

    def close(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            process.wait()


def _hold_namespace() -> subprocess.Popen:
    """A process that does nothing but keep a namespace; it says so once it is in it, and ends with us."""
    process = subprocess.Popen([*_namespace_command(), "sh", "-c", "ip link set lo up && echo in && exec cat"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if process.stdout is None or process.stdout.readline() != "in\n":
        error = process.stderr.read().strip() if process.stderr else ""
        process.wait()
        raise Unavailable(f"no network namespace: {error}")
    return process


class NetemHosts(Hosts):
    """A namespace and a veth pair for each host; netem on the host's end delays and drops its answers."""

    kind = "network namespaces with tc netem"

    def __init__(self, addresses: Sequence[str]) -> None:
        super().__init__()
        self.ends: Dict[str, List[str]] = {}
        try:
            self.processes.append(_hold_namespace())
            for number, address in enumerate(addresses):
                self._add(number, address)
        except BaseException:
            self.close()
            raise

    def _add(self, number: int, address: str) -> None:
        host = _hold_namespace()
        self.processes.append(host)
        near, far = self.command_prefix(), enter(host.pid)
        link, length, own = f"host{number}", 32, NEAR4
        flags: List[str] = []
        if ":" in address:
            length, own, flags = 128, NEAR6, ["nodad"]
        _run([*near, "ip", "link", "add", link, "type", "veth", "peer", "name", "up0", "netns", str(host.pid)])
        _run([*near, "ip", "address", "add", f"{own}/{length}", "dev", link, *flags])
        _run([*far, "ip", "address", "add", f"{address}/{length}", "dev", "up0", *flags])
        _run([*near, "ip", "link", "set", link, "up"])
        _run([*far, "ip", "link", "set", "up0", "up"])
        _run([*near, "ip", "route", "add", f"{address}/{length}", "dev", link, "src", own])
        _run([*far, "ip", "route", "add", f"{own}/{length}", "dev", "up0", "src", address])
        self.ends[address] = far
        self.set(address, Condition(0))

    def set(self, address: str, condition: Condition) -> None:
        _run([*self.ends[address], "tc", "qdisc", "replace", "dev", "up0", "root", "netem",
              "delay", f"{condition.delay_ms}ms", f"{condition.jitter_ms}ms",
              "loss", f"{condition.loss_percent}%"])


class TunHosts(Hosts):
    """One namespace with a TUN device, and one program that answers for all hosts."""

    kind = "a responder on a TUN device"

    def __init__(self, addresses: Sequence[str], responder: str) -> None:
        super().__init__()
        setup = ("ip link set lo up && ip tuntap add dev hosts0 mode tun &&"
                 f" ip address add {NEAR4}/24 dev hosts0 &&"
                 f" ip address add {NEAR6}/64 dev hosts0 nodad &&"
                 ' ip link set hosts0 up && exec "$0" hosts0')
        self.processes.append(subprocess.Popen(
            [*_namespace_command(), "sh", "-c", setup, responder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        try:
            for address in addresses:
                self.set(address, Condition(0))
            self._wait_for_answer(addresses[0])
        except BaseException:
            self.close()
            raise

    def set(self, address: str, condition: Condition) -> None:
        process = self.processes[0]
        try:
            process.stdin.write(f"{address} {condition.delay_ms} {condition.jitter_ms}"
                                f" {condition.loss_percent}\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except OSError:
            answer = ""
        if answer != "ok\n":
            raise Unavailable(answer.strip() or process.stderr.read().strip())

    def _wait_for_answer(self, address: str) -> None:
        for _ in range(20):
            if subprocess.run([*self.command_prefix(), "fping", "-q", "-c1", "-t200", address], check=False,
                              capture_output=True).returncode == 0:
                return
            time.sleep(0.05)
        raise Unavailable(f"{address} does not answer")


def _has_netem() -> bool:
    """Tried on the loopback device of a namespace that is gone right after."""
    return subprocess.run([*_namespace_command(), "tc", "qdisc", "add", "dev", "lo", "root", "netem",
                           "delay", "1ms"], capture_output=True, check=False).returncode == 0


def make(addresses: Sequence[str], responder: str, wanted: str = "") -> Optional[Hosts]:
    """Hosts of the best kind that works here, or None; says on standard error what did not work.

    `wanted` ("netem", "tun", "none") leaves no choice.
    """
    kinds = {"netem": lambda: NetemHosts(addresses), "tun": lambda: TunHosts(addresses, responder)}
    for name in [wanted] if wanted else (["netem"] if _has_netem() else []) + ["tun"]:
        if name == "none":
            break
        try:
            return kinds[name]()
        except Unavailable as reason:
            print(f"  no hosts of our own ({name}): {reason}", file=sys.stderr)
    return None
