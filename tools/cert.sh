#!/bin/sh
# Makes a certificate for https on this machine and in the local network, signed by a small authority of its own:
#   tools/cert.sh [FOLDER [NAME-OR-ADDRESS…]]     FOLDER: data/cert; names besides localhost, 127.0.0.1, ::1 and
#                                                 this machine's own
# ca.pem (to be trusted by browsers), ca.key, cert.pem, key.pem. What is there and still good for a month is kept,
# the authority always: who trusts it need not do so again. For the public, take a certificate of a public authority.
set -eu
folder=${1:-data/cert}
[ $# -gt 0 ] && shift
command -v openssl >/dev/null 2>&1 || { echo "cert: no openssl; install the package openssl" >&2; exit 1; }
umask 077
mkdir -p "$folder"

names="DNS:localhost,IP:127.0.0.1,IP:::1"
add() {
    case "$1" in
    *[!A-Za-z0-9.:_-]* | '') echo "cert: '$1' is no name or address" >&2; exit 2 ;;
    *:*) names="$names,IP:$1" ;;
    *[!0-9.]*) names="$names,DNS:$1" ;;
    *) names="$names,IP:$1" ;;
    esac
}
host=$(uname -n)
add "$host"
for name in "$@"; do add "$name"; done

if [ ! -f "$folder/ca.pem" ] || [ ! -f "$folder/ca.key" ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
        -keyout "$folder/ca.key" -out "$folder/ca.pem" -subj "/CN=avatar-chat on $host" \
        -addext "basicConstraints=critical,CA:TRUE,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign" \
        2>"$folder/openssl.log" || { cat "$folder/openssl.log" >&2; exit 1; }
    rm -f "$folder/cert.pem"
fi
if [ ! -f "$folder/cert.pem" ] || [ "$(cat "$folder/names" 2>/dev/null)" != "$names" ] ||
    ! openssl x509 -in "$folder/cert.pem" -noout -checkend 2592000 >/dev/null; then
    printf 'subjectAltName=%s\nbasicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth\n' \
        "$names" >"$folder/extensions"
    { openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$folder/key.pem" \
        -out "$folder/request.pem" -subj "/CN=localhost" &&
        openssl x509 -req -in "$folder/request.pem" -CA "$folder/ca.pem" -CAkey "$folder/ca.key" \
            -set_serial "0x$(openssl rand -hex 16)" -days 397 -extfile "$folder/extensions" \
            -out "$folder/cert.new"; } 2>"$folder/openssl.log" || { cat "$folder/openssl.log" >&2; exit 1; }
    mv "$folder/cert.new" "$folder/cert.pem"
    echo "$names" >"$folder/names"
fi
rm -f "$folder/openssl.log" "$folder/request.pem" "$folder/extensions"

cat <<TEXT
$folder/cert.pem is good for $names until $(openssl x509 -in "$folder/cert.pem" -noout -enddate | cut -d= -f2).
Serve https with it:
    avatar-chat serve --set server.tls_cert=$folder/cert.pem --set server.tls_key=$folder/key.pem
Browsers warn until they trust $folder/ca.pem (never give ca.key away):
    Chrome, Edge      Settings > Privacy and security > Security > Manage certificates > Authorities > Import
    Firefox           Settings > Privacy & Security > Certificates > View Certificates > Authorities > Import
    Debian, Ubuntu    sudo cp $folder/ca.pem /usr/local/share/ca-certificates/avatar-chat.crt && sudo update-ca-certificates
    macOS             sudo security add-trusted-cert -d -k /Library/Keychains/System.keychain $folder/ca.pem
    Android, iOS      send ca.pem to the device and install it as an authority in the security settings
TEXT
