#!/bin/sh
# Deletes what `make install` put in its places, and the folders that are empty then.
#   DESTDIR= deploy/uninstall.sh build/install_manifest.txt
set -eu
manifest=${1:?usage: deploy/uninstall.sh MANIFEST}
if [ ! -f "$manifest" ]; then
    echo "avatar-chat: there is no $manifest: nothing was installed from here" >&2
    exit 1
fi
folders=$(mktemp)
trap 'rm -f "$folders"' EXIT
while read -r file || [ -n "$file" ]; do
    rm -f "${DESTDIR:-}$file"
    folder=${file%/*}
    while case "$folder" in */avatar-chat | */avatar-chat/*) true ;; *) false ;; esac; do
        echo "$folder"
        folder=${folder%/*}
    done >>"$folders"
done <"$manifest"
sort -ru "$folders" | while read -r folder; do
    rmdir "${DESTDIR:-}$folder" 2>/dev/null || true
done
