# SPDX-License-Identifier: Apache-2.0
"""What a record takes on disk: not much more than in the release before, although it says more."""
import random

from stores import HOUR, NONE, SECOND, Record, check_store, now_us

RECORDS, SERIES, BATCH = 20_000, 1_000, 2_000

# As PostgreSQL 15 stored these very records by the tables of release 0.1.0 (migrations 1 to 9): heap, and primary key with the index by
# time. Since then a record has the number of its arrival (8 bytes), its hops (8), its origin (2) and, in its key, what it measured instead of
# its row, which it has beside (2 + 4), its schema's number grew by 4; that is 28 bytes. It must not take more than 8 more: what its series
# says, here two addresses of 16 bytes each, is not stored again, and nothing is NULL, which would make the head of each row 8 bytes longer.
BEFORE = {"heap": 215.9, "indexes": 63.9}
MORE = 8


def bench_schema():
    """As tests/bench/loadgen.c has it."""
    return {"verb": "measure", "registry": "http://ict-mplane.eu/registry/core",
            "results": [f"delay.twoway.icmp.us.{what}" for what in ("min", "mean", "max")] + ["delay.twoway.icmp.count"],
            "parameters": ["destination.ip4", "source.ip4"], "metadata": []}


def bench_record(n, t, rng):
    source, dest = f"192.0.2.{n // 62500 + 1}", f"198.18.{n // 250 % 250}.{n % 250 + 1}"
    mean = rng.choice([12000, 25000, 45000, 65000, 90000]) + rng.randrange(5000)
    values = [str(mean - rng.randrange(1000)), str(mean), str(mean + rng.randrange(1000)), "3", dest, source]
    return Record(t, (rng.randrange(3, 6), NONE), values=values, label=f"ping-average-ip4-{n % 8}",
                  dims=("ping", "ICMPECHO", "127.0.0.1", source, dest, ""), digest=0)


def sizes(stored):
    """Bytes a record, of all partitions."""
    heap, indexes, records = (int(n) for n in stored.sql(
        "SELECT sum(pg_relation_size(relid)), sum(pg_indexes_size(relid)), (SELECT count(*) FROM measurement)"
        " FROM pg_partition_tree('measurement') WHERE isleaf")[0])
    assert records == RECORDS
    return {"heap": heap / records, "indexes": indexes / records}


def test_a_record_takes_hardly_more_than_it_did(stored):
    rng, base = random.Random(1), (now_us() // (24 * HOUR) - 2) * 24 * HOUR + HOUR
    sender = stored.sender()
    for first in range(0, RECORDS, BATCH):
        sender.commit([bench_record(i % SERIES, base + i * SECOND, rng) for i in range(first, first + BATCH)],
                      schema=bench_schema())
    found = sizes(stored)
    told = {name: (round(found[name], 1), BEFORE[name]) for name in found}
    assert sum(found.values()) <= sum(BEFORE.values()) + MORE, told
    whole = stored.sql("SELECT DISTINCT probe, \"values\"[5] = dest, \"values\"[6] = source, cardinality(\"values\") FROM record")
    assert whole == [("127.0.0.1", True, True, 6)]
    assert stored.sql("SELECT count(*) FROM measurement m WHERE NOT (m IS NOT NULL)") == [(0,)], "nothing is NULL"
    check_store(stored)
