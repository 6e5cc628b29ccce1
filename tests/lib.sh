# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# lib.sh - for tests/NN-*.sh: test points in TAP, a work folder, mounts that go away again
#
# A test begins with
#	#!/usr/bin/env bash
#	set -eu
#	. "$(dirname "$0")/lib.sh"
#	need fuse; need_tools ewfacquire mkntfs
# and ends with done_testing. What it makes lies below $WORK; what it mounts with
# mount_image or notes with track_mount is unmounted, and the processes noted
# with track_pid are ended, when it leaves by whatever road. Nothing else is touched.
#
# Points
#	ok NAME COMMAND...           passes when the command exits 0; its output is shown if not
#	not_ok NAME COMMAND...       passes when it exits with anything but 0
#	exits STATUS NAME COMMAND... passes when it exits with STATUS; output is kept in $OUT, $ERR
#	is GOT WANT NAME             equal strings
#	isnt GOT OTHER NAME          different strings
#	like GOT ERE NAME            the extended regular expression matches
#	same_file A B NAME           equal contents
#	pass NAME / fail NAME / skip WHY NAME / diag TEXT
#	skip_all WHY / bail WHY / done_testing
# Needs (skipped by hand; a failure where EVIDENCEFS_REQUIRE names the kind: fuse,users,tools)
#	need fuse | users | root | corpus
#	need_tools PROGRAM...
#	have NAME PROGRAM...         else the points called NAME are skipped, or have failed where tools are required
#	sanitized PROGRAM            is it built with a sanitizer? (to be asked in an if)
#	slow                         (said by a test that takes long: left out where EVIDENCEFS_QUICK is set)
# Doing
#	mount_image [OPTION]... IMAGE DIR   evidencefs mount, state in $STATE; DIR is made
#	unmount_image DIR                   evidencefs unmount, and wait until it is gone
#	is_mounted DIR
#	wait_for [-t SECONDS] COMMAND...    poll until the command exits 0 (10 s if not said)
#	track_mount DIR / track_pid PID
#	left_running                        pids of what runs of the programs that were copied to $WORK/bin
#	nothing_left                        none of them does
#	second_user                         a user for this test (as root): sets $USER2, $UID2
#	as_user2 COMMAND...                 run as that user
#	keys FILE                           keys of its JSON objects, in order, if they all have the same
#	value EXPRESSION [FILE]             Python, of `rows`: the JSON objects of $OUT, or FILE
# Variables: TOP (sources), BUILD (programs), EVIDENCEFS, EVIDENCEFSD, WORKER, WORK, STATE.

TOP=${EVIDENCEFS_SOURCE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
BUILD=${EVIDENCEFS_BUILD:-$TOP}
EVIDENCEFS=$BUILD/evidencefs
# shellcheck disable=SC2034 # for the tests
EVIDENCEFSD=$BUILD/evidencefsd
# shellcheck disable=SC2034 # for the tests
WORKER=$BUILD/evidencefs-worker
export LC_ALL=C.UTF-8 TZ=UTC0
export PATH=$PATH:/usr/sbin:/sbin

exec {tap_fd}>&1 # also when a test ends within a redirection
tap_count=0
tap_failed=0
tap_done=no
test_mounts=()
test_pids=()
test_exits=()
USER2=
WORK=$(mktemp -d "${TMPDIR:-/tmp}/evidencefs-test.XXXXXX")
chmod 0711 "$WORK" # a second user passes through
STATE=$WORK/state
OUT=$WORK/.out
ERR=$WORK/.err
export XDG_STATE_HOME=$WORK/xdg-state

diag() {
	printf '%s\n' "$*" | sed 's/^/# /'
}

tap_point() { # STATUS NAME
	tap_count=$((tap_count + 1))
	if [[ $1 == 0 ]]; then
		printf 'ok %d - %s\n' "$tap_count" "${2//#/}"
	else
		tap_failed=$((tap_failed + 1))
		printf 'not ok %d - %s\n' "$tap_count" "${2//#/}"
	fi
}

pass() {
	tap_point 0 "$1"
}

fail() {
	tap_point 1 "$1"
}

skip() { # WHY NAME
	tap_count=$((tap_count + 1))
	printf 'ok %d - %s # SKIP %s\n' "$tap_count" "${2:-}" "$1"
}

tap_show_output() {
	tail -n 20 "$OUT" | sed 's/^/# out: /'
	tail -n 20 "$ERR" | sed 's/^/# err: /'
}

tap_run() { # COMMAND...: output to $OUT and $ERR; status in $tap_status
	tap_status=0
	"$@" >"$OUT" 2>"$ERR" || tap_status=$?
}

ok() {
	local name=$1
	shift
	tap_run "$@"
	tap_point "$tap_status" "$name"
	if [[ $tap_status != 0 ]]; then
		diag "exit status $tap_status: $*"
		tap_show_output
	fi
}

not_ok() {
	local name=$1
	shift
	tap_run "$@"
	if [[ $tap_status != 0 ]]; then
		pass "$name"
	else
		fail "$name"
		diag "exit status 0: $*"
		tap_show_output
	fi
}

exits() {
	local want=$1 name=$2
	shift 2
	tap_run "$@"
	if [[ $tap_status == "$want" ]]; then
		pass "$name"
	else
		fail "$name"
		diag "exit status $tap_status, expected $want: $*"
		tap_show_output
	fi
}

is() {
	if [[ $1 == "$2" ]]; then
		pass "$3"
	else
		fail "$3"
		diag "got:      $1"
		diag "expected: $2"
	fi
}

isnt() {
	if [[ $1 != "$2" ]]; then
		pass "$3"
	else
		fail "$3"
		diag "got, and should not: $1"
	fi
}

like() {
	if [[ $1 =~ $2 ]]; then
		pass "$3"
	else
		fail "$3"
		diag "got:     $1"
		diag "pattern: $2"
	fi
}

same_file() {
	ok "$3" cmp -- "$1" "$2"
}

keys() { # FILE
	python3 - "$1" <<-'PYTHON'
		import json, sys
		lines = [list(json.loads(line)) for line in open(sys.argv[1], encoding="utf-8")]
		assert lines and all(k == lines[0] for k in lines), lines[:2]
		print(*lines[0])
	PYTHON
}

value() { # EXPRESSION [FILE]
	python3 - "$1" "${2:-$OUT}" <<-'PYTHON'
		import json, sys
		rows = [json.loads(line) for line in open(sys.argv[2], encoding="utf-8")]
		print(eval(sys.argv[1]))
	PYTHON
}

done_testing() {
	tap_done=yes
	printf '1..%d\n' "$tap_count"
	if [[ $tap_failed != 0 ]]; then
		diag "$tap_failed of $tap_count failed"
		exit 1
	fi
	exit 0
}

skip_all() {
	tap_done=yes
	printf '1..0 # SKIP %s\n' "$*"
	exit 0
}

bail() {
	tap_done=yes
	printf 'Bail out! %s\n' "$*"
	exit 255
}

required() { # KIND: is a lack of it a failure here?
	[[ ,${EVIDENCEFS_REQUIRE:-}, == *,$1,* ]]
}

lacking() { # KIND WHY
	if required "$1"; then
		fail "$2 (EVIDENCEFS_REQUIRE has $1)"
		done_testing
	fi
	skip_all "$2"
}

have() {
	local name=$1 tool
	shift
	for tool; do
		[[ -z $(type -P "$tool") ]] || continue
		if required tools; then
			fail "$name: $tool is not installed (EVIDENCEFS_REQUIRE has tools)"
		else
			skip "$tool is not installed" "$name"
		fi
		return 1
	done
}

sanitized() {
	grep -q -e __asan_init -e __tsan_init "$1"
}

slow() {
	[[ -z ${EVIDENCEFS_QUICK:-} ]] || skip_all "takes long (EVIDENCEFS_QUICK is set)"
}

need() {
	case $1 in
	fuse)
		[[ -c /dev/fuse ]] || lacking fuse "there is no /dev/fuse"
		[[ -r /dev/fuse && -w /dev/fuse ]] || lacking fuse "/dev/fuse cannot be opened"
		[[ $(id -u) == 0 ]] || command -v fusermount3 >/dev/null ||
			lacking fuse "fusermount3 is missing"
		;;
	users)
		[[ $(id -u) == 0 ]] || lacking users "a second user needs root"
		[[ -n $(type -P useradd) && -n $(type -P setpriv) ]] ||
			lacking users "useradd or setpriv is missing"
		;;
	root)
		[[ $(id -u) == 0 ]] || lacking root "needs root"
		;;
	corpus)
		[[ -n ${EVIDENCEFS_CORPUS:-} && -d ${EVIDENCEFS_CORPUS:-} ]] ||
			lacking corpus "EVIDENCEFS_CORPUS names no folder with evidence"
		;;
	*)
		bail "need: unknown: $1"
		;;
	esac
}

need_tools() {
	local tool
	for tool; do
		[[ -n $(type -P "$tool") ]] || lacking tools "$tool is not installed"
	done
}

wait_for() {
	local limit=10 end
	if [[ $1 == -t ]]; then
		limit=$2
		shift 2
	fi
	end=$((SECONDS + limit))
	until "$@" >/dev/null 2>&1; do
		if [[ $SECONDS -ge $end ]]; then
			diag "waited $limit s in vain for: $*"
			return 1
		fi
		sleep 0.05
	done
}

is_mounted() {
	awk -v dir="$1" '$5 == dir {found = 1} END {exit !found}' /proc/self/mountinfo
}

not_mounted() {
	! is_mounted "$1"
}

track_mount() {
	test_mounts+=("$1")
}

# when a process began, in ticks since boot: with its number this names one process, which the
# number alone does not
began() { # PID
	local stat
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	read -ra stat <<<"${stat##*) }" # behind the program's name, which may be any bytes
	echo "${stat[19]}"
}

track_pid() {
	test_pids+=("$1 $(began "$1" || true)")
}

left_running() {
	find /proc/[0-9]*/exe -maxdepth 0 -lname "$WORK/bin/*" 2>/dev/null | cut -d / -f 3 | sort -n
}

nothing_left() {
	[[ -z $(left_running) ]]
}

mount_image() {
	local dir=${*: -1}
	mkdir -p "$dir"
	track_mount "$dir"
	"$EVIDENCEFS" mount --state "$STATE" "$@"
}

unmount_image() {
	"$EVIDENCEFS" unmount "$1" && wait_for not_mounted "$1"
}

second_user() {
	[[ -n $USER2 ]] && return
	USER2=evfs-test-$$
	useradd --no-create-home --home-dir "$WORK" --shell /bin/sh "$USER2" ||
		bail "useradd $USER2 failed"
	# shellcheck disable=SC2034 # for the tests
	UID2=$(id -u "$USER2")
}

as_user2() {
	setpriv --reuid="$(id -u "$USER2")" --regid="$(id -g "$USER2")" --clear-groups -- "$@"
}

test_unmount() { # by whatever means: a dead mount too
	is_mounted "$1" || return 0
	if [[ $(id -u) == 0 ]]; then
		umount "$1" 2>/dev/null || umount -l "$1"
	else
		fusermount3 -u "$1" 2>/dev/null || fusermount3 -uz "$1"
	fi
}

# a function to call when the test leaves, before anything else is undone; once each
on_exit() {
	[[ " ${test_exits[*]} " == *" $1 "* ]] || test_exits+=("$1")
}

test_cleanup() {
	local status=$? i
	trap - ERR
	trap - EXIT
	set +e
	cd /
	for i in "${test_exits[@]}"; do
		"$i"
	done
	for ((i = ${#test_mounts[@]} - 1; i >= 0; i--)); do
		test_unmount "${test_mounts[i]}"
	done
	for i in "${test_pids[@]}"; do
		# one that has ended may have left its number to another
		[[ -n ${i#* } && $(began "${i% *}") == "${i#* }" ]] && kill "${i% *}" 2>/dev/null
	done
	if [[ -n $USER2 ]]; then
		wait_for userdel "$USER2" # processes of his may still be going
	fi
	# a mounting process may still be writing its last record
	wait_for rm -rf --one-file-system "$WORK"
	if [[ $tap_done == no && $status == 0 ]]; then
		status=1
	fi
	if [[ $tap_done == no ]]; then
		printf 'Bail out! the test ended early with status %d; what failed last: %s\n' "$status" "$tap_failing" >&"$tap_fd"
	fi
	exit "$status"
}
trap test_cleanup EXIT
tap_failing=none
set -E # within functions too
trap 'tap_failing="line $LINENO: ${BASH_COMMAND%%$'"'\\n'"'*}"' ERR
trap 'exit 130' INT
trap 'exit 143' TERM
