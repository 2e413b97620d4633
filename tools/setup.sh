#!/bin/sh
# Installs the Debian packages that are missing, from tools/packages.txt.
#   tools/setup.sh build|test|lint      (test includes build; each includes web)
# With root or sudo it installs; without, it prints the line to type and stops.
set -eu
cd "$(dirname "$0")/.."

case "${1:-build}" in
build) groups="build web" ;;
test) groups="build web test" ;;
lint) groups="build web test lint" ;;
*) echo "usage: tools/setup.sh build|test|lint" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "avatar-chat: this system has no Debian packages; install what tools/packages.txt names, by your system's means" >&2
    exit 0
fi

have() { # is the package there, or what it is for by another way (Node from elsewhere)?
    case "$1" in
    nodejs) command -v node >/dev/null 2>&1 && return 0 ;;
    npm) command -v npm >/dev/null 2>&1 && return 0 ;;
    esac
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=""
for group in $groups; do
    for package in $(awk -v g="$group" '$1 == g { print $2 }' tools/packages.txt); do
        have "$package" || missing="$missing $package"
    done
done
for package in $(awk '$1 == "offered" { print $2 }' tools/packages.txt); do
    if ! have "$package" && apt-cache show "$package" >/dev/null 2>&1; then
        missing="$missing $package"
    fi
done
[ -z "$missing" ] && exit 0

install="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" = 0 ]; then
    as_root=""
elif command -v sudo >/dev/null 2>&1 && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    as_root="sudo"
else
    echo "avatar-chat: packages are missing, and this user may not install them. As root, type:" >&2
    echo "    apt-get update && $install" >&2
    exit 1
fi
echo "avatar-chat: installing$missing"
$as_root apt-get update -q

# The tests start nginx, Redis and Prometheus themselves: as services they stay off, now and at the next start.
services=""
for service in nginx redis-server prometheus; do
    case "$missing " in *" $service "* | *" $service-light "*) services="$services $service" ;; esac
done
policy=/usr/sbin/policy-rc.d
if [ -n "$services" ] && [ ! -e $policy ]; then
    trap '$as_root rm -f $policy' EXIT
    trap 'exit 1' INT TERM
    printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
    $as_root chmod 755 $policy
fi
$as_root env DEBIAN_FRONTEND=noninteractive $install
if [ -n "$services" ] && [ -d /run/systemd/system ]; then
    $as_root systemctl disable --quiet $services || true
fi
