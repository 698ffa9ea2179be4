# SPDX-License-Identifier: Apache-2.0
"""queryd shares: no identity keeps others from their answers, and no server that is frozen keeps queryd from the others."""
import pytest
from conftest import wait_for
from messages import CANCEL, pack
from postgres import Cluster
from queries import CANCELLED, COUNT, GRADING, HISTOGRAM, INVALID, OK, PERIODS, UNAVAILABLE, Lock, prepare_store


@pytest.fixture(scope="module")
def store(cluster):
    prepare_store(cluster.connect().cursor())


@pytest.fixture
def lock(cluster, store):
    one = Lock(cluster)
    yield one
    one.leave()


def publish(cluster):
    cluster.connect().cursor().execute("INSERT INTO grade_name VALUES (1, 'overall') ON CONFLICT DO NOTHING; INSERT INTO"
                                       " grading VALUES (1, '{}', 0, 'me', now()) ON CONFLICT DO NOTHING")


def test_a_store_without_a_grading_is_not_ready(cluster, make_queryd):
    """Counts would be of no grade name at all, which looks like an answer."""
    cluster.connect().cursor().execute("DELETE FROM grading; DELETE FROM grade_name")
    q = make_queryd()
    for kind, grade in ((COUNT, "all"), (HISTOGRAM, "all"), (COUNT, "overall"), (PERIODS, "overall")):
        answer = q.ask(kind, grade=grade)
        assert (answer.status, answer.message) == (UNAVAILABLE, "the store has no grading yet")
    assert q.ask(GRADING).message == "grading.version: no grading has been published yet"
    publish(cluster)
    assert q.rows(COUNT) == [{"grade.name": "overall", "records.matched": "0", "records.graded": "0", "maintenance.windows": None}]
    assert q.ask(COUNT, grade="overal").status == INVALID


def test_each_identity_has_a_share_of_connections_and_queue(cluster, make_queryd, lock):
    publish(cluster)
    q = make_queryd(connections=4, asker_connections=2, asker_waiting=5)
    assert q.rows(COUNT)
    lock.hold()
    sent = [q.send(COUNT, asker="one") for _ in range(10)]
    refused = [q.receive() for _ in range(3)]
    assert {a.id for a in refused} == set(sent[7:])
    assert {(a.status, a.message) for a in refused} == {
        (UNAVAILABLE, "too many questions of one identity at once: ask again later")}
    lock.wait_for_questions(2)
    other = q.send(COUNT, asker="another")
    lock.wait_for_questions(3)  # while five of the one are waiting
    lock.leave()
    answers = [q.receive() for _ in range(8)]
    assert {a.id for a in answers} == {*sent[:7], other} and {a.status for a in answers} == {OK}


def test_identities_take_turns(cluster, make_queryd, lock):
    publish(cluster)
    q = make_queryd(connections=1)
    assert q.rows(COUNT)
    lock.hold()
    many = [q.send(COUNT, asker="one") for _ in range(10)]
    lock.wait_for_questions(1)
    few = [q.send(COUNT, asker="another") for _ in range(2)]
    wait_for(lambda: q.counters()["waiting"] == 11)
    lock.leave()
    order = [q.receive().id for _ in range(12)]
    assert order[:5] == [many[0], few[0], many[1], few[1], many[2]]


def test_a_frozen_server_does_not_hold_up_a_cancellation(make_queryd, own_cluster):
    prepare_store(own_cluster.connect().cursor())
    publish(own_cluster)
    q = make_queryd(database=own_cluster.connect_string("reader"), connections=2)
    assert q.rows(COUNT)
    with own_cluster.frozen():
        sent = q.send(COUNT)
        q.socket.send(pack(CANCEL, sent))
        answer = q.receive()
        assert (answer.id, answer.status) == (sent, CANCELLED)
    wait_for(lambda: q.ask(COUNT).status == OK, 60)


def test_a_frozen_server_does_not_keep_queryd_from_the_next(cluster, make_queryd):
    """Neither while it connects, nor when it was connected."""
    publish(cluster)
    first = Cluster(durable=True)
    try:
        prepare_store(first.connect().cursor())
        publish(first)
        q = make_queryd(database=f"host={first.folder},{cluster.folder} user=reader dbname=postgres", connections=2)
        with first.frozen():
            wait_for(lambda: q.ask(COUNT).status == OK, 60)
        q = make_queryd(database=f"host={first.folder},{cluster.folder} user=reader dbname=postgres", connections=2,
                        timeout_ms=1000)
        assert q.rows(COUNT)
        with first.frozen():
            wait_for(lambda: q.ask(COUNT).status == OK, 60)
    finally:
        first.remove()
