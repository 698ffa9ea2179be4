# SPDX-License-Identifier: Apache-2.0
"""Silences that were told, or retired, while the clock was ahead."""
import glob
import signal

import pytest
from judged import make_judged, regular  # noqa: F401 pylint: disable=unused-import
from messages import SIGNS, pack
from silences import DAY, MINUTE
from stores import NONE, Record, now_us

LIBRARY = "/usr/lib/*/faketime/libfaketimeMT.so.1"
SILENCES = ("SELECT s.source, i.retracted IS NOT NULL, i.retired IS NOT NULL, i.as_of > now() FROM silence i JOIN series s ON s.id = i.series_id"
            " ORDER BY s.source, i.number")


@pytest.mark.parametrize("restarted", [False, True])
def test_a_clock_that_was_ahead_retires_nothing_for_good(make_judged, monkeypatch, tmp_path, restarted):  # noqa: F811
    """The library has stored read the time of day that a file says at the moment. Of three series two go on; the third is silent."""
    clock = tmp_path / "clock"
    clock.write_text("+0s")
    clock.chmod(0o644)
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(clock))
    monkeypatch.setenv("FAKETIME_NO_CACHE", "1")
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    with monkeypatch.context() as environment:
        environment.setenv("LD_PRELOAD", glob.glob(LIBRARY)[0])
        judged = make_judged()
    base = now_us() // MINUTE * MINUTE - 60 * MINUTE
    judged.commit(regular("3", "", base, 20), base + 20 * MINUTE)
    judged.commit([*regular("1", "", base, 60), *regular("2", "", base, 60)], base + 60 * MINUTE)
    judged.as_of(now_us())
    judged.check()

    def sign(instant):
        judged.push.send(pack(SIGNS, judged.instance, instant, instant, instant, ["ingestd"], [instant], [], [], []))

    def comes_to(ahead, silences):
        def has_come():
            sign(now_us() + ahead)
            return judged.stored.sql(SILENCES) == silences
        judged.stored.wait(has_come, 30)
    comes_to(0, [("3", False, False, False)])
    clock.write_text("+3d")
    comes_to(3 * DAY, [("1", False, False, True), ("2", False, False, True), ("3", False, False, False)])
    clock.write_text("+10d")
    retired = [("1", False, True, True), ("2", False, True, True), ("3", False, True, False)]
    comes_to(10 * DAY, retired)
    judged.sender.commit([Record(now_us(), (5, NONE), dims=("ping", "c", "", source, "d", ""), digest=999) for source in ("1", "2")])
    comes_to(10 * DAY, retired)
    clock.write_text("+0s")
    if restarted:
        judged.restart(signal.SIGKILL)
    comes_to(0, [("1", True, False, False), ("2", True, False, False), ("3", False, False, False)])
    assert "silence.clock" in judged.stored.log()
