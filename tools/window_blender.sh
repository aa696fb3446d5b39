#!/bin/sh
# Makes a Debian with Blender, Xvfb and ImageMagick below a folder, for the tests that need a window:
#
#     tools/window_blender.sh FOLDER [SUITE]
#
# and prints the folder of the programs that run in it. It wants root, debootstrap or apt, and a Debian mirror; about two
# minutes and 2 GB. SUITE is sid (Blender 5.2) or trixie (4.3). Nothing stays mounted: each program mounts what it needs
# for itself alone, so that the folder can be removed like any other.
set -eu

folder=$(realpath -m "$1")
suite=${2:-sid}
root=$folder/$suite
programs=$folder/bin
repository=$(realpath "$(dirname "$0")/..")

mirror() {
    sed -n 's/^URIs: *//p; s/^deb *\(\[[^]]*\] *\)\{0,1\}\([^ ]*\) .*/\2/p' \
        /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -1
}

inside() {
    unshare --mount sh -c '
        root=$1; shift
        for each in proc dev sys; do mount --rbind "/$each" "$root/$each"; done
        exec chroot "$root" "$@"' inside "$root" "$@"
}

program() {
    cat > "$programs/$1" <<END
#!/bin/sh
# One program of $root, with this machine's devices, its temporary files and the repository.
exec unshare --mount sh -c '
    for each in proc dev sys tmp; do mount --rbind "/\$each" "$root/\$each"; done
    mkdir -p "$root$repository"
    mount --bind "$repository" "$root$repository"
    exec chroot "$root" env -C "\$PWD" "$2" "\$@"' $1 "\$@"
END
    chmod +x "$programs/$1"
}

if [ ! -x "$root/usr/bin/blender" ]; then
    command -v debootstrap >/dev/null || apt-get install -y -qq debootstrap >/dev/null
    rm -rf "$root"
    mkdir -p "$folder"
    debootstrap --variant=minbase "$suite" "$root" "$(mirror)" >&2
    printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
    chmod +x "$root/usr/sbin/policy-rc.d"
    cp /etc/resolv.conf /etc/hosts "$root/etc/"
    # A mirror that is a snapshot of a day says that it has expired.
    inside apt-get -o Acquire::Check-Valid-Until=false update >&2
    # Blender 5 checks extensions with cattrs.
    modules=python3-requests
    [ "$suite" != sid ] || modules="python3-requests python3-cattr python3-zstandard"
    # shellcheck disable=SC2086
    inside env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        blender xvfb xauth imagemagick libgl1-mesa-dri libegl-mesa0 libgl1 fonts-dejavu-core python3-numpy $modules >&2
fi
mkdir -p "$programs"
program blender /usr/bin/blender
program Xvfb /usr/bin/Xvfb
program import /usr/bin/import
echo "$programs"
