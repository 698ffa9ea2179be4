# SPDX-License-Identifier: Apache-2.0
"""Numbers of grade names: there are 1000, and those of names that nothing has any more are given again."""
from stores import NONE, SECOND, Record, check_store, grades_frame, now_us
from test_rebuild import Rebuild
from test_stored import BLOCK, publisher  # noqa: F401 (a fixture)

LISTS = [[f"name{i}.{j}" for j in range(32)] for i in range(33)]  # a document may have 32; 31 of them and "overall" have 993


def of(names):
    return {"grading": [{**BLOCK, "gradeName": name} for name in names]}


def publish_all(publisher, lists):
    """Versions 2, 3, ..., one for each list."""
    for number, names in enumerate(lists):
        answer = publisher.publish(of(names))
        assert (answer["status"], answer["version"]) == (0, number + 2), answer


def numbers(stored):
    return dict(stored.sql("SELECT name, id FROM grade_name"))


def test_numbers_of_names_that_nothing_has_are_given_again(build_dir, stored, publisher):
    sender, t = stored.sender(), now_us()
    sender.commit([Record(t, (4, NONE))])  # under "overall", and not under "bandWidth"
    publish_all(publisher, LISTS[:31])
    before = numbers(stored)
    assert len(before) == 2 + 31 * 32
    sender.commit([Record(t + SECOND, (5, NONE))], version=5, names=LISTS[3][7:9])
    late = sender.batch([Record(t + 2 * SECOND, (3, 2))], version=2, names=LISTS[0][:2])
    assert publisher.publish(of(LISTS[31]))["status"] == 0
    after = numbers(stored)
    kept = ["overall", LISTS[3][7], *LISTS[30]]
    assert sorted(after) == sorted(kept + LISTS[31])
    assert [after[name] for name in kept] == [before[name] for name in kept]
    assert len(set(after.values())) == len(after) and set(after.values()) <= set(range(1, 1001))
    assert after[LISTS[31][0]] == before["bandWidth"], "the lowest that is free"

    # A batch that was graded under names that are gone is not stored, and not acknowledged: it is graded anew.
    sender.send(late)
    stored.wait(lambda: stored.counter("returned.batches") == 1)
    sender.take_acks(1, whole=True)
    assert late in sender.pending
    kind, count, frames, _, name = sender.pending[late]
    anew = grades_frame([Record(t, (1, 2))], 33, LISTS[31][5:7])
    sender.pending[late] = (kind, count, [*frames[:-1], anew], 33, name)
    sender.settle()
    assert stored.sql("SELECT count(*) FROM rejected") == [(0,)]
    assert stored.sql("SELECT n.name, g.grade, count(*)::int FROM measurement m CROSS JOIN LATERAL unnest(m.grades) WITH"
                      " ORDINALITY AS g (grade, id) JOIN grade_name n USING (id) WHERE g.grade IS NOT NULL"
                      " GROUP BY 1, 2 ORDER BY 1") == [
        (LISTS[3][7], 5, 1), (LISTS[31][5], 1, 1), (LISTS[31][6], 2, 1), ("overall", 4, 1)]
    assert stored.sql("SELECT n.name FROM period JOIN grade_name n ON n.id = grade_id ORDER BY 1") == [
        (name,) for name in sorted([LISTS[31][5], LISTS[31][6], LISTS[3][7], "overall"])]
    check_store(stored)
    stored.stop()
    stored.start()
    assert numbers(stored) == after
    sender.commit([Record(t + 3 * SECOND, (1, 2))], version=33, names=LISTS[31][5:7])
    check_store(stored)
    Rebuild(build_dir, stored).identical()


def test_names_that_records_have_keep_their_numbers_and_one_too_many_is_refused(stored, publisher):
    sender, t = stored.sender(), now_us()
    for number, names in enumerate(LISTS[:31]):
        assert publisher.publish(of(names))["version"] == number + 2
        sender.commit([Record(t + number * SECOND, [5] * 32)], version=number + 2, names=names)
    before = numbers(stored)
    answer = publisher.publish(of(LISTS[31]))
    assert answer["status"] == 1 and "at most 1000 grade names" in answer["message"]
    assert numbers(stored) == before and stored.sql("SELECT max(version) FROM grading") == [(32,)]
    # As many as nothing has: of the first version no record is there.
    answer = publisher.publish(of(LISTS[31][:8]))
    assert (answer["status"], answer["version"]) == (0, 33)
    assert sorted(numbers(stored)) == sorted(sum(LISTS[:31], []) + LISTS[31][:8])
    check_store(stored)
