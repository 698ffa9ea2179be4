# SPDX-License-Identifier: Apache-2.0
"""How much the store has, and whether the clocks are apart, as stored says."""
import glob
import os
import re
import time

import pytest
from stores import Record, now_us

LIBRARY = "/usr/lib/*/faketime/libfaketimeMT.so.1"


def test_what_the_store_has(make_stored):
    stored = make_stored().start()
    sender = stored.sender()
    sender.commit([Record(now_us() - i * 1000000) for i in range(10)])
    stored.sql("INSERT INTO ledger_instance (hour, instance, dropped, lost, maybe_lost, holes)"
               " SELECT date_trunc('hour', now()) - n * interval '1 hour', gen_random_uuid(), 1, 20, 300, 4000 FROM generate_series(1, 2) AS n")
    entries, = stored.sql("SELECT count(*), extract(epoch FROM min(told_at))::bigint FROM feed")
    assert entries[0] > 0
    stored.stop()
    stored.start()  # they are looked up at the start, and once a minute
    stored.wait(lambda: stored.counter("feed.entries") > 0)
    counters = stored.status()["counters"]
    assert (counters["feed.entries"], counters["feed.oldest"]) == entries
    assert [counters[f"ledger.{name}"] for name in ("dropped", "lost", "maybe_lost", "missing")] == [2, 40, 600, 8000]
    parts = stored.sql("SELECT count(*) FROM pg_partition_tree('measurement') WHERE isleaf")[0][0]
    assert counters["partitions"] == parts and 0 < counters["records.oldest"] <= time.time()
    size = stored.sql("SELECT pg_database_size(current_database())")[0][0]
    assert abs(counters["database.bytes"] - size) < 2 << 20
    disk = os.statvfs(stored.cluster.data)
    assert counters["disk.bytes"] == disk.f_blocks * disk.f_frsize and 0 < counters["disk.free_bytes"] <= counters["disk.bytes"]
    assert counters["clock.apart_ms"] < 2000 and stored.note("clock") == "as PostgreSQL's"


@pytest.mark.parametrize("shift, said", [("-90s", "ahead"), ("+90s", "behind"), ("-0s", None)])
def test_clocks_that_are_apart(make_stored, monkeypatch, shift, said):
    """The library has stored read another time of day than PostgreSQL does."""
    stored = make_stored()
    with monkeypatch.context() as environment:
        environment.setenv("LD_PRELOAD", glob.glob(LIBRARY)[0])
        environment.setenv("FAKETIME", shift)
        environment.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        stored.start(wait=False)
    stored.wait(lambda: stored.status().get("notes", {}).get("clock"))
    status = stored.status()
    note = status["notes"]["clock"]
    if said is None:
        assert note == "as PostgreSQL's" and "clock" not in status["troubles"]
    else:
        assert re.fullmatch(rf"PostgreSQL's is (89|90)\.\d\d\d s {said}", note)
        assert "clock" in status["troubles"] and status["counters"]["clock.apart_ms"] // 1000 in (89, 90)
