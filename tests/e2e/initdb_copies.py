# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL's programs with an initdb that does its work once: a cluster that is asked for with the same options again is a
copy of the first one.

initdb takes more processor time than all else a set or a test's own server needs to start, and always makes the same. What
`ezrepo init` asks of it is asked as ever, by the option that operators have for programs in another place; only what is
behind it is quicker. Clusters that are copies have one system identifier: a test that needs another one, or initdb itself,
takes the programs of the system.
"""
import functools
import os
import pathlib
import shutil
import tempfile

from conftest import folder_of_sets

INSTALLED = pathlib.Path("/usr/lib/postgresql")
INITDB = """\
#!/bin/sh
# initdb -D FOLDER OPTION...
set -e
initdb='{programs}/initdb'
case "$*" in *--sync-only*) exec "$initdb" "$@" ;; esac
[ "$1" = -D ]
data=$2
shift 2
first='{folder}'/$(printf '%s\\n' "$@" | cksum | tr ' ' -)
if ! [ -d "$first" ]; then
    "$initdb" -D "$first.new" "$@"
    mv "$first.new" "$first"
fi
cp -a --sparse=always "$first/." "$data"
"""


@functools.lru_cache(maxsize=None)
def postgresql() -> pathlib.Path:
    """As /usr/lib/postgresql, with the newest version. This process's own, until `remove`: who asks is one at a time."""
    version = max((path.parent.parent for path in INSTALLED.glob("*/bin/postgres")), key=lambda path: int(path.name))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ezi", dir=folder_of_sets()))
    folder.chmod(0o755)
    programs = folder / version.name / "bin"
    programs.mkdir(parents=True)
    for program in (version / "bin").iterdir():
        (programs / program.name).symlink_to(program)
    clusters = folder / "clusters"
    clusters.mkdir()
    if os.geteuid() == 0:
        shutil.chown(clusters, "postgres", "postgres")
    (programs / "initdb").unlink()
    (programs / "initdb").write_text(INITDB.format(programs=version / "bin", folder=clusters))
    (programs / "initdb").chmod(0o755)
    return folder


def remove() -> None:
    if postgresql.cache_info().currsize:
        shutil.rmtree(postgresql())
        postgresql.cache_clear()
