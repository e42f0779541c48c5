#!/bin/sh
# Builds the agent for this computer, which needs a C99 compiler and the headers of OpenSSL 3.0 or later.
#
#   build.sh FOLDER [TARGET ...]
#
# Targets (all but libfuzzer by default; for a module, see README.md):
#   mtagent-host           the agent with its module on a pseudo-terminal
#   mtagent-host-plain     the same, built without the Security plug-in
#   mtagent-fuzz           the fuzz target with a driver of its own: seeded random inputs
#   mtagent-libfuzzer      the fuzz target for libFuzzer; needs clang
#
# CC names the compiler. SANITIZE=no leaves the sanitizers out.
set -eu

if [ $# -lt 1 ]; then
    sed -n '2,13s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
folder=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
cc=${CC:-cc}
mkdir -p "$folder"

strict="-std=c99 -Wall -Wextra -Werror -pedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wvla"
agent_strict="$strict -Wconversion -Wcast-qual"
sanitize="-g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
if [ "${SANITIZE:-yes}" = no ]; then
    sanitize=-O2
fi
plugin='-D__Security_PLUGIN_VERSION__="1.4"'
host='-DMT_BUILD="host"'

# compile NAME FLAGS SOURCES...: objects of one part, in a folder of its own
compile() {
    objects=$folder/$1.o.d
    flags=$2
    shift 2
    mkdir -p "$objects"
    for source; do
        # shellcheck disable=SC2086  # flags are words
        "$cc" $flags -I"$here/shim" -I"$here/shim/include" -c "$source" -o "$objects/$(basename "$source" .c).o"
    done
}

build() {
    case $1 in
    mtagent-host)
        compile "$1" "$agent_strict $sanitize $plugin $host" "$here"/src/*.c
        compile "$1" "$strict $sanitize -D_GNU_SOURCE $plugin" "$here"/shim/*.c
        "$cc" $sanitize "$objects"/*.o -o "$folder/$1" -lssl -lcrypto
        ;;
    mtagent-host-plain)
        compile "$1" "$agent_strict $sanitize $host" "$here"/src/*.c
        compile "$1" "$strict $sanitize -D_GNU_SOURCE" "$here"/shim/*.c
        "$cc" $sanitize "$objects"/*.o -o "$folder/$1" -lssl -lcrypto
        ;;
    mtagent-fuzz | mtagent-libfuzzer)
        fuzz=
        if [ "$1" = mtagent-libfuzzer ]; then
            cc=${CC:-clang}
            fuzz="-fsanitize=fuzzer -DMT_LIBFUZZER"
        fi
        compile "$1" "$agent_strict $sanitize $fuzz $plugin $host" "$here"/src/*.c
        compile "$1" "$strict $sanitize $fuzz -D_GNU_SOURCE $plugin" \
            "$here"/shim/at.c "$here"/shim/bearer.c "$here"/shim/clock.c "$here"/shim/firmware.c \
            "$here"/shim/flash.c "$here"/shim/options.c "$here"/shim/port.c "$here"/fuzz/*.c
        "$cc" $sanitize $fuzz "$objects"/*.o -o "$folder/$1"
        ;;
    *)
        echo "build.sh: there is no target $1" >&2
        exit 2
        ;;
    esac
}

if [ $# -eq 0 ]; then
    set -- mtagent-host mtagent-host-plain mtagent-fuzz
fi
for target; do
    build "$target"
done
