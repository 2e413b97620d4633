#!/bin/sh
# Style and static checks of the C part; prints what is wrong and how to mend it, exits 1 if anything is.
#   tools/lint.sh BUILD-FOLDER [FILE…]
# The build folder must be configured (it holds compile_commands.json). clang-tidy looks at src/, and again
# only at what changed since it was clean (or at the files named); everything else looks at all files.
#   1. clang-format   the layout of .clang-format; mend with `make fmt`
#   2. includes       point only in the direction of docs/design.md (tools/lint_includes.awk)
#   3. sizes          files: warn over 600 lines, fail over 800; functions: warn over 80, fail over 120
#   4. clang-tidy     the checks of .clang-tidy
#   5. shellcheck     the scripts, where shellcheck is installed
set -u
cd "$(dirname "$0")/.." || exit 2
build=${1:?usage: tools/lint.sh BUILD-FOLDER [FILE…]}
shift
failed=0
log=$(mktemp -d) || exit 2
trap 'rm -rf "$log"' EXIT

for tool in clang-format clang-tidy; do
    command -v "$tool" >/dev/null 2>&1 || { echo "lint: no $tool; run tools/setup.sh lint" >&2; exit 2; }
done
if [ ! -f "$build/compile_commands.json" ]; then
    echo "lint: no $build/compile_commands.json; run tools/build.sh --configure $build -DAC_TESTS=ON" >&2
    exit 2
fi

fail() { # NAME REMEDY
    echo "lint: $1 failed: $2"
    failed=1
}

files=$(find src include test bench -name '*.[ch]' 2>/dev/null | sort)

# shellcheck disable=SC2086
clang-format --dry-run -Werror $files 2>"$log/format" || {
    sed -n 's/:[0-9]*:[0-9]*: error:.*//p' "$log/format" | sort -u
    fail clang-format "run 'make fmt'"
}

sources=$(find src include -name '*.[ch]' | sort)
# shellcheck disable=SC2086
awk -f tools/lint_includes.awk $sources ||
    fail includes "depend only on what lies below, see docs/design.md"

# shellcheck disable=SC2086
awk -f tools/lint_sizes.awk $files || fail sizes "split what is too long by what it does"

# clang-tidy: BUILD/lint/ keeps a stamp for each file that was clean
if [ $# -gt 0 ]; then
    tidy="$*"
else
    # what is really built: an engine that is off has no entry
    tidy=$(sed -n "s|^ *\"file\": *\"$PWD/\(src/.*\)\",\{0,1\}\$|\1|p" "$build/compile_commands.json" | sort -u)
fi
stamps=$build/lint
mkdir -p "$stamps"
headers=$(find src include -name '*.h')
for file in $tidy; do
    stamp=$stamps/$(echo "$file" | tr / _)
    # shellcheck disable=SC2086
    if [ $# -eq 0 ] && [ -f "$stamp" ] && [ -z "$(find "$file" .clang-tidy $headers -newer "$stamp" -print -quit)" ]; then
        continue
    fi
    echo "$file $stamp"
done >"$log/todo"
# shellcheck disable=SC2016
xargs -r -n 2 -P "$(nproc)" sh -c 'clang-tidy --quiet -p "$0" "$1" && touch "$2"' "$build" \
    <"$log/todo" >"$log/tidy" 2>"$log/tidy_errors" || {
    grep -E '(warning|error):' "$log/tidy" | sed "s|^$PWD/||" | sort -u
    grep -E '^Error' "$log/tidy_errors"
    fail clang-tidy "mend it, or say in .clang-tidy why the check does not fit"
}

if command -v shellcheck >/dev/null 2>&1; then
    scripts=$(find tools .ci deploy -type f \( -name '*.sh' -o -path '.ci/run' \) 2>/dev/null)
    # shellcheck disable=SC2086
    shellcheck -S warning $scripts || fail shellcheck "see the lines above"
fi

[ $failed = 0 ] && echo "lint: clean"
exit $failed
