# SPDX-License-Identifier: Apache-2.0
"""`ezrepo reload` tells what was refused; what init says of ports that are open; each set's gateway has an identity of its
own."""
import os
import re
import subprocess


def test_reload_says_what_came_of_it(make_set):
    one = make_set()
    one.up()
    done = one.cmd("reload")
    for name in ("ingestd", "classifyd-0", "stored", "queryd", "mplane-gw"):
        assert f"{name} has read its configuration" in done.stdout
    # What a check beforehand finds.
    one.configure(**{"mplane-gw": {"certificate": "/nowhere.crt"}})
    done = one.cmd("reload", check=False)
    assert done.returncode == 1 and "mplane-gw.certificate=/nowhere.crt" in done.stderr, done
    one.configure(**{"mplane-gw": {"certificate": f"{one.state}/pki/server.crt"}})
    key = f"{one.state}/pki/server.key"
    subprocess.run(["openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", key + ".locked"],
                   check=True, timeout=60)
    owner = os.stat(key)
    os.rename(key, key + ".good")
    os.rename(key + ".locked", key)
    os.chown(key, owner.st_uid, owner.st_gid)
    os.chmod(key, 0o640)
    done = one.cmd("reload", "mplane-gw", check=False)
    assert done.returncode == 1 and "the key is encrypted" in done.stderr + done.stdout, done
    done = one.cmd("pki", "issue", "ann", "--role", "reader", check=False)
    assert done.returncode == 1 and "org.ezrepo.EZRepo.Clients.ann" in done.stdout
    assert "mplane-gw refused what it read; what was in force stays:" in done.stdout
    assert "the key is encrypted" in done.stdout
    os.rename(key + ".good", key)
    assert "mplane-gw has read its configuration" in one.cmd("reload", "mplane-gw").stdout
    # What has to wait is told, too.
    one.configure(stored={"high_water": 77})
    done = one.cmd("reload", "stored")
    assert "stored.high_water: changed, which takes effect after a restart" in done.stdout


def test_init_says_that_udp_is_open(make_set):
    one = make_set()
    assert "can add records" not in one.made.stderr
    two = make_set("--listen", "0.0.0.0")
    assert re.search(r"whoever can reach UDP port \d+ of 0\.0\.0\.0 can add records", two.made.stderr), two.made.stderr
    assert '"allow"' in two.made.stderr


def subject(one):
    done = subprocess.run(["openssl", "x509", "-noout", "-subject", "-nameopt", "sep_comma_plus,use_quote", "-in",
                           f"{one.state}/pki/server.crt"], check=True, capture_output=True, text=True, timeout=60)
    return re.search(r"CN=(.*)", done.stdout)[1]


def test_each_gateway_has_an_identity_of_its_own(make_set):
    one, two = make_set(), make_set()
    first, second = subject(one), subject(two)
    assert first != second and first.startswith("gateway-") and second.startswith("gateway-")
    assert f"org.ezrepo.EZRepo.Servers.{first}" in one.made.stdout
    # Rules of supervisors name it: it is kept, unless it is asked for.
    done = one.cmd("pki", "server")
    assert subject(one) == first and f"org.ezrepo.EZRepo.Servers.{first}" in done.stdout
    one.cmd("pki", "server", "--new-identity")
    assert subject(one) not in (first, second)
