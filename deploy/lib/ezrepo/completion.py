# SPDX-License-Identifier: Apache-2.0
"""What may stand where the cursor is: asked for by the completions of the shells, completion/ beside lib/. Nothing is
listed here a second time: our own commands are read from their parser, those of ezrepoctl from its --help.
"""
import argparse
import re
import subprocess
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from . import passed_on
from .errors import Failure
from .state import State, default_directory, program

OWN = {"--state": True, "--as": True}  # options of every command that is passed on, and whether a word follows
FILLED_IN = ("--run-dir", "--url", "--cert", "--key", "--ca")  # by us
SEND = ("send", "deliver", "sign")  # ezrepoctl's words for `send`
FORMS = ["table", "vertical", "json", "csv"]


class Place(NamedTuple):
    """Where a word is missing: words that may stand there, options (whether a word follows each)."""
    words: List[str]
    options: Dict[str, bool]


def _help(*words: str) -> str:
    return subprocess.run([program("ezrepoctl"), *words, "--help"], capture_output=True, text=True, check=False).stdout


def _listed(text: str, title: str) -> Iterator[Tuple[str, bool]]:
    """The names under a title of ezrepoctl's help, and whether something follows each."""
    for line in text.partition(title + ":\n")[2].splitlines():
        found = re.match(r"  (\S+)((?: \S+)*)(?:  |$)", line)
        if found is None:
            return
        yield found[1], found[2] != ""


def _options_of(*words: str) -> Dict[str, bool]:
    return {name: more for name, more in _listed(_help(*words), "Options") if name not in FILLED_IN}


def _passed(command: str, rest: List[str]) -> Place:
    """Of a command that ezrepoctl does."""
    verbs = [name for name, _ in _listed(_help(command), "Verbs")]
    verb = next((word for word in rest if word in verbs), "")
    if verbs and not verb:
        return Place(verbs, OWN)
    options = dict(OWN)
    for word in SEND if command == "send" else (command,):
        options.update(_options_of(*((word, verb) if verb else (word,))))
    if command == "send":
        options.update({"--format": True, "--key": True})
    return Place(_formats() if (command, verb) in (("format", "show"), ("format", "try")) else [], options)


def _formats() -> List[str]:
    directory = default_directory()
    own = [word for folder in State(directory).formats() for word in ("--own", folder)] if State(directory).exists else []
    listed = subprocess.run([program("ezrepoctl"), "format", "list", *own], capture_output=True, text=True, check=False)
    return [line.split()[0] for line in listed.stdout.splitlines()[1:]]


def _processes() -> List[str]:
    state = State(default_directory())
    return state.process_names() if state.exists else []


def _values(option: str) -> Optional[List[str]]:
    """What may follow an option of ezrepoctl's commands; None: nothing that we could tell."""
    if option == "--output":
        return FORMS
    return _formats() if option == "--format" else ["today", "yesterday"] if option in ("--since", "--until") else None


def _own(parser: argparse.ArgumentParser, rest: List[str]) -> Place:
    """Of a command of ours: down to the parser of the verb that is there."""
    options: Dict[str, bool] = {}
    words: List[str] = []
    for action in parser._actions:  # pylint: disable=protected-access
        if isinstance(action, argparse._SubParsersAction):  # pylint: disable=protected-access
            verb = next((word for word in rest if word in action.choices), "")
            if verb:
                return _own(action.choices[verb], rest[rest.index(verb) + 1:])
            words += list(action.choices)
        elif action.option_strings:
            options.update({name: action.nargs != 0 for name in action.option_strings if name.startswith("--")})
        elif action.dest == "process":
            words += list(action.choices) if action.choices else _processes()
    return Place(words, options)


def _choices(parser: argparse.ArgumentParser, option: str) -> Optional[List[str]]:
    for action in parser._actions:  # pylint: disable=protected-access
        if option in action.option_strings and action.choices is not None:
            return [str(choice) for choice in action.choices]
        if isinstance(action, argparse._SubParsersAction):  # pylint: disable=protected-access
            for under in action.choices.values():
                found = _choices(under, option)
                if found is not None:
                    return found
    return None


def candidates(parser: argparse.ArgumentParser, words: List[str]) -> List[str]:
    """The last word is the one that is being written, perhaps ""; those before it stand."""
    begun, before = words[-1], words[:-1]
    command = next((w for i, w in enumerate(before) if not w.startswith("-") and before[i - 1:i] != ["--state"]), "")
    rest = before[before.index(command) + 1:] if command else []
    place = _own(parser, [])  # it has the names of those that are passed on, too
    if command and command not in place.words:
        return []
    if command in passed_on.COMMANDS:
        place = _passed(command, rest)
    elif command:
        place = _own(parser, [command, *rest])
    last = before[-1] if before else ""
    if place.options.get(last):
        known = _values(last) if command in passed_on.COMMANDS else _choices(parser, last)
        found = known or []
    else:
        found = sorted(place.options) if begun.startswith("-") else place.words
    return [word for word in found if word.startswith(begun)]


def complete(parser: argparse.ArgumentParser, words: List[str]) -> List[str]:
    """As candidates(); nothing where it cannot be told, since a shell has no place for complaints."""
    try:
        return candidates(parser, words or [""])
    except (Failure, OSError):
        return []
