# SPDX-License-Identifier: Apache-2.0
# Completion of `ezrepo` for bash: what the command says may stand there, or files where it says nothing.
_ezrepo()
{
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <("${COMP_WORDS[0]}" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o bashdefault -o default -F _ezrepo ezrepo
