#!/bin/sh
# Fetches what avatar-chat needs and Debian 12 does not package, into lib/ and models/ (git-ignored):
#   lib/include/onnxruntime/onnxruntime_c_api.h   ONNX Runtime's C header, from a newer Debian's package
#   lib/libonnxruntime.so                         ONNX Runtime for the CPU, from an npm package
#   models/silero_vad_v6.onnx                     Silero's voice activity model, from an npm package
#   models/face_*.tflite                          MediaPipe's face models, cut out of one file of an npm package
#   tools/fetch_models.sh            quick when all is there
# Header and library are left out where the system has them (libonnxruntime-dev, Debian 13 and newer).
# Downloads go through this machine's own apt sources and npm configuration; each file is checked against the
# sum below. Nothing outside of the two folders is changed, and root is not needed.
set -eu
cd "$(dirname "$0")/.."

HEADER=lib/include/onnxruntime/onnxruntime_c_api.h
HEADER_SUITE=trixie # whose C interface has version 21: any library from 1.21 on serves it
HEADER_SUM=7783e9664bdb0b1b36145b5c8587dd1bc9a399aa000edf2e3dd03003cafc6882
LIBRARY=lib/libonnxruntime.so
LIBRARY_VERSION=1.13.8 # of the npm packages; they hold ONNX Runtime 1.28.2
LIBRARY_SUM_x64=4b3607aebd1784b26b6f9b20e4bd974c7ab8287043e4d095cb7d2cb40b5e566e
LIBRARY_SUM_arm64=cfc800d4438f15e8d9017521326776ca7117d8783cb847ccccc2fc61ac4d540f
SILERO=models/silero_vad_v6.onnx
SILERO_PACKAGE=@ricky0123/vad-web@0.0.31
SILERO_SUM=1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3
FACES_PACKAGE=@mediapipe/face_mesh@0.4.1633559619
FACES_FILE=face_mesh_solution_packed_assets.data # its ..._loader.js names what is in it, and where
DETECTOR=models/face_detection_short_range.tflite
DETECTOR_SUM=3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633
LANDMARKS=models/face_landmark.tflite
LANDMARKS_SUM=c603fa6149219a3e9487dc9abd7a0c24474c77263273d24868378cdf40aa26d1

die() { # WHAT REMEDY
    echo "avatar-chat: $1; $2" >&2
    exit 1
}

is_there() { # FILE SUM
    [ -f "$1" ] && [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$2" ]
}

keep() { # FROM TO SUM: puts a fetched file in its place at once, once it is the right one
    is_there "$1" "$3" || die "what was fetched for $2 has another checksum than tools/fetch_models.sh names" \
        "look whether a proxy or mirror changes downloads"
    mkdir -p "$(dirname "$2")"
    cp "$1" "$2.$$" && chmod 644 "$2.$$" && mv "$2.$$" "$2"
}

debian_mirrors() { # the addresses from which this system takes its own release
    suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
        sed -n 's/^deb *\(\[[^]]*\]\)\{0,1\} *//p' | awk -v s="$suite" '$2 == s { print $1 }'
    for file in /etc/apt/sources.list.d/*.sources; do
        [ -f "$file" ] && awk -v s="$suite" '
            function done() { if (index(" " suites " ", " " s " ")) print uris; suites = uris = "" }
            /^$/ { done() } /^Suites:/ { $1 = ""; suites = $0 } /^URIs:/ { uris = $2 } END { done() }' "$file"
    done
}

fetch_header() {
    command -v apt-get >/dev/null 2>&1 || die "ONNX Runtime's header is missing" \
        "install the development package of ONNX Runtime 1.21 or newer by your system's means"
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    [ -f $keyring ] || die "there is no $keyring to check ONNX Runtime's header with" \
        "install debian-archive-keyring, or a libonnxruntime-dev of 1.21 or newer"
    mirror=$(debian_mirrors | head -n 1)
    [ -n "$mirror" ] || die "this system's apt sources name no Debian mirror of its own release" \
        "add one, or install a libonnxruntime-dev of 1.21 or newer"
    mkdir -p "$tmp/lists/partial" "$tmp/cache/archives/partial"
    printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' \
        "$mirror" "$HEADER_SUITE" "$keyring" >"$tmp/header.sources"
    # a state of its own: the system's package lists stay as they are
    set -- -q -o Dir::State::Lists="$tmp/lists" -o Dir::Cache="$tmp/cache" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::Etc::sourcelist="$tmp/header.sources" -o Acquire::Languages=none -o APT::Sandbox::User=""
    (cd "$tmp" && apt-get "$@" update && apt-get "$@" download libonnxruntime-dev) >"$tmp/log" 2>&1 || {
        cat "$tmp/log" >&2
        die "ONNX Runtime's header could not be fetched with apt-get" "see its messages above"
    }
    dpkg-deb -x "$tmp"/libonnxruntime-dev_*.deb "$tmp/header"
    keep "$tmp/header/usr/include/onnxruntime/onnxruntime_c_api.h" "$HEADER" "$HEADER_SUM"
}

unpack_npm() { # PACKAGE FILE-IN-IT: leaves it in $tmp/npm/package
    command -v npm >/dev/null 2>&1 || die "npm is missing" "run tools/setup.sh build"
    mkdir "$tmp/npm"
    (cd "$tmp/npm" && npm pack --silent --ignore-scripts "$1") >"$tmp/log" 2>&1 || {
        cat "$tmp/log" >&2
        die "npm could not fetch $1" "look whether 'npm view $1' works: network, proxy or registry"
    }
    tar -xzf "$tmp"/npm/*.tgz -C "$tmp/npm" "package/$2"
}

fetch_npm() { # PACKAGE FILE-IN-IT TO SUM
    unpack_npm "$1" "$2"
    keep "$tmp/npm/package/$2" "$3" "$4"
    rm -r "$tmp/npm"
}

cut_out() { # FILE FIRST-BYTE SIZE TO SUM
    tail -c "+$(($2 + 1))" "$1" | head -c "$3" >"$tmp/cut"
    keep "$tmp/cut" "$4" "$5"
}

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

system_has() { # is ONNX Runtime a package of this system?
    [ -f /usr/include/onnxruntime/onnxruntime_c_api.h ] && ls /usr/lib/*/libonnxruntime.so >/dev/null 2>&1
}

if ! system_has; then
    case "$(uname -m)" in
    x86_64) arch=x64 sum=$LIBRARY_SUM_x64 ;;
    aarch64) arch=arm64 sum=$LIBRARY_SUM_arm64 ;;
    *) die "there is no ONNX Runtime to fetch for $(uname -m)" "install its development package, 1.21 or newer" ;;
    esac
    if ! is_there "$HEADER" "$HEADER_SUM"; then
        echo "avatar-chat: fetching ONNX Runtime's header"
        fetch_header
    fi
    if ! is_there "$LIBRARY" "$sum"; then
        echo "avatar-chat: fetching ONNX Runtime"
        fetch_npm "sherpa-onnx-linux-$arch@$LIBRARY_VERSION" libonnxruntime.so "$LIBRARY" "$sum"
    fi
fi
if ! is_there "$SILERO" "$SILERO_SUM"; then
    echo "avatar-chat: fetching Silero's voice activity model"
    fetch_npm "$SILERO_PACKAGE" dist/silero_vad_v6.onnx "$SILERO" "$SILERO_SUM"
fi
if ! is_there "$DETECTOR" "$DETECTOR_SUM" || ! is_there "$LANDMARKS" "$LANDMARKS_SUM"; then
    echo "avatar-chat: fetching MediaPipe's face models"
    unpack_npm "$FACES_PACKAGE" "$FACES_FILE"
    cut_out "$tmp/npm/package/$FACES_FILE" 3757224 229032 "$DETECTOR" "$DETECTOR_SUM"
    cut_out "$tmp/npm/package/$FACES_FILE" 2495952 1241896 "$LANDMARKS" "$LANDMARKS_SUM"
    rm -r "$tmp/npm"
fi
