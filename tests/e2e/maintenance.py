# SPDX-License-Identifier: Apache-2.0
"""Windows of maintenance, and in which of them something lies, slowly, from their definition (docs/semantics.md)."""
import ipaddress
import re

DIMENSIONS = ("type", "content", "probe", "source", "dest", "path")
SHOWN = 20


def matches(pattern, value, addresses):
    """As docs/semantics.md has patterns."""
    if addresses:
        try:
            prefix = ipaddress.ip_network(pattern, strict=False)
        except ValueError:
            pass
        else:
            try:
                address = ipaddress.ip_address(value)
                return address.version == prefix.version and address in prefix
            except ValueError:
                return value == pattern
    glob = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch(glob, value, re.S) is not None


def fits(patterns, dims):
    return all(matches(p, v, name in ("source", "dest")) for name, p, v in zip(DIMENSIONS, patterns, dims))


def mark(numbers):
    """As answers have it."""
    newest = sorted(set(numbers), reverse=True)
    return ",".join([*map(str, newest[:SHOWN]), *(["more"] if len(newest) > SHOWN else [])]) or None


class OfStored:
    """A cursor of a stored's database."""

    def __init__(self, stored):
        self.stored, self.rows = stored, []

    def execute(self, statement, values):
        self.rows = self.stored.sql(statement, *values)

    def fetchone(self):
        return self.rows[0]


class Windows:
    """Those of a store: number -> patterns, from, until; times in microseconds."""

    def __init__(self, windows=()):
        self.all = dict(windows)

    def insert(self, sql, patterns, since, until, reason="works"):
        """One by SQL, as stored makes it."""
        prefixes = [None, None]
        for i, text in enumerate(patterns[3:5]):
            try:
                prefixes[i] = str(ipaddress.ip_network(text, strict=False))
            except ValueError:
                pass
        likes = [re.sub(r"[%_\\]", r"\\\g<0>", p).replace("*", "%").replace("?", "_") for p in patterns]
        sql.execute("INSERT INTO maintenance (type, content, probe, source, dest, path, likes, source_prefix, dest_prefix, t_from, t_to,"
                    " reason, author) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 'epoch'::timestamptz + %s * interval '1 us',"
                    " 'epoch'::timestamptz + %s * interval '1 us', %s, 'operator') RETURNING number",
                    (*patterns, likes, *prefixes, since, until, reason))
        number, = sql.fetchone()
        self.all[number] = (patterns, since, until)
        return number

    def of(self, dims, since, until):
        """In which a series lies at some time from since to until, both included."""
        return [n for n, (patterns, begins, ends) in self.all.items() if begins <= until and ends > since and fits(patterns, dims)]

    def mark(self, dims, since, until):
        return mark(self.of(dims, since, until))

    def mark_any(self, series, since, until):
        """Of all these series together."""
        return mark(n for dims in series for n in self.of(dims, since, until))


def some_windows(sql, rng, values, times, count):
    """At random: of each dimension's values one now and then; from one of the times to a later one."""
    windows = Windows()
    for _ in range(count):
        patterns = tuple(rng.choice(of) if rng.random() < 0.4 else "*" for of in values)
        since, until = sorted(rng.sample(times, 2))
        windows.insert(sql, patterns, since, until)
    return windows
