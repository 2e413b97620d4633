#!/bin/sh
# Installs the Debian package in a clean root, starts the service's command line there as its user, talks to it,
# upgrades, removes and purges. Needs root, debootstrap, curl and this machine's own Debian sources.
#   deploy/test_package.sh PACKAGE.deb [FOLDER-OF-A-ROOT]    an existing root is used and left; else one is made
set -eu
package=${1:?usage: deploy/test_package.sh PACKAGE.deb [ROOT]}
port=${PORT:-18080}

say() { echo "test_package: $*"; }
fail() {
    echo "test_package: FAILED: $*" >&2
    [ -f "$root/tmp/log" ] && tail -n 20 "$root/tmp/log" >&2
    exit 1
}
[ "$(id -u)" = 0 ] || { echo "test_package: needs root, for chroot" >&2; exit 1; }
for program in debootstrap curl; do
    command -v $program >/dev/null || { echo "test_package: install $program" >&2; exit 1; }
done

made=""
root=${2:-}
if [ -z "$root" ]; then
    root=$(mktemp -d /tmp/avatar-chat-root-XXXXXX)
    chmod 755 "$root" # the service is another user
    made=$root
fi
pid=""
cleanup() {
    if [ -n "$pid" ]; then kill "$pid" 2>/dev/null || true; fi
    umount "$root/proc" 2>/dev/null || true
    [ -n "$made" ] && rm -rf "$made"
    return 0
}
trap cleanup EXIT
trap 'exit 1' INT TERM

if [ ! -x "$root/usr/bin/apt-get" ]; then
    . /etc/os-release
    mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1)
    say "making a clean $VERSION_CODENAME in $root"
    # shellcheck disable=SC2086
    debootstrap --variant=minbase "$VERSION_CODENAME" "$root" $mirror >"$root.log" 2>&1 || { tail "$root.log" >&2; exit 1; }
    rm -f "$root.log"
    if [ -f /etc/apt/sources.list.d/debian.sources ]; then
        rm -f "$root/etc/apt/sources.list"
        cp /etc/apt/sources.list.d/debian.sources "$root/etc/apt/sources.list.d/"
    else
        cp /etc/apt/sources.list "$root/etc/apt/sources.list"
    fi
    cp /etc/resolv.conf /etc/hosts "$root/etc/"
fi
mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
in_root() { DEBIAN_FRONTEND=noninteractive LC_ALL=C chroot "$root" "$@"; }

cp "$package" "$root/tmp/avatar-chat.deb"
say "installing"
in_root apt-get update -q >"$root/tmp/log" 2>&1 || fail "apt-get update"
in_root apt-get install -y -q --no-install-recommends /tmp/avatar-chat.deb >"$root/tmp/log" 2>&1 || fail "apt-get install"
in_root getent passwd avatar-chat >/dev/null || fail "there is no user avatar-chat"
[ "$(in_root stat -c '%U %a' /var/lib/avatar-chat)" = "avatar-chat 700" ] || fail "the state directory is not its own"
[ "$(in_root stat -c '%U %a' /etc/avatar-chat/environment)" = "root 600" ] || fail "the keys can be read"
in_root dpkg -V avatar-chat || fail "files are not as in the package"
! in_root ldd /usr/bin/avatar-chat /usr/lib/avatar-chat/*.so 2>/dev/null | grep "not found" || fail "a library is missing"

unit=$root/usr/lib/systemd/system/avatar-chat.service
[ -f "$unit" ] || fail "there is no unit"
[ -L "$root/etc/systemd/system/multi-user.target.wants/avatar-chat.service" ] || fail "the service is not enabled"
command=$(sed -n 's/^ExecStart=//p' "$unit")
start() {
    : >"$root/tmp/log"
    # shellcheck disable=SC2086
    chroot --userspec=avatar-chat:avatar-chat "$root" sh -c "cd /var/lib/avatar-chat && umask 077 && exec $command --port $port" \
        >>"$root/tmp/log" 2>&1 &
    pid=$!
    for _ in $(seq 300); do
        curl -fsS "http://127.0.0.1:$port/healthz" >/dev/null 2>&1 && return 0
        kill -0 "$pid" 2>/dev/null || fail "the service ended"
        sleep 0.2
    done
    fail "/healthz does not answer"
}
stop() {
    kill "$pid"
    wait "$pid" || fail "the service did not end well"
    pid=""
}
get() { curl -fsS "http://127.0.0.1:$port$1" || fail "$1 does not answer"; }

say "starting: $command"
start
for _ in $(seq 300); do
    curl -fsS "http://127.0.0.1:$port/readyz" >/dev/null 2>&1 && break
    sleep 0.2
done
get /readyz >/dev/null
get / | grep -q '<div id="app"' || fail "the page is not there"
get /monitor/ | grep -q '<div id="app"' || fail "the monitor is not there"
get /api/voices | grep -q '"slt"' || fail "the voices are not there"
get /api/avatars | grep -q '"lin"' || fail "the avatars are not there"
get "/api/topics?lang=en" | grep -q '[a-z]' || fail "the knowledge is not there"
get /api/status | grep -q '"store":"sqlite","ok":true' || fail "conversations are not kept"
[ -f "$root/var/lib/avatar-chat/data/history.db" ] || fail "the history is not below /var/lib/avatar-chat"
get "/api/avatars/lin/poster.jpg" | head -c 3 | od -An -tx1 | grep -q 'ff d8 ff' || fail "the avatar is not drawn"
stop
say "talking"
in_root avatar-chat say -o /tmp/hello.mp4 "Hello there." >"$root/tmp/log" 2>&1 || fail "avatar-chat say"
[ -s "$root/tmp/hello.mp4" ] || fail "avatar-chat say made nothing"
in_root avatar-chat doctor >"$root/tmp/log" 2>&1 || fail "avatar-chat doctor"
grep -q 'vad.silero *used' "$root/tmp/log" || fail "the model, or ONNX Runtime, is not found"
grep -q 'asr.pocketsphinx *used' "$root/tmp/log" || fail "speech recognition is not there"

say "upgrading"
echo "#kept" >>"$root/etc/avatar-chat/avatar-chat.yaml"
in_root apt-get install -y -q --reinstall /tmp/avatar-chat.deb >"$root/tmp/log" 2>&1 || fail "reinstalling"
grep -q '^#kept' "$root/etc/avatar-chat/avatar-chat.yaml" || fail "the configuration was overwritten"
start
stop
say "removing"
in_root apt-get remove -y -q avatar-chat >"$root/tmp/log" 2>&1 || fail "removing"
[ ! -e "$root/usr/bin/avatar-chat" ] || fail "the program is still there"
[ -f "$root/var/lib/avatar-chat/data/history.db" ] || fail "removing took the conversations"
in_root apt-get purge -y -q avatar-chat >"$root/tmp/log" 2>&1 || fail "purging"
for left in /var/lib/avatar-chat /etc/avatar-chat /usr/share/avatar-chat /usr/lib/avatar-chat; do
    [ ! -e "$root$left" ] || fail "purging left $left"
done
! in_root getent passwd avatar-chat >/dev/null || fail "purging left the user"
say "all is well"
