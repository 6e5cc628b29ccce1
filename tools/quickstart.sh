#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# quickstart.sh [IMAGE...] - from a clean checkout to a mounted image
#
# Installs the Debian packages that are missing (as root; otherwise says what
# root has to install), builds in this tree, mounts the images, or a sample
# made here, prints what to try and how to unmount, and returns.
set -euo pipefail
export LC_ALL=C.UTF-8 PATH=$PATH:/usr/sbin:/sbin

case ${1:-} in
-h | --help)
	echo "usage: quickstart.sh [IMAGE...]"
	exit 0
	;;
-*)
	echo "usage: quickstart.sh [IMAGE...]" >&2
	exit 2
	;;
esac

images=()
for image; do
	if [[ ! -e $image ]]; then
		echo "quickstart: no such image: $image" >&2
		exit 1
	fi
	images+=("$(realpath -- "$image")")
done
cd "$(dirname "$0")/.."
top=$PWD

build_packages=(gcc libc6-dev make autoconf automake pkg-config libfuse3-dev libsqlite3-dev
	libssl-dev libseccomp-dev libdeflate-dev libarchive-dev libgmime-3.0-dev libxml2-dev libmupdf-dev libmujs-dev libgumbo-dev
	libopenjp2-7-dev libjbig2dec0-dev libjpeg-dev libfreetype-dev libharfbuzz-dev libpff-dev libbfio-dev liblzma-dev libxxhash-dev libtsk-dev fuse3 attr)
sample_packages=(fdisk ntfs-3g e2fsprogs ewf-tools)

log=$(mktemp "${TMPDIR:-/tmp}/evidencefs-quickstart.XXXXXX.log")

# step WORDS COMMAND...: quiet when it works, the log when it does not
step() {
	local words=$1
	shift
	printf '%s ... ' "$words"
	if "$@" >>"$log" 2>&1 </dev/null; then
		echo "done"
	else
		echo failed
		tail -n 25 "$log" >&2
		echo "quickstart: $words failed; all of it is in $log" >&2
		exit 1
	fi
}

install_packages() {
	local package
	local -a missing=() wanted=("${build_packages[@]}")
	[[ ${#images[@]} -gt 0 ]] || wanted+=("${sample_packages[@]}")
	if [[ -z $(type -P dpkg-query) ]]; then
		echo "quickstart: not a Debian system: these must be there: ${wanted[*]}"
		return
	fi
	for package in "${wanted[@]}"; do
		[[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
			missing+=("$package")
	done
	[[ ${#missing[@]} -gt 0 ]] || return 0
	if [[ $(id -u) != 0 ]]; then
		echo "quickstart: root has to install some packages first:" >&2
		echo "    apt-get install --no-install-recommends ${missing[*]}" >&2
		exit 1
	fi
	export DEBIAN_FRONTEND=noninteractive
	step "updating the package lists" apt-get update -q
	step "installing ${#missing[@]} packages" \
		apt-get install -q -y --no-install-recommends "${missing[@]}"
}

build() {
	if [[ ! -x configure || configure.ac -nt configure || Makefile.am -nt Makefile.in ]]; then
		step "making configure" ./autogen.sh
	fi
	if [[ ! -e Makefile || configure -nt config.status ]]; then
		step "configuring" ./configure
	fi
	step "building" make -j "$(nproc)"
}

check_fuse() {
	if [[ ! -e /dev/fuse && $(id -u) == 0 ]]; then
		modprobe fuse >>"$log" 2>&1 || true
	fi
	if [[ ! -e /dev/fuse ]]; then
		cat >&2 <<-'TEXT'
			quickstart: there is no /dev/fuse. On a machine of your own: modprobe fuse (as root).
			In a container: start it with --device /dev/fuse --cap-add SYS_ADMIN.
		TEXT
		exit 1
	fi
	if [[ ! -r /dev/fuse || ! -w /dev/fuse ]]; then
		cat >&2 <<-'TEXT'
			quickstart: /dev/fuse may be opened by root only. Debian's usual mode lets everyone: as root,
			    chmod 0666 /dev/fuse
		TEXT
		exit 1
	fi
}

# a folder of our own below the temporary one: nobody else's, no link
make_sample() {
	local dir
	dir=${TMPDIR:-/tmp}/evidencefs-sample-$(id -u)
	mkdir -p "$dir"
	if [[ -L $dir || ! -O $dir ]]; then
		echo "quickstart: $dir is somebody else's; set TMPDIR to another folder" >&2
		exit 1
	fi
	# one that is there may be mounted: an image must not change under a mount
	[[ -e $dir/laptop.E01 ]] || step "making a sample disk" tools/make-sample.sh "$dir"
	images=("$dir/laptop.E01")
}

free_mountpoint() {
	local n dir
	for ((n = 1; ; n++)); do
		dir=${HOME:-/tmp}/evidencefs-mnt
		[[ $n == 1 ]] || dir+=-$n
		awk -v dir="$dir" '$5 == dir {found = 1} END {exit found}' /proc/self/mountinfo || continue
		mkdir -p "$dir"
		[[ -z $(ls -A "$dir") ]] || continue
		echo "$dir"
		return
	done
}

sample=no
install_packages
build
check_fuse
if [[ ${#images[@]} == 0 ]]; then
	sample=yes
	make_sample
fi
mnt=$(free_mountpoint)
rm -f "$log"
echo
"$top/evidencefs" mount "${images[@]}" "$mnt"

# row COMMAND [WORDS]: one line of the tour
row() {
	if [[ -n ${2:-} ]]; then
		printf '    %-62s # %s\n' "$1" "$2"
	else
		printf '    %s\n' "$1"
	fi
}

printf '\nTry:\n'
row "cd $(printf %q "$mnt")"
if [[ $sample == yes ]]; then
	volume=laptop/p1-ntfs
	some_file=$volume/Users/alice/Documents/plan.txt
	row "ls laptop"
	row "cat laptop/EVIDENCE.txt" "what is known of the image"
	row "find laptop -name '*offer*'" "a mail, and a file that was deleted"
	row "head -3 $volume.deleted/Users/alice/Documents/offer.txt" "that file"
	row "tail -1 laptop/p2-ext4.deleted/home/bob/Documents/cargo.txt" "another, on ext4"
	row "cat $volume/Users/alice/Downloads/harbour.html:Zone.Identifier" "a named stream"
	row "readlink laptop/p2-ext4/home/bob/hostname" "a link, kept within its volume"
else
	some_file=$(cd "$mnt" && find . -mindepth 3 -type f -path './*/p*-*/*' ! -name '$*' -print -quit 2>/dev/null)
	some_file=${some_file#./}
	row "ls *"
	row "cat */EVIDENCE.txt" "what is known of the images"
	row "find . -path '*.deleted/*' | head" "what was deleted"
	row "find . -name '*:*' | head" "named streams"
fi
if [[ -n $some_file ]]; then
	row "getfattr -d $(printf %q "$some_file")" "what the evidence says of a file"
	row "stat $(printf %q "$some_file")" "its birth time too (Linux 6.6)"
fi
printf '\nWhat was read, by whom, when:\n'
row "$top/evidencefs audit show --mount $(printf %q "$mnt")"
printf '\nTo unmount:\n'
row "cd / && $top/evidencefs unmount $(printf %q "$mnt")"
