#!/bin/sh
# Runs every libFuzzer target for a while, from its corpus in test/fuzz/corpus/.
#   tools/fuzz.sh BUILD-FOLDER [SECONDS] [NAME…]      60 seconds a target by default
# The build folder is one with AC_FUZZ (make fuzz). New inputs go to BUILD-FOLDER/corpus/NAME, what breaks a
# target to BUILD-FOLDER/crashes/NAME-…; run the target with that file to see it again, and put a small form
# of it in test/fuzz/corpus/NAME/ once it is mended.
set -eu
cd "$(dirname "$0")/.."
build=${1:?usage: tools/fuzz.sh BUILD-FOLDER [SECONDS] [NAME...]}
seconds=${2:-60}
if [ $# -gt 2 ]; then
    shift 2
    names="$*"
else
    names=$(find test/fuzz -maxdepth 1 -name 'fuzz_*.c' | sed 's|.*/fuzz_||; s|\.c$||' | sort)
fi
mkdir -p "$build/crashes"
failed=0
for name in $names; do
    target="$build/test/fuzz/fuzz_$name"
    if [ ! -x "$target" ]; then
        echo "fuzz: no $target; build with CC=clang and -DAC_TESTS=ON -DAC_FUZZ=ON" >&2
        exit 2
    fi
    mkdir -p "$build/corpus/$name"
    echo "fuzz: $name for $seconds s"
    if ! "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=4096 -print_final_stats=1 \
        -artifact_prefix="$build/crashes/$name-" "$build/corpus/$name" "test/fuzz/corpus/$name" \
        >"$build/crashes/$name.log" 2>&1; then
        grep -E 'ERROR|SUMMARY|broken:|written to' "$build/crashes/$name.log" || tail -n 20 "$build/crashes/$name.log"
        failed=1
    else
        grep -E 'number_of_executed_units|new_units_added' "$build/crashes/$name.log"
    fi
done
[ $failed = 0 ] && echo "fuzz: nothing broke"
exit $failed
