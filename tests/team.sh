# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# team.sh - for tests of the service; sourced after lib.sh
#
#	team_begin [KEY=VALUE...]    start a service of this test's own (more lines of [service]); waits until
#	                             it can be asked. $CONF, $ROOT (its mount_root), $SOCKET, $STARTER (pid), $SERVICE_LOG
#	team_end                     SIGTERM, and wait until it is gone
#	user NAME...                 users for this test; NAME is short, ${U[NAME]} the real one
#	as NAME COMMAND...           run as that user, with his groups
#	ev NAME ARGUMENT...          evidencefs as that user (root: as root) on this service
#	service_pid                  of the unprivileged process
#	view NAME CASE               the user's folder of a case
#	everything USER              every name in case c1, and the hash of every file, or why there is none
#	all_there USER PATH...       in case c1; of a link, whether or not it leads anywhere
#	none_there USER PATH...
#	both WANT NAME ARGUMENT...   two points: what both verifiers say of $LOG, the service's log
# Users, service and mounts go away with the test.

ROOT=$WORK/ev
SOCKET=$WORK/control.sock
CONF=$WORK/evidencefs.conf
LOG=$WORK/team/log
# shellcheck disable=SC2034 # for the tests
OTHER=$TOP/tools/evidencefs-verify
SERVICE_LOG=$WORK/service.log
SERVICE_UID=65431
STARTER=
declare -A U=([root]=root)
export EVIDENCEFS_SOCKET=$SOCKET

team_cleanup() {
	local name
	[[ -z $STARTER ]] || team_end
	# of a build with sanitizers: what they said of the service ends the test
	if grep -qE 'Sanitizer|runtime error:' "$SERVICE_LOG" 2>/dev/null; then
		grep -E -A 25 'Sanitizer|runtime error:' "$SERVICE_LOG" | head -n 100 | sed 's/^/# /'
		echo "Bail out! a sanitizer reported"
		# shellcheck disable=SC2034 # of test_cleanup()
		status=1
	fi
	for name in "${!U[@]}"; do
		[[ $name == root ]] || wait_for userdel "${U[$name]}"
	done
}

team_begin() {
	local line
	{
		echo "[service]"
		echo "state_dir = $WORK/team"
		echo "mount_root = $ROOT"
		echo "socket = $SOCKET"
		echo "user = $SERVICE_UID"
		echo "allow_degraded = yes"
		for line; do
			echo "$line"
		done
	} >"$CONF"
	team_start
}

team_start() {
	# what one that was killed had just begun may need a while to end
	[[ ! -d $WORK/team ]] || wait_for -t 60 flock --nonblock "$WORK/team" true || bail "its state is in use still"
	"$BUILD/evidencefsd" --config "$CONF" --foreground >>"$SERVICE_LOG" 2>&1 &
	STARTER=$!
	track_pid "$STARTER"
	on_exit team_cleanup
	wait_for -t 60 "$EVIDENCEFS" status || {
		sed 's/^/# /' "$SERVICE_LOG"
		bail "the service does not start"
	}
}

team_end() {
	kill -TERM "$STARTER" 2>/dev/null
	wait "$STARTER"
	STARTER=
}

user() {
	local name
	for name; do
		U[$name]=evfs-$$-$name
		useradd --no-create-home --home-dir "$WORK" --shell /bin/sh "${U[$name]}" ||
			bail "useradd ${U[$name]} failed"
	done
	on_exit team_cleanup
}

as() {
	local name=$1
	shift
	if [[ $name == root ]]; then
		"$@"
	else
		setpriv --reuid="${U[$name]}" --regid="$(id -g "${U[$name]}")" --init-groups -- "$@"
	fi
}

ev() {
	local name=$1
	shift
	as "$name" "$EVIDENCEFS" "$@"
}

service_pid() {
	pgrep -P "$STARTER" -u "$SERVICE_UID" | head -n 1
}

view() {
	echo "$ROOT/${U[$1]}/$2"
}

everything() {
	# shellcheck disable=SC2016
	as "$1" sh -c 'cd "$1" && find . | LC_ALL=C sort && find . -type f ! -name EVIDENCE.txt ! -name ACCESS.txt -print0 |
		LC_ALL=C sort -z | xargs -0 sha256sum' sh "$(view "$1" c1)" 2>&1
}

is_seen() { # USER PATH
	as "$1" test -e "$(view "$1" c1)/$2" || as "$1" test -L "$(view "$1" c1)/$2"
}

all_there() {
	local name=$1 path lost=0
	shift
	for path; do
		if ! is_seen "$name" "$path"; then
			diag "$name does not see $path"
			lost=1
		fi
	done
	return "$lost"
}

none_there() {
	local name=$1 path seen=0
	shift
	for path; do
		if is_seen "$name" "$path"; then
			diag "$name sees $path"
			seen=1
		fi
	done
	return "$seen"
}

both() {
	local want=$1 name=$2
	shift 2
	exits "$want" "$name" "$EVIDENCEFS" audit verify --log "$LOG" "$@"
	exits "$want" "$name, by the other" "$OTHER" "$@" "$LOG"
}
