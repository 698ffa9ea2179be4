# SPDX-License-Identifier: Apache-2.0
# For scripts of bash: what takes minutes is seen to be going on.

# progress LOG COMMAND...: runs it with its output into LOG, and prints LOG's last line, where it is a new one, every
# PROGRESS_S seconds (5). Its exit code is the command's.
progress() {
    local log=$1 said='' line=''
    shift
    "$@" >"$log" 2>&1 &
    local pid=$!
    while ! timeout "${PROGRESS_S:-5}" tail --pid="$pid" -f /dev/null; do
        line=$(tail -c 2000 "$log" | tr '\r' '\n' | grep -v '^ *$' | tail -n 1 | cut -c 1-100) || true
        if [ "$line" != "$said" ]; then
            printf '  ... %s\n' "$line"
            said=$line
        fi
    done
    wait "$pid"
}
