# SPDX-License-Identifier: Apache-2.0
"""What the reference evaluator makes of a case, for mutate.py: quickly, and with a fault where only an accident of Python makes something of it."""
import functools
import os
import re
import resource
import signal
import time
import types

import evaluate
from evaluate import STEP

PATIENCE = 0.25    # seconds of a processor: what the evaluator needs longer for is left out
MEMORY = 2 << 30
HOPS = 256         # a record has no more


def late(*_):
    raise Late


def lists(names, values):
    """zip(), but of lists: the evaluator would take a text apart into letters."""
    if not isinstance(names, list) or not isinstance(values, list):
        raise TypeError("no lists")
    return zip(names, values)


def text_of(value, text=evaluate.text):
    """A list as text is how Python shows it; here it is a fault."""
    if isinstance(value, (list, dict)):
        raise TypeError("no text")
    return text(value)


class Written(type):
    """str, but of what has a text: a truth is 1 or 0 and not how Python shows it, so where that is written is a fault."""

    def __instancecheck__(cls, value):
        return isinstance(value, str)

    def __call__(cls, value):
        if isinstance(value, (bool, list, dict)):
            raise TypeError("no text")
        return str(value)


class Text(metaclass=Written):
    """evaluate.str"""


class Steps:
    """evaluate.STEP, which remembers what it found."""

    finditer = staticmethod(functools.lru_cache(100000)(lambda steps: list(STEP.finditer(steps))))


class Expressions:
    """The module re, which remembers what it matched. No zone is further away than a day."""

    def __getattr__(self, name):
        return getattr(re, name)

    @staticmethod
    @functools.lru_cache(100000)
    def match(pattern, text):
        found = re.match(pattern, text)
        if found and pattern.startswith(r"(\d{4})-") and not re.fullmatch(r"Z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?", found[8] or "Z"):
            raise ValueError("no zone")
        return found


DURATION = re.compile(r"-?P(?=.*\d)(\d+(\.\d+(?=D$))?D)?(T(\d+(\.\d+(?=H$))?H)?(\d+(\.\d+(?=M$))?M)?(\d+(\.\d+)?S)?(?<!T))?")
MAIL = re.compile(r"(?:(Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d(:\d\d)? ([+-]\d{4}|UT|UTC|GMT|[ECMP][SD]T)")


def strictly(form, read):
    """What is none in the product is a fault, and not whatever can be made of it."""
    def reads(text):
        found = read(text)
        if found is not None and not form.fullmatch(text):
            raise ValueError("not strictly")
        return found
    return reads


def remembering(read):
    """evaluate.num, which remembers the numbers of texts."""
    of_text = functools.lru_cache(100000)(read)
    return lambda value: of_text(str(value)) if isinstance(value, str) else read(value)


class Digits(type):
    """int takes digits with underscores between them, as no format does."""

    def __instancecheck__(cls, value):
        return isinstance(value, int)

    def __call__(cls, value):
        if isinstance(value, str) and "_" in value:
            raise ValueError(f"{value[:40]} is no whole number")
        return int(value)


class Whole(metaclass=Digits):
    """evaluate.int"""


BLANK_IN_QUOTES = re.compile(r'^[^\n]*="[^"\n]* ', re.M)
BLANK_BEFORE = re.compile(r"^[ \t]+\S", re.M)


def apart_at_blanks(read):
    """Of the evaluator's influx, which takes a line apart at blanks within quotes, too, and at those that it begins with."""
    def strict(text, options):
        if BLANK_IN_QUOTES.search(text) or BLANK_BEFORE.search(text):
            raise ValueError("a blank in quotes, or before all else")
        return read(text, options)
    return strict


def without_zone(canonical):
    """evaluate.addr, but an address with a zone keeps its text (docs/semantics.md, "Records")."""
    return lambda host: host if "%" in host else canonical(host)


def prepare():
    """What makes the evaluator quick enough: a pattern is compiled once. Dates without a zone are UTC for it, too."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    evaluate.dissect = functools.lru_cache(10000)(evaluate.dissect)
    evaluate.STEP, evaluate.re = Steps(), Expressions()
    evaluate.num = remembering(evaluate.num)
    evaluate.str, evaluate.int = Text, Whole
    evaluate.addr = without_zone(evaluate.addr)
    evaluate.DEC["influx"] = apart_at_blanks(evaluate.DEC["influx"])
    evaluate.zip, evaluate.text, evaluate.dur = lists, text_of, strictly(DURATION, evaluate.dur)
    evaluate.email = types.SimpleNamespace(utils=types.SimpleNamespace(
        parsedate_to_datetime=strictly(MAIL, evaluate.email.utils.parsedate_to_datetime)))
    re._MAXCACHE = 10000  # of compiled expressions
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGVTALRM, late)


class Late(BaseException):
    """It takes too long; no fault of the case."""


class Documents(list):
    """Counts how many were taken."""
    taken = 0

    def __iter__(self):
        for document in super().__iter__():
            self.taken += 1
            yield document


def fault_of(error):
    return f"{type(error).__name__}: {error}"[:120]


def answer(mapping, text, context):
    """What is compared: records, and if there is a fault where."""
    try:
        documents = Documents(evaluate.DEC[mapping["input"]["decoder"]](text, mapping["input"]))
    except Exception as error:  # whatever it is, it is a fault
        return {"fault": fault_of(error), "document": 0, "records": []}
    evaluate.DEC["these"] = lambda these, _: these
    mapping = {**mapping, "input": {"decoder": "these"}}
    try:
        return {"records": evaluate.run(mapping, documents, context)}
    except Exception as error:
        before = evaluate.run(mapping, documents[:documents.taken - 1], context)
        return {"fault": fault_of(error), "document": documents.taken, "records": before}


def case(mapping, text, context):
    """None: it takes too long, or gives too much."""
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE)
        found = answer(mapping, text, context)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    except (Late, MemoryError):
        return None
    if any(len(record["hops"]) > HOPS for record in found["records"]):
        return None
    for record in found["records"]:  # strftime() writes the year 1 as 1
        record["t_start"], record["t_end"] = (record[t].zfill(26) for t in ("t_start", "t_end"))
    return {"sample": text, "context": context, **found}
