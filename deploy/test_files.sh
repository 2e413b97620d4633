#!/bin/sh
# The files of deploy/ as the programs that read them see them: nginx, promtool, systemd, docker compose. What is
# not installed is named and left out. And `make install`: what is installed stands on its own and goes again.
#   deploy/test_files.sh build/avatar-chat
set -eu
program=${1:?usage: deploy/test_files.sh PROGRAM}
PATH=$PATH:/usr/sbin:/sbin
dir=$(mktemp -d /tmp/avatar-chat-files-XXXXXX)
trap 'rm -rf "$dir"' EXIT
skipped=0

fail() {
    echo "FAILED: $*" >&2
    exit 1
}
have() {
    command -v "$1" >/dev/null && return 0
    echo "left out: $1 is not installed"
    skipped=77
    return 1
}
check() { # WHAT COMMAND…
    what=$1
    shift
    "$@" >"$dir/said" 2>&1 || { cat "$dir/said" >&2; fail "$what"; }
    echo "good: $what"
}

if have nginx && have openssl; then
    openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=chat.example -keyout "$dir/privkey.pem" \
        -out "$dir/fullchain.pem" 2>/dev/null
    for conf in deploy/nginx/avatar-chat.conf deploy/docker/nginx.conf; do
        sed -e "s#/etc/avatar-chat/tls#$dir#; s#/var/log/nginx#$dir#; s#avatar-chat-[12]:8000#127.0.0.1:8000#" \
            -e "s#http://prometheus:9090#http://127.0.0.1:9090#" $conf >"$dir/site.conf"
        printf 'pid %s/nginx.pid;\nerror_log stderr;\nevents {}\nhttp {\n    include %s/site.conf;\n}\n' "$dir" "$dir" \
            >"$dir/nginx.conf"
        check "$conf" nginx -t -q -c "$dir/nginx.conf"
        if [ -s "$dir/said" ]; then # warnings
            cat "$dir/said" >&2
            fail "$conf has warnings"
        fi
    done
fi
if have promtool; then
    check prometheus.yml promtool check config deploy/prometheus/prometheus.yml
    check avatar-chat.rules.yml promtool check rules deploy/prometheus/avatar-chat.rules.yml
    check avatar-chat.rules_test.yml promtool test rules deploy/prometheus/avatar-chat.rules_test.yml
    cp deploy/docker/prometheus.yml deploy/prometheus/avatar-chat.rules.yml "$dir"
    check docker/prometheus.yml promtool check config "$dir/prometheus.yml"
fi
if have systemd-analyze; then
    sed "s#/usr/bin/avatar-chat#/bin/true#" deploy/systemd/avatar-chat.service >"$dir/avatar-chat.service"
    check avatar-chat.service systemd-analyze verify --man=no "$dir/avatar-chat.service"
    check "avatar-chat.service is closed up (exposure below 2.0)" \
        systemd-analyze security --offline=true --threshold=20 --no-pager "$dir/avatar-chat.service"
fi
for script in deploy/*.sh deploy/debian/postinst deploy/debian/prerm deploy/debian/postrm; do
    check "$script" sh -n "$script"
done

build=$(dirname "$program")
manifest=$dir/manifest
DESTDIR=$dir/root check "make install" cmake --install "$build" --prefix /usr/local
cp "$build/install_manifest.txt" "$manifest"
installed=$dir/root/usr/local/bin/avatar-chat
(cd / && "$installed" serve -c "$dir/root/etc/avatar-chat/avatar-chat.yaml" --print-config) >"$dir/config" ||
    fail "the installed configuration is wrong"
if [ -f "$dir/root/usr/local/share/avatar-chat/web/index.html" ]; then
    grep -q "web_dir: $dir/root/usr/local/share/avatar-chat/web" "$dir/config" || fail "the installed page is not found"
    echo "good: the installed page is found"
fi
grep -q "^ExecStart=/usr/local/bin/avatar-chat serve -c /etc/avatar-chat/avatar-chat.yaml" \
    "$dir/root/usr/local/lib/systemd/system/avatar-chat.service" || fail "the unit starts another program"
echo "#kept" >>"$dir/root/etc/avatar-chat/avatar-chat.yaml"
DESTDIR=$dir/root check "installing again" cmake --install "$build" --prefix /usr/local
grep -q "^#kept" "$dir/root/etc/avatar-chat/avatar-chat.yaml" || fail "the configuration was overwritten"
DESTDIR=$dir/root check "make uninstall" deploy/uninstall.sh "$manifest"
left=$(find "$dir/root" -type f ! -path "$dir/root/etc/*")
[ -z "$left" ] || fail "uninstalling left $left"
[ ! -d "$dir/root/usr/local/share/avatar-chat" ] || fail "uninstalling left empty folders"
mkdir "$dir/own"
check "make install into a folder of one's own" cmake --install "$build" --prefix "$dir/own"
grep -q "^ExecStart=$dir/own/bin/avatar-chat serve -c $dir/own/etc/avatar-chat" \
    "$dir/own/lib/systemd/system/avatar-chat.service" || fail "the unit of another prefix starts another program"
exit $skipped
