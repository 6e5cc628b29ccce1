#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# evidencefsd: what stops its start, who may be beside it, how it ends.
set -eu
. "$(dirname "$0")/lib.sh"
need root
need_tools pgrep

write_conf() { # FILE LINE...: the keys that keep it below $WORK, then the lines
	local file=$1
	shift
	{
		printf '%s\n' '[service]' "state_dir = $WORK/team" "mount_root = $WORK/evidence" \
			"socket = $WORK/run/control.sock" "allow_degraded = yes" "$@"
	} >"$file"
}

refused() { # NAME ERE: does not start with $WORK/bad.conf, and says why
	exits 1 "$1" "$EVIDENCEFSD" --config "$WORK/bad.conf" --foreground
	like "$(cat "$ERR")" "^evidencefsd: .*$2" "$1: it is said why"
}

write_conf "$WORK/bad.conf" 'user = 65435' 'no_such_key = 1'
refused "an unknown key" "bad.conf:7: no_such_key"
write_conf "$WORK/bad.conf" 'user = 65435' '[limits]' 'connections = many'
refused "a bad value" "bad.conf:8: connections"
write_conf "$WORK/bad.conf" 'user = no-such-user'
refused "a user that is not there" "useradd --system"
exits 1 "a configuration that is not there" "$EVIDENCEFSD" --config "$WORK/none.conf" --foreground
mkdir -m 0700 "$WORK/closed"
write_conf "$WORK/bad.conf" 'user = 65435'
sed -i "s|^state_dir.*|state_dir = $WORK/closed/state|" "$WORK/bad.conf"
refused "a state that its user cannot reach" "chmod o\+x $WORK/closed\$"
write_conf "$WORK/bad.conf" 'user = 65435'
mkdir "$WORK/run"
: >"$WORK/run/control.sock"
refused "a file where the socket should be" "not a socket"
rm "$WORK/run/control.sock"

write_conf "$WORK/good.conf" 'user = 65435'
chmod 0755 "$WORK"
second_user
exits 1 "as a user" as_user2 "$EVIDENCEFSD" --config "$WORK/good.conf" --foreground
like "$(cat "$ERR")" "by root" "as a user: it is said why"

"$EVIDENCEFSD" --config "$WORK/good.conf" --foreground 2>"$WORK/messages" &
starter=$!
track_pid "$starter"
ok "it opens its socket" wait_for test -S "$WORK/run/control.sock"
is "$(stat -c %a "$WORK/run/control.sock")" 666 "everybody may use the socket"
is "$(stat -c %u:%g:%a "$WORK/team")" 0:65435:1771 "the state is root's: the service adds to it, and moves nothing of others"
is "$(stat -c %u:%a "$WORK/team/log")" 65435:700 "what is in it is the service's"
is "$(stat -c %u:%a "$WORK/evidence")" 0:711 "the folder of mounts is root's"
cp "$WORK/good.conf" "$WORK/bad.conf"
refused "a second start" "is in use"
kill -HUP "$starter"
ok "SIGHUP does nothing" kill -0 "$starter"
kill -TERM "$starter"
status=0
wait "$starter" || status=$?
is "$status" 0 "SIGTERM: it exits 0"
not_ok "the socket is gone" test -e "$WORK/run/control.sock"
not_ok "no process is left" pgrep -f "$WORK/good.conf"
done_testing
