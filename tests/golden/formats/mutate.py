#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Mappings and samples of the folders beside it, changed at random, and what the reference evaluator makes of them.

    mutate.py [--seed S] [--groups N] [--jobs J] [--only FOLDER] [PROGRAM]

A group is a mapping and eight samples of it, a line of JSON:

    {"id": "S:17 mtr", "mapping": {...}, "cases": [{"sample": "...", "context": {...}, "records": [...]}, ...]}

A case that the evaluator faults has "fault" (why) and "document" (the how-manieth, 0: none could be read), and its records are those
of the documents before. A group follows from its number, the seed and its folder alone, whatever the number of jobs. Without PROGRAM the groups are
printed; with it each job gives its groups to a process of it, and mutate.py fails when one of these does.
"""
import argparse
import copy
import gc
import hashlib
import json
import multiprocessing
import os
import random
import re
import subprocess
import sys

import answers
import evaluate
from evaluate import STEP, Num

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = 8          # of a group
CHANGES = [0, 1, 1, 2, 2, 3, 4, 8]  # of a sample
LINES = {"lines": 8, "blocks": 20}  # of a text; others have all of them

# ---- JSON as it stands: members in their order, also those that are there twice; numbers as they are written ----


class Members(list):
    """An object: [key, value] each."""


def read_documents(text):
    decoder = json.JSONDecoder(object_pairs_hook=lambda pairs: Members([list(p) for p in pairs]),
                               parse_float=Num, parse_int=Num, parse_constant=Num)
    text, at, found = re.sub(r"(:\s*)-nan(?=\s*[,}])", r"\1NaN", text), 0, []
    while at < len(text.rstrip()):
        at = re.compile(r"\s*").match(text, at).end()
        document, at = decoder.raw_decode(text, at)
        found.append(document)
    return found


quoted = json.encoder.encode_basestring
WORDS = {None: "null", True: "true", False: "false"}


def written(tree):
    if isinstance(tree, Num):
        return str(tree)
    if isinstance(tree, str):
        return quoted(tree)
    if isinstance(tree, Members):
        return "{" + ",".join([f"{quoted(k)}:{written(v)}" for k, v in tree]) + "}"
    if isinstance(tree, list):
        return "[" + ",".join([written(v) for v in tree]) + "]"
    return WORDS[tree]


def copied(tree):
    if not isinstance(tree, list):
        return tree
    return type(tree)([copied(inner) for inner in tree])


def slots(tree, found):
    """Every place that holds a value: container and index; of a member its pair."""
    for i, value in enumerate(tree):
        holder, index, inner = (value, 1, value[1]) if isinstance(tree, Members) else (tree, i, value)
        found.append((tree, i, holder, index))
        if isinstance(inner, list):
            slots(inner, found)
    return found


# ---- values that lie at some edge ----

NUMBERS = """0 -0 1 -1 0.0 00.5 0.5 0.50 1e3 1.5E-3 -2.50 3 7 100 100.0 0.1 1e-7 255 256 1000 64 1e2 12345678901234567890
    9007199254740993 18446744073709551616 0.333333 99999999999 100000000000 99999999999999.9 100000000000000 1e17 99999999999999999
    1795867700 1795867700.5 1795867700123 1795867700123456 1795867700123456789 -1795867700 253402300799 253402300800 -62135596800
    -62135596801 1e300 1e-300 -1e40 123456789012345678901234567890123456789012345678901234567890.5 0.0000005 0.0000015 2.5 -2.5""".split()
NUMBERS = [n for n in NUMBERS if not re.match(r"-?0\d", n)]
TEXTS = ["", " ", "0", "-", "*", "???", "-1", "1.5", "1e3", "+5", "007", "NaN", "n/a", "yes", "5 ms", "a b", " x ", "ok", "é", "日本", "x" * 300,
         "a(b)c", "(x)", "[x]:1", "AS64500", "AS", "1_0", "0x10", ".5", "5.", "a:b:c", "\t", "a\nb", "\"", "\\", "{", "}", "{@}",
         "PT1.5S", "PT0S", "-PT2M", "P1DT2H3M4S", "PT1H", "P1D", "P", "PT.5S", "P1Y", "PT1,5S",
         "192.0.2.1", "192.0.2.001", "::1", "2001:DB8::0:1", "[2001:db8::1]:80", "[2001:db8::1]", "192.0.2.1:80", "host.example:443",
         "2001:db8::1", "fe80::1%eth0", "::ffff:192.0.2.1", "1.2.3", "1.2.3.4.5", "0.0.0.0", "::", "1:2:3:4:5:6:7:8", "ABCD:EF01::",
         "2026-11-28T13:30:11Z", "2026-11-28 13:30:11", "2026-11-28T13:30:11.123456789+01:00", "2026-11-28T13:30:11-0500",
         "2026-11-28 13:30:11.5+00", "2024-02-29T23:59:59.999999Z", "2025-02-29T00:00:00Z", "2016-12-31T23:59:60Z",
         "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+01", "9999-12-31T23:59:59.9999999Z", "2026-11-28T24:00:00Z", "2026-11-28T13:30Z",
         "Sat, 28 Nov 2026 13:30:11 +0000", "28 Nov 2026 13:30:11 EST", "Sat, 28 Nov 2026 13:30:11 -0730", "Sat Nov 28 13:30:11 2026"]
CHARACTERS = list("0123456789.-+:/,;*?()[]{}%#=\"\\ \tabcxyzABCXYZ_éµ日")


def number(choose):
    if choose.random() < 0.6:
        return Num(choose.choice(NUMBERS))
    text = f"{choose.choice(['', '', '', '-'])}{choose.randint(0, 10**choose.randint(1, 12))}"
    if choose.random() < 0.5:
        text += "." + "".join(choose.choices("0123456789", k=choose.randint(1, 9)))
    if choose.random() < 0.1:
        text += f"e{choose.randint(-20, 20)}"
    return Num(text)


def near(choose, value):
    """The same number written another way, or one beside it."""
    text = str(value)
    if not evaluate.NUM.match(text) or len(text) > 60:
        return number(choose)
    return Num(choose.choice([text + "0" if "." in text and "e" not in text.lower() else text + ".0" if "e" not in text.lower() else text,
                              "-" + text.lstrip("-+"), text if "e" in text.lower() else text + "e0",
                              re.sub(r"\d$", lambda m: str((int(m[0]) + 1) % 10), text), text[:-1] if len(text) > 2 and text[-2:].isdigit() else text]))


def leaf(choose):
    kind = choose.random()
    if kind < 0.4:
        return number(choose)
    if kind < 0.8:
        return choose.choice(TEXTS)
    return choose.choice([None, None, True, False, "", []])


def value(choose, old):
    kind = choose.random()
    if kind < 0.25:
        return near(choose, old) if isinstance(old, Num) else leaf(choose)
    if kind < 0.35:
        return str(old) if isinstance(old, Num) else Num(old) if isinstance(old, str) and re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?", old) else leaf(choose)
    if kind < 0.42:
        return [old]
    if kind < 0.46:
        return [old, leaf(choose), copied(old)]
    if kind < 0.5:
        return Members([["x", old]])
    if kind < 0.54:
        return choose.choice([Members(), [], [[]], Members([["", None]])])
    return leaf(choose)


# ---- samples ----

def change_tree(choose, documents):
    places = slots(documents, [])
    if not places:
        documents.append(Members())
        return
    tree, i, holder, index = choose.choice(places)
    kind = choose.random()
    if kind < 0.5:
        holder[index] = value(choose, holder[index])
    elif kind < 0.7:
        del tree[i]
    elif kind < 0.8:
        again = copied(tree[i])
        if isinstance(tree, Members) and choose.random() < 0.7:
            again[1] = leaf(choose)
        tree.insert(choose.randint(0, len(tree)), again)
    elif kind < 0.88:
        _, _, other, other_index = choose.choice(places)
        holder[index] = copied(other[other_index])
    elif kind < 0.94:
        choose.shuffle(tree)
    elif isinstance(tree, Members):
        tree[i][0] = choose.choice([tree[i][0] + "x", "", "x", choose.choice(TEXTS)])


def change_text(choose, text):
    if not text:
        return choose.choice(TEXTS)
    kind = choose.random()
    at = choose.randrange(len(text))
    if kind < 0.2:
        return text[:at] + text[at + 1:]
    if kind < 0.4:
        return text[:at] + choose.choice(CHARACTERS) + text[at:]
    if kind < 0.7:
        return text[:at] + choose.choice(CHARACTERS) + text[at + 1:]
    if kind < 0.8:
        return text[:at]
    end = min(len(text), at + choose.randint(1, 20))
    return text[:at] + text[at:end] * 2 + text[end:] if kind < 0.9 else text[:at] + text[end:]


def change_lines(choose, lines):
    if not lines:
        lines.append("")
    i, kind = choose.randrange(len(lines)), choose.random()
    if kind < 0.12:
        del lines[i]
    elif kind < 0.22:
        lines.insert(choose.randint(0, len(lines)), lines[i])
    elif kind < 0.3:
        j = choose.randrange(len(lines))
        lines[i], lines[j] = lines[j], lines[i]
    elif kind < 0.75:
        tokens = re.findall(r"-?\d+(?:\.\d+)?|[^\s\d]+|\s+|\d+", lines[i])
        if tokens:
            k = choose.randrange(len(tokens))
            numeric = re.fullmatch(r"-?\d+(\.\d+)?", tokens[k])
            with_token = choose.random()
            tokens[k] = "" if with_token < 0.15 else tokens[k] * 2 if with_token < 0.2 else str(number(choose)) \
                if numeric and with_token < 0.7 else choose.choice(TEXTS).replace("\n", " ")
            lines[i] = "".join(tokens)
    else:
        lines[i] = change_text(choose, lines[i]).replace("\n", " ")


def fewer(choose, tree, named):
    """A copy with less in it, since each value costs time: of a list two or three elements, of members without a name in the mapping some."""
    if isinstance(tree, Members):
        return Members([[key, fewer(choose, inner, named) if isinstance(inner, list) else inner] for key, inner in tree
                        if key in named or choose.random() < 0.3])
    kept = tree if len(tree) < 3 else [tree[i] for i in sorted(choose.sample(range(len(tree)), choose.choice([2, 2, 3])))]
    return [fewer(choose, inner, named) if isinstance(inner, list) else inner for inner in kept]


class Format:
    """A folder: its mapping, its sample as it stands and taken apart."""

    def __init__(self, name):
        self.name = name
        self.mapping, self.text, self.context = evaluate.load(os.path.join(HERE, name))
        self.is_json = self.mapping["input"]["decoder"] == "json"
        self.documents = read_documents(self.text) if self.is_json else None
        self.lines = self.text.splitlines()
        self.named = set(re.findall(r"[\w-]+", json.dumps(self.mapping))) | set(re.findall(r"\['([^']*)'\]", json.dumps(self.mapping)))

    def sample(self, choose, changes):
        if not self.is_json:
            lines = list(self.lines)
            most = LINES.get(self.mapping["input"]["decoder"], len(lines))
            if len(lines) > most:
                first = choose.randrange(len(lines) - most)
                lines = lines[first:first + most]
            for _ in range(changes):
                change_lines(choose, lines)
            # of two blanks the evaluator makes an empty part, and labels with blanks around their "=" are none for it
            if self.mapping["input"]["decoder"] == "influx":
                lines = [re.sub(" {2,}", " ", line) for line in lines]
            elif self.mapping["input"]["decoder"] == "prometheus":
                lines = [re.sub(r'\s*=\s*"', '="', line) for line in lines]
            return "\n".join(lines) + choose.choice(["\n", "\n", "\n", "", "\n\n"])
        documents = fewer(choose, self.documents, self.named)
        for _ in range(changes):
            change_tree(choose, documents)
        text = choose.choice(["\n", "\n", " "]).join(written(d) for d in documents)
        return change_text(choose, text) if changes and choose.random() < 0.05 else text

    def delivery(self, choose):
        context = dict(self.context)
        if context and choose.random() < 0.15:
            name = choose.choice(sorted(context))
            if choose.random() < 0.3:
                del context[name]
            else:
                context[name] = choose.choice(TEXTS)
        return context


# ---- mappings ----

UNITS = [["ms", "us"], ["s", "us"], ["us", "ms"], ["ns", "us"], ["s", "s"], ["percent", "ratio"], ["ratio", "percent"], ["Mbps", "bps"],
         ["kbps", "Mbps"], ["Byte/s", "bps"], ["bps", "Byte/s"]]
AGGREGATES = ["min", "max", "mean", "median", "sum", "count", "length", "first", "last"]


class Writer:
    """Writes parts of a mapping, with paths that mean something in its documents."""

    def __init__(self, choose, format, mapping):
        self.choose = choose
        self.names = sorted(set(mapping.get("let", {})) | {n for r in mapping["records"] for n in r.get("let", {})}
                            | {q["as"] for q in mapping.get("remember", [])})
        self.paths = sorted(set(re.findall(r'"([$@%#][^"{}]*)"', json.dumps(mapping, ensure_ascii=False))))
        self.steps = sorted(set(p[1:] for p in self.paths if p[0] in "$@" and p[1:2] in (".", "[")))
        self.context = sorted(format.context)
        self.tree = format.documents

    def walk(self):
        """Steps that lead somewhere in a document."""
        steps, tree = "", self.choose.choice(self.tree)
        while isinstance(tree, list) and tree and (not steps or self.choose.random() < 0.8):
            if isinstance(tree, Members):
                key, tree = self.choose.choice(tree)
                if "'" in key:
                    return steps
                steps += f".{key}" if re.fullmatch(r"[A-Za-z0-9_-]+", key) and self.choose.random() < 0.9 else f"['{key}']"
                continue
            index = self.choose.randrange(len(tree))
            steps += self.choose.choice(["[*]", f"[{index}]", f"[{index - len(tree)}]", "[*]", "[0]", "[-1]"])
            tree = tree[index]
            if isinstance(tree, Members) and tree and steps.endswith("[*]") and self.choose.random() < 0.2:
                key, compared = self.choose.choice(tree)
                if isinstance(compared, Num) and re.fullmatch(r"[A-Za-z0-9_-]+", key) and evaluate.NUM.match(compared):
                    steps = f"{steps[:-3]}[?{key}{self.choose.choice(['<', '>', '=', '!='])}{compared}]"
        return steps

    def path(self):
        kind = self.choose.random()
        if kind < 0.5 and self.paths:
            path = self.choose.choice(self.paths)
            return self.bent(path) if self.choose.random() < 0.3 else path
        if kind < 0.75 and self.tree:
            return "$" + self.walk()
        if kind < 0.8 and self.names:
            return "%" + self.choose.choice(self.names)
        if kind < 0.85:
            return "#" + self.choose.choice(self.context + ["received", "target"])
        return self.choice_of("$@") + (self.choose.choice(self.steps) if self.steps and self.choose.random() < 0.9 else "")

    def choice_of(self, letters):
        return self.choose.choice(list(letters))

    def bent(self, path):
        """Another root, a step more or less."""
        steps = [m[0] for m in STEP.finditer(path)]
        root = path[:len(path) - sum(map(len, steps))]
        kind = self.choose.random()
        if steps and kind < 0.5:
            del steps[self.choose.randrange(len(steps))]
        elif kind < 0.8:
            steps.insert(self.choose.randint(0, len(steps)), self.choose.choice(["[*]", "[0]", "[-1]", ".*", "[1]", ".x"]))
        elif root in ("$", "@"):
            root = "$" if root == "@" else "@"
        return root + "".join(steps)

    def some(self, make, least, most):
        return [make() for _ in range(self.choose.randint(least, most))]

    def condition(self, depth=0):
        kind = self.choose.choice(["eq", "eq", "ne", "lt", "gt", "has", "has", "in", "contains", "not"] + ["all", "any"] * (depth < 2))
        if kind in ("all", "any"):
            return {kind: self.some(lambda: self.condition(depth + 1), 1, 3)}
        if kind == "not":
            return {"not": self.condition(depth + 1)}
        if kind == "has":
            return {"has": self.path()}
        if kind == "in":
            return {"in": [self.path(), self.choose.sample(TEXTS + [str(n) for n in NUMBERS], 5) + ["1", "0"]]}
        if kind == "contains":
            return {"contains": [self.path(), self.operand(depth + 1)]}
        return {kind: [self.path() if self.choose.random() < 0.8 else self.operand(depth + 1), self.operand(depth + 1)]}

    def constant(self):
        kind = self.choose.random()
        return self.choose.choice([0, 1, -1, 100, 7, 3]) if kind < 0.5 else self.choose.choice(
            [t for t in TEXTS if t[:1] not in ("$", "@", "%", "#", "~")])

    def operand(self, depth):
        kind = self.choose.random()
        return self.path() if kind < 0.45 else self.constant() if kind < 0.8 else self.expression(depth + 1)

    def source(self, depth):
        kinds = ["path"] * 6 + ["const", "text", "agg", "agg", "join", "test", "hist"] + ["sub", "div", "add", "first", "if"] * (depth < 2)
        kind = self.choose.choice(kinds)
        if kind == "path":
            return {"path": self.path() if self.choose.random() < 0.7 else self.some(self.path, 1, 3)}
        if kind == "const":
            return {"const": self.constant()}
        if kind == "text":
            return {"text": "-".join(self.some(lambda: "{%s}" % self.path(), 1, 2))}
        if kind == "agg":
            made = {"agg": self.choose.choice(AGGREGATES), "of": self.path()}
            if self.choose.random() < 0.3:
                made["where"] = self.condition(1)
            if self.choose.random() < 0.4 and self.steps:
                made["value"] = self.choose.choice(self.steps)
            return made
        if kind == "join":
            return {"join": self.path(), **self.choose.choice([{}, {"with": ","}, {"each": "AS{@}"}, {"with": "", "each": "<{@}>"}])}
        if kind == "hist":
            return {"hist": self.path(), "stat": self.choose.choice(["min", "max", "mean", "count", "p0", "p50", "p95", "p100"])}
        if kind == "test":
            return {"test": self.condition(1)}
        if kind == "first":
            return {"first": self.some(lambda: self.operand(depth), 1, 3)}
        if kind == "if":
            made = {"if": self.condition(1), "then": self.operand(depth)}
            if self.choose.random() < 0.7:
                made["else"] = self.operand(depth)
            return made
        return {kind: [self.operand(depth), self.operand(depth)]}

    def conversions(self):
        """Some of what can be done with a value, in any order: the order is the language's."""
        all_of_them = [
            lambda: {"after": self.choose.choice(["AS", "(", ":", ".", " "])}, lambda: {"before": self.choose.choice([")", ":", ".", " ", "%"])},
            lambda: {"between": self.choose.choice([["(", ")"], ["[", "]"], [" ", " "], [".", "."]])}, lambda: {"host": True},
            lambda: {"number": True}, lambda: {"prefix": self.choose.choice(["AS", "x-", "1"])},
            lambda: {"null": self.choose.choice([["0"], ["-1", ""], ["???"], ["*", "-"], []])}, lambda: {"duration": True},
            lambda: {"unit": self.choose.choice(UNITS)}, lambda: {"unit": self.choose.choice(UNITS)},
            lambda: {"times": self.choose.choice([1, 0, -1, 8, 1000, 0.001, 1.5, 0.1, 1e-06])},
            lambda: {"valid": self.choose.choice([[0, None], [None, 100], [0, 1], [-1.5, 1e3], [None, None]])},
            lambda: {"clamp": self.choose.choice([[0, None], [1, None], [-5, None]])},
            lambda: {"map": {t: self.choose.choice(["ok", "1", 5, "x"]) for t in self.choose.sample(TEXTS + ["1", "0", "5"], 4)},
                     **self.choose.choice([{}, {"strict": True}])},
            lambda: {"default": self.operand(2)}]
        made = {}
        for make in self.choose.sample(all_of_them, self.choose.choice([0, 1, 1, 2, 3])):
            made.update(make())
        return made

    def expression(self, depth=0):
        kind = self.choose.random()
        if kind < 0.15:
            return self.path()
        if kind < 0.2:
            return self.constant()
        made = {**self.source(depth), **self.conversions()}
        if "if" in made and "else" in made and "map" in made:  # whose "else" would it be
            del made["else"]
        return made

    def time(self, depth=0):
        kind = self.choose.random()
        if kind < 0.15 and depth == 0:
            return {"first": self.some(lambda: self.time(1), 1, 3)}
        if kind < 0.3:
            return self.path()
        if kind < 0.5:
            made = {"time": self.path()}
        elif kind < 0.8:
            made = {"epoch": self.operand(1), "unit": self.choose.choice(["s", "ms", "us", "ns", "auto"])}
        elif kind < 0.9:
            made = {"split": [self.path(), self.path()]}
        else:
            made = {"rfc2822": self.path()}
        if self.choose.random() < 0.3:
            made["plus"] = self.operand(1)
        return made

    def level(self):
        kind = self.choose.random()
        if kind < 0.8:
            return self.path()
        return {"zip": [self.path(), self.path()]}


def change_expression(choose, writer, old):
    """Another one, or a bit more or less of the same."""
    if isinstance(old, str) and old[:1] in "$@%#" and choose.random() < 0.6:
        return choose.choice([{"path": old, **writer.conversions()}, writer.bent(old) if old[:1] in "$@" else old,
                              {"first": [writer.expression(1), old]}, {"path": [writer.path(), old]}])
    if isinstance(old, dict) and choose.random() < 0.6:
        made = {**old, **writer.conversions()}
        if choose.random() < 0.3:
            removable = [k for k in made if k in ("after", "before", "between", "host", "number", "prefix", "null", "duration", "unit", "times",
                                                  "valid", "clamp", "map", "default", "where", "else", "strict", "index", "from")]
            if removable:
                del made[choose.choice(removable)]
        if "if" in made and "map" in made:
            del made["map"]
            made.pop("strict", None)
        if "map" not in made:
            made.pop("strict", None)
            if "if" not in made:
                made.pop("else", None)
        if "unit" in made and made["unit"][0][:1] not in ("$", "@", "%", "#"):
            made.pop("units", None)
        return made
    return writer.expression()


def change_pattern(choose, pattern):
    if isinstance(pattern, dict):  # of lines that are gathered
        return {**pattern, "pattern": change_pattern(choose, pattern["pattern"])}
    kind, fields = choose.random(), list(re.finditer(r"\{\w*(:\w+)?\}", pattern))
    if kind < 0.4 and fields:
        field = choose.choice(fields)
        name = field[0].strip("{}").partition(":")[0]
        return f"{pattern[:field.start()]}{{{name}:{choose.choice(sorted(evaluate.KIND))}}}{pattern[field.end():]}"
    plain = [m for m in re.finditer(r"(?:[^\[\]{}\\]|\\.|\{[^}]*\})+", pattern) if "[" not in m[0]]
    if not plain:
        return pattern + "{:rest}"
    part = choose.choice(plain)
    if kind < 0.7:  # may be missing
        pieces = re.findall(r"\{[^}]*\}|\\.|.", part[0])
        first = choose.randrange(len(pieces))
        last = choose.randint(first + 1, len(pieces))
        pieces[first:last] = ["[", *pieces[first:last], "]"]
        return pattern[:part.start()] + "".join(pieces) + pattern[part.end():]
    if kind < 0.85:
        return pattern[:part.end()] + choose.choice([" ", ".", "[ ]", "{:rest}", "[{:num}]"]) + pattern[part.end():]
    return pattern[:part.start()] + pattern[part.end():] or "x"


def change_patterns(choose, reading):
    """The input of a format that is read by lines."""
    names = [n for n in ("patterns", "lines", "begin", "ignore") if reading.get(n)]
    name, kind = choose.choice(names), choose.random()
    patterns = reading[name] if isinstance(reading[name], list) else [reading[name]]
    i = choose.randrange(len(patterns))
    if kind < 0.6:
        patterns[i] = change_pattern(choose, patterns[i])
    elif kind < 0.7 and len(patterns) > 1:
        del patterns[i]
    elif kind < 0.85:
        choose.shuffle(patterns)
    else:
        patterns.insert(i, change_pattern(choose, patterns[i]))
    reading[name] = patterns
    if reading["decoder"] == "blocks" and choose.random() < 0.2:
        reading["strict"] = not reading.get("strict", False)


DIMENSIONS = ("type", "content", "probe", "source", "dest", "path")


def change_rule(choose, writer, rule, defaults):
    kind = choose.random()
    if kind < 0.45 and rule["metrics"]:
        name = choose.choice(sorted(rule["metrics"]))
        # another name, since one that tells a unit must not be of another
        rule["metrics"][f"m{len(rule['metrics'])}"] = change_expression(choose, writer, rule["metrics"].pop(name))
    elif kind < 0.55:
        rule["metrics"][choose.choice(["a", "b", "c"])] = writer.expression()
    elif kind < 0.65:
        holder, name = choose.choice([rule, rule, defaults]), choose.choice(DIMENSIONS)
        holder[name] = change_expression(choose, writer, holder[name]) if name in holder else writer.expression()
    elif kind < 0.72:
        rule.setdefault("let", {})[choose.choice(writer.names or ["v"])] = writer.expression()
    elif kind < 0.8:
        rule[choose.choice(["start", "end", "end"])] = {"first": [writer.time(1), {"epoch": 1795867700}]} if choose.random() < 0.5 else writer.time()
    elif kind < 0.9:
        where = choose.choice(["when", "if"])
        if where in rule and choose.random() < 0.4:
            del rule[where]
        else:
            made = writer.condition()
            rule[where] = {choose.choice(["all", "any"]): [rule[where], made]} if where in rule else made
    elif kind < 0.95:
        if "each" in rule and choose.random() < 0.4:
            del rule["each"]
        elif "each" not in rule or isinstance(rule["each"], str):
            rule["each"] = choose.choice([writer.level(), [writer.level(), writer.level()]])
    elif "hops" in rule:
        rule["hops"] = change_expression(choose, writer, rule["hops"])
    else:
        rule["hops"] = {"hops": writer.path(), "value": choose.choice(writer.steps or [".x"]), "gap": choose.choice(["-", "x"])}


def forgiving(choose, mapping):
    """What often is missing in changed samples is not missed, so that the rest is looked at."""
    if choose.random() < 0.7:
        mapping["may_be_empty"] = [{"ne": ["$.nothing", 1]}]
    for holder in [mapping.get("defaults", {}), *mapping["records"]]:
        if "start" in holder and choose.random() < 0.7:
            holder["start"] = {"first": [holder["start"] if isinstance(holder["start"], dict) else {"time": holder["start"]}, {"epoch": 1795867700}]}
    if mapping["input"]["decoder"] == "json" and choose.random() < 0.6:
        mapping["input"].setdefault("duplicates", choose.choice(["first", "last", "list"]))


def change_mapping(choose, format):
    mapping = copy.deepcopy(format.mapping)
    forgiving(choose, mapping)
    for _ in range(choose.choice([0, 1, 1, 2, 3, 4, 6])):
        writer, kind = Writer(choose, format, mapping), choose.random()
        rules = mapping["records"]
        if kind < 0.3 and mapping["input"]["decoder"] in ("lines", "blocks"):
            change_patterns(choose, mapping["input"])
        elif kind < 0.8:
            change_rule(choose, writer, choose.choice(rules), mapping.setdefault("defaults", {}))
        elif kind < 0.84:
            rules.insert(choose.randint(0, len(rules)), copy.deepcopy(choose.choice(rules)))
        elif kind < 0.87 and len(rules) > 1:
            del rules[choose.randrange(len(rules))]
        elif kind < 0.91:
            mapping[choose.choice(["ignore", "may_be_empty"])] = writer.some(writer.condition, 1, 2)
        elif kind < 0.94:
            mapping.setdefault("let", {})[choose.choice(writer.names or ["v"])] = writer.expression()
        elif kind < 0.97 and format.is_json:
            mapping["input"]["duplicates"] = choose.choice(["refuse", "first", "last", "list"])
        elif mapping.get("remember"):
            mapping["forget"] = [{"when": writer.condition(), "names": [choose.choice(mapping["remember"])["as"]]}]
        else:
            mapping["remember"] = [{"when": writer.condition(), "path": writer.path(), "as": "kept"}]
    return mapping


# ---- groups ----

def folder_of(seed, number_of_it, formats):
    """By lot, so that a folder more takes some of the groups and leaves all others as they are."""
    return max(formats, key=lambda f: hashlib.blake2b(f"{seed}:{number_of_it}:{f.name}".encode(), digest_size=8).digest())


def group(seed, number_of_it, formats):
    choose = random.Random(f"{seed}:{number_of_it}")
    format = folder_of(seed, number_of_it, formats)
    for _ in range(4):  # one that makes nothing of a good sample says little
        mapping = change_mapping(choose, format)
        case = answers.case(mapping, format.sample(choose, 0), format.context)
        if case and case["records"] and "fault" not in case:
            break
    cases = [answers.case(mapping, format.sample(choose, choose.choice(CHANGES)), format.delivery(choose)) for _ in range(CASES)]
    cases = [c for c in cases if c]
    return {"id": f"{seed}:{number_of_it} {format.name}", "mapping": mapping, "cases": cases}


def work(options, job, folders):
    reader = subprocess.Popen([options.program], stdin=subprocess.PIPE) if options.program else None
    answers.prepare()
    formats = [Format(name) for name in folders]
    gc.freeze()
    gc.set_threshold(100000)
    out = reader.stdin if reader else sys.stdout.buffer
    for number_of_it in range(job, options.groups, options.jobs):
        line = json.dumps(group(options.seed, number_of_it, formats), ensure_ascii=False, separators=(",", ":"))
        out.write(line.encode() + b"\n")
    out.flush()
    if reader:
        reader.stdin.close()
        sys.exit(reader.wait() != 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--groups", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", help="of one folder")
    parser.add_argument("program", nargs="?")
    options = parser.parse_args()
    if options.jobs > 1 and not options.program:
        parser.error("several jobs would print into each other")
    folders = [options.only] if options.only else sorted(n for n in os.listdir(HERE) if os.path.isdir(os.path.join(HERE, n)))
    folders = [n for n in folders if not n.startswith("__")]
    jobs = [multiprocessing.Process(target=work, args=(options, job, folders)) for job in range(options.jobs)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    sys.exit(any(job.exitcode != 0 for job in jobs))


if __name__ == "__main__":
    main()
