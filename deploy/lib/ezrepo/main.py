# SPDX-License-Identifier: Apache-2.0
"""Where `ezrepo` begins. Exit codes: 0 done, 1 failed, 2 wrong usage."""
from typing import List

from . import output, passed_on
from .errors import Failure, Usage
from .output import complain


def _command_at(arguments: List[str]) -> int:
    """Where the command's name stands: behind a leading --state."""
    at = 0
    while at < len(arguments) and arguments[at].startswith("--state"):
        at += 1 if "=" in arguments[at] else 2
    return at


def _run(arguments: List[str]) -> int:
    at = _command_at(arguments)
    if at < len(arguments) and arguments[at] in passed_on.COMMANDS:
        passed_on.run(arguments[at], arguments[:at] + arguments[at + 1:])
    from . import cli  # all the rest, which takes longer to load than ezrepoctl to answer
    if arguments[:2] == ["complete", "--"]:
        return cli.complete(arguments[2:])
    return cli.run(arguments, at)


def main(arguments: List[str]) -> int:
    try:
        code = _run(arguments)
        if output.lost():
            raise Failure(f"standard output: {output.lost()}; all was done but what it says")
        return code
    except Usage as fault:
        complain(str(fault))
        return 2
    except Failure as fault:
        complain(str(fault))
        return 1
    except KeyboardInterrupt:
        complain("interrupted")
        return 1
