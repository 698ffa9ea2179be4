# SPDX-License-Identifier: Apache-2.0
"""JSON with comments, read with the place of every value, so that a file that people edit can be
changed in one place without touching the rest. Pure: works on texts.
"""
import json
from typing import Any, Dict, List, Tuple

from .errors import Failure

Place = Tuple[int, int]  # where a value begins and ends in the text
Path = Tuple[Any, ...]  # the keys and indexes that lead to it


class _Reader:
    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self.at = 0
        self.places: Dict[Path, Place] = {}

    def fault(self, what: str) -> Failure:
        line = self.text.count("\n", 0, self.at) + 1
        return Failure(f"{self.name}:{line}: {what}")

    def skip(self) -> None:
        """Blanks and comments."""
        while self.at < len(self.text):
            if self.text[self.at] in " \t\r\n":
                self.at += 1
            elif self.text.startswith("//", self.at):
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end == -1 else end
            elif self.text.startswith("/*", self.at):
                end = self.text.find("*/", self.at + 2)
                if end == -1:
                    raise self.fault("a comment without its end")
                self.at = end + 2
            else:
                return

    def take(self, character: str) -> bool:
        self.skip()
        if not self.text.startswith(character, self.at):
            return False
        self.at += 1
        return True

    def scalar(self) -> Any:
        """A string, a number or a word, left to the json module."""
        try:
            value, end = json.JSONDecoder().raw_decode(self.text, self.at)
        except json.JSONDecodeError as error:
            raise self.fault(f"expected a value ({error.msg})") from None
        self.at = end
        return value

    def array(self, path: Path) -> List[Any]:
        items: List[Any] = []
        while not self.take("]"):
            if items and not self.take(","):
                raise self.fault('expected "," or "]" in a list')
            items.append(self.value(path + (len(items),)))
        return items

    def object(self, path: Path) -> Dict[str, Any]:
        members: Dict[str, Any] = {}
        while not self.take("}"):
            if members and not self.take(","):
                raise self.fault('expected "," or "}" in an object')
            self.skip()
            key = self.scalar()
            if not isinstance(key, str) or key in members:
                raise self.fault(f"expected a name not yet given, found {key!r}")
            if not self.take(":"):
                raise self.fault(f'expected ":" after "{key}"')
            members[key] = self.value(path + (key,))
        return members

    def value(self, path: Path) -> Any:
        self.skip()
        begin = self.at
        if self.take("{"):
            value: Any = self.object(path)
        elif self.take("["):
            value = self.array(path)
        else:
            value = self.scalar()
        self.places[path] = (begin, self.at)
        return value


def parse(text: str, name: str) -> Tuple[Any, Dict[Path, Place]]:
    """The value, and the place of each value in it. A fault is a Failure that names file and line."""
    reader = _Reader(text, name)
    value = reader.value(())
    reader.skip()
    if reader.at != len(text):
        raise reader.fault("something is left over after the end")
    return value, reader.places


def append(text: str, name: str, path: Path, item: str) -> str:
    """The text with a string appended to the list at this path; unchanged when it is there already."""
    value, places = parse(text, name)
    for key in path:
        if not isinstance(value, dict) or key not in value:
            raise Failure(f"{name}: there is no {'.'.join(path)}")
        value = value[key]
    if not isinstance(value, list):
        raise Failure(f"{name}: {'.'.join(path)} is not a list")
    if item in value:
        return text
    if value:
        at = places[path + (len(value) - 1,)][1]
        return text[:at] + ", " + json.dumps(item) + text[at:]
    at = places[path][0] + 1
    return text[:at] + json.dumps(item) + text[at:]
