# SPDX-License-Identifier: Apache-2.0
"""Whatever is killed, and however late, wrong or unsteady the data: what is active at a real Alertmanager is what is bad here."""
import os
import random
import time

import pytest
from alertmanagers import BAD, GOOD, Alertmanager, Webhook, bad, secret_file, send
from conftest import wait_for

SECRET = "0123456789abcdef-secret-of-hook"
STEPS = int(os.environ.get("EZREPO_ALERT_CHAOS_STEPS", "6"))
DESTS = [f"192.0.2.{n}" for n in range(1, 9)]


@pytest.fixture(scope="module", name="chaos")
def _chaos(module_set, tmp_path_factory):
    folder = tmp_path_factory.mktemp("chaos")
    manager, hook = Alertmanager(folder).start(), Webhook(SECRET)
    module_set.configure(alertd={
        "alertmanagers": [manager.url], "resend_s": 1, "look_s": 1, "routes": [{"name": "PingBad", "range": [1, 2]}],
        "webhooks": [{"name": "hook", "url": hook.url, "secret": secret_file(folder, "secret", SECRET)}]})
    module_set.cmd("restart", "alertd")
    try:
        yield module_set, manager, hook
    finally:
        manager.kill()
        hook.close()


def disturb(one, manager, chance):
    """Something for each of some series: it turns bad or good, flaps, is late, or late data say that it was otherwise."""
    for dest in chance.sample(DESTS, 4):
        kind = chance.choice(["bad", "good", "flap", "late", "other state"])
        if kind == "flap":
            for delay_us in (BAD, GOOD, BAD, GOOD):
                send(one, dest, delay_us, 0)
        elif kind == "late":
            send(one, dest, chance.choice([BAD, GOOD]), chance.uniform(1, 30))
        elif kind == "other state":  # what was told before is retracted
            send(one, dest, BAD, 0)
            send(one, dest, GOOD, 0.5, 1.5)
        else:
            send(one, dest, BAD if kind == "bad" else GOOD, 0)
    victim = chance.choice(["alertd", "alertmanager", "stored", "nobody"])
    if victim == "alertmanager":
        manager.kill()
        manager.start()
    elif victim != "nobody":
        one.kill(victim)
    return victim


def agreement_s(one, manager):
    """How long it takes until both have the same, looked at one after the other twice."""
    began = time.monotonic()
    wait_for(lambda: bad(one) == manager.dests() == bad(one), 60, lambda: f"{bad(one)}\n{manager.dests()}", 0.1)
    return time.monotonic() - began


def check_told(hook):
    """Of each alert first that it fires, then that it is over; of a series one after the other, whatever was said again."""
    for dest in DESTS:
        told = list(dict.fromkeys((i, status) for status, to, i in hook.heard if to == dest))
        ids = list(dict.fromkeys(i for i, _ in told))
        assert told == [(i, status) for i in ids for status in ("firing", "resolved")][:len(told)], dest


def test_what_is_active_is_what_is_bad(chaos):
    one, manager, hook = chaos
    seed = int(os.environ.get("EZREPO_ALERT_CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
    chance = random.Random(seed)
    print(f"EZREPO_ALERT_CHAOS_SEED={seed}")
    took = []
    for _ in range(STEPS):
        victim = disturb(one, manager, chance)
        took.append((victim, round(agreement_s(one, manager), 1)))
    print(f"seconds until they agreed: {took}")
    check_told(hook)
    for dest in DESTS:
        send(one, dest, GOOD, 0)
    wait_for(lambda: bad(one) == manager.dests() == one.rows("alerts") == [], 60, manager.active)
    wait_for(lambda: all(hook.of(dest)[-1:] in ([], ["resolved"]) for dest in DESTS), 60, lambda: str(hook.heard))
    check_told(hook)
    ids = {r["alert.id"] for r in one.rows("alerts", "--all")}
    assert {i for _, _, i in hook.heard} == ids and hook.wrong == 0
    assert {i for status, _, i in hook.heard if status == "resolved"} == ids
