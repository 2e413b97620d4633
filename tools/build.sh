#!/bin/sh
# Configures and builds the C part.
#   tools/build.sh [--configure] FOLDER CMAKE-OPTIONS… [TARGET]
# --configure: stop before building. Only what changed is built again.
set -eu
cd "$(dirname "$0")/.."
only_configure=0
if [ "$1" = --configure ]; then
    only_configure=1
    shift
fi
folder=$1
shift
options="" target=""
for word in "$@"; do
    case "$word" in
    -D*) options="$options $word" ;;
    *) target="--target $word" ;;
    esac
done
jobs=${JOBS:-$(nproc)}
# shellcheck disable=SC2086
cmake -S . -B "$folder" $options >"$folder.log" 2>&1 || { cat "$folder.log" >&2; rm -f "$folder.log"; exit 1; }
rm -f "$folder.log"
[ $only_configure = 1 ] && exit 0
# shellcheck disable=SC2086
cmake --build "$folder" -j "$jobs" $target
