# SPDX-License-Identifier: Apache-2.0
"""A store that was put back: what was graded by a version it does not have, or has with another document, is graded anew."""
import hashlib
import json
import os
import shutil

from conftest import Load, status_now
from messages import GRADES, pack
from postgres import Cluster
from processes import held_up
from stores import NAMES, NONE, SECOND, Record, check_store, now_us

THRESHOLD = "delay.twoway.icmp.us.mean"


def digest_in(stored, version):
    """The first 8 bytes of SHA-256 over the document, a NUL, and what of the record types enters grading."""
    document, types = stored.sql("SELECT document, types FROM grading WHERE version = %s", version)[0]
    return int.from_bytes(hashlib.sha256(document.encode() + b"\0" + types.encode()).digest()[:8], "big")


def grade_anew(sender, sequence, version, digest, grades):
    """As a classifyd that gets the batch again, and has this version."""
    kind, count, (records, accounts, _), _, *more = sender.pending[sequence]
    anew = pack(GRADES, version, NAMES, bytes(grades) * count, digest=digest)
    sender.pending[sequence] = (kind, count, [records, accounts, anew], version, *more)


def test_a_batch_of_an_unknown_version_comes_again_and_is_graded_anew(stored):
    sender, t = stored.sender(), now_us()
    sender.commit([Record(t)])
    sequence = sender.batch([Record(t + SECOND * (i + 1)) for i in range(10)])
    known = digest_in(stored, 1)
    for times, (version, digest) in enumerate([(2, known), (1, known ^ 1), (2, 0)]):
        grade_anew(sender, sequence, version, digest, (4, NONE))
        sender.send()
        stored.wait(lambda n=times + 1: stored.counter("returned.batches") == n)
    assert sequence in sender.pending and stored.sql("SELECT count(*) FROM measurement") == [(1,)]
    grade_anew(sender, sequence, 1, known, (5, NONE))
    sender.send()
    sender.settle()
    assert stored.sql("SELECT grades[1], grading_version, count(*) FROM measurement GROUP BY 1, 2") == [(5, 1, 11)]
    assert stored.sql("SELECT count(*) FROM rejected") == [(0,)]
    check_store(stored)


def by_limit(limit, *names):
    return json.dumps({"grading": [
        {"gradeName": name, "appliesTo": {"recordType": "ping"},
         "gradingRules": [{"grade": 5, "if": [{"metric": THRESHOLD, "rel": "<", "limit": limit}]}, {"grade": 1}]}
        for name in names]})


class PutBack:
    """A set with a server of its own, the folder of which can be kept and put back."""

    def __init__(self, make_set):
        self.cluster = Cluster(durable=True)
        self.cluster.execute("CREATE ROLE ezrepo_read NOLOGIN", "CREATE ROLE reader LOGIN IN ROLE ezrepo_read",
                             "CREATE DATABASE store")
        self.one = make_set("--database", self.cluster.connect_string(database="store"),
                            "--database-read", self.cluster.connect_string("reader", "store"), "--classifyd", "2")
        self.one.configure(ingestd={"retry_ms": 1000})

    def sql(self, query):
        connection = self.cluster.connect("store")
        try:
            with connection.cursor() as cursor:
                cursor.execute(query)
                return cursor.fetchall()
        finally:
            connection.close()

    def keep(self):
        self.cluster.stop()
        shutil.copytree(self.cluster.data, self.cluster.data + ".kept")
        self.cluster.start()

    def put_back(self):
        self.cluster.kill()
        shutil.rmtree(self.cluster.data)
        os.rename(self.cluster.data + ".kept", self.cluster.data)
        if self.cluster.as_user:
            for folder, _, files in os.walk(self.cluster.data):
                for name in [folder, *(os.path.join(folder, file) for file in files)]:
                    shutil.chown(name, "postgres", "postgres")
        self.cluster.start()

    def publish(self, path, text):
        path.write_text(text)
        self.one.cmd("grading", "set", str(path))

    def versions(self):
        return [p["counters"].get("grading.version") for p in self.one.status()["processes"]
                if p["process"] == "classifyd"]

    def graded(self):
        return sum(p["counters"].get("graded.records", 0) for p in self.one.status()["processes"]
                   if p["process"] == "classifyd")

    def close(self):
        self.one.cmd("down", check=False)
        self.cluster.remove()


def test_what_was_graded_by_a_lost_version_is_graded_by_one_the_store_has(make_set, tmp_path):
    """The whole set: records that were graded before the store was put back behind their grading, and others after
    another one got its number. Nothing is lost, and each is graded by what the store has under its version."""
    back = PutBack(make_set)
    one = back.one
    try:
        one.up()
        with Load(one, 2000) as load:
            load.finish()
        one.wait_matched(2000)
        before = status_now(lambda: one.process("stored"))["counters"]["database.connects"]
        back.keep()
        one.wait_for(lambda: status_now(lambda: one.process("stored"))["counters"]["database.connects"] > before)
        back.publish(tmp_path / "lost.json", by_limit(20000, "overall", "lost"))
        one.wait_for(lambda: back.versions() == [2, 2])
        graded = back.graded()
        with held_up(one.pid("stored")):
            with Load(one, 6000) as load:
                load.finish()
            # How many can be graded while nobody takes them is up to how large their batches are.
            one.wait_for(lambda: back.graded() > graded)
            back.put_back()
        one.wait_matched(8000)
        assert back.sql("SELECT grading_version, count(*) FROM measurement GROUP BY 1") == [(1, 8000)]
        assert one.process("stored")["counters"]["returned.batches"] > 0
        back.publish(tmp_path / "other.json", by_limit(60000, "overall"))
        one.wait_for(lambda: back.versions() == [2, 2])
        with Load(one, 1000) as load:
            load.finish()
        one.wait_matched(9000)
        assert back.sql(f"""
            SELECT count(*), count(*) FILTER (WHERE m.grades[1] <>
                CASE WHEN m."values"[array_position(s.results, '{THRESHOLD}')]::numeric < 60000 THEN 5 ELSE 1 END)
            FROM measurement m JOIN schema s ON s.id = m.schema_id WHERE grading_version = 2""") == [(1000, 0)]
        assert back.sql("SELECT count(*) FROM rejected") == [(0,)]
    finally:
        back.close()
