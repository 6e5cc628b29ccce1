#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# 73-systemd.sh - the units, under a systemd of this test's own: sockets, users, folders; kill -9 of
# each process while a file is read, and a restart
set -eu
. "$(dirname "$0")/lib.sh"
slow
need fuse
need root
[[ -x /lib/systemd/systemd && -n $(type -P systemctl) && -n $(type -P systemd-sysusers) ]] ||
	skip_all "no systemd here"
need_tools unshare nsenter /usr/bin/python3 mke2fs setpriv

here=$WORK/boot
mkdir -p "$here/upper/etc/systemd/system" "$here/work" "$here/root" "$here/upper/img/tree"
units=$here/upper/etc/systemd/system
sed "s|@sbindir@|/opt/evidencefs|" "$TOP/dist/systemd/evidencefsd.service.in" >"$units/evidencefsd.service"
sed "s|@bindir@|/opt/evidencefs|" "$TOP/dist/systemd/evidencefs-anchor.service.in" >"$units/evidencefs-anchor.service"
# no journal runs here
mkdir "$units/evidencefs-anchor.service.d"
printf '%s\n' '[Service]' StandardOutput=file:/run/heads >"$units/evidencefs-anchor.service.d/output.conf"
sed "s|@pkglibexecdir@|/opt/evidencefs|" "$TOP/dist/systemd/evidencefs-keyd.service.in" >"$units/evidencefs-keyd.service"
cp "$TOP"/dist/systemd/*.socket "$TOP"/dist/systemd/*.timer "$units"
mkdir -p "$here/upper/usr/lib/sysusers.d"
cp "$TOP/dist/systemd/evidencefs.sysusers" "$here/upper/usr/lib/sysusers.d/evidencefs.conf"
printf '%s\n' '[Unit]' 'Requires=evidencefsd.service evidencefsd.socket evidencefs-keyd.socket' \
	'After=evidencefsd.socket evidencefs-keyd.socket' >"$units/evidencefs-test.target"
for unit in tmpfiles-setup tmpfiles-setup-dev udevd udev-trigger journald modules-load sysctl random-seed remount-fs; do
	ln -s /dev/null "$units/systemd-$unit.service"
done
seq 1 200000 >"$here/upper/img/tree/numbers"
mke2fs -q -t ext4 -d "$here/upper/img/tree" "$here/upper/img/disk.dd" 16M

# its cgroups go away with it
group=evidencefs-test-$$
hierarchies=()
for at in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
	[[ -w $at/cgroup.procs ]] && mkdir "$at/$group" 2>/dev/null && hierarchies+=("$at/$group")
done
[[ ${#hierarchies[@]} -gt 0 ]] || skip_all "no cgroup can be made here"
halt() {
	[[ -z ${INIT:-} ]] || kill -9 "$INIT" 2>/dev/null || true
	gone() {
		local left=0 at
		for at in "${hierarchies[@]}"; do
			find "$at" -depth -type d -exec rmdir {} + 2>/dev/null || true
			[[ ! -d $at ]] || left=1
		done
		return "$left"
	}
	wait_for gone || diag "cgroups are left: ${hierarchies[*]}"
}
on_exit halt
(
	for at in "${hierarchies[@]}"; do
		echo "$BASHPID" >"$at/cgroup.procs"
	done
	exec setsid unshare --mount --pid --ipc --uts --cgroup --fork --kill-child \
		"$TOP/tests/helpers/boot.sh" "$here" "$BUILD"
) >"$WORK/boot.log" 2>&1 &
unshare=$!
track_pid "$unshare"
booted() {
	INIT=$(pgrep -P "$unshare" -x systemd)
}
wait_for booted || {
	sed 's/^/# /' "$WORK/boot.log"
	skip_all "no namespaces, or no overlay, for a systemd here"
}
inside() {
	nsenter -t "$INIT" -m -p -i -u -C -- "$@"
}
by() { # USER COMMAND...
	local user=$1
	shift
	inside setpriv --reuid="$(inside id -u "$user")" --regid="$(inside id -g "$user")" --init-groups -- "$@"
}
tool=/opt/evidencefs/evidencefs
active() { inside systemctl is-active --quiet "$1"; }
healthy() { inside "$tool" status; }
main_pid() { inside systemctl show -p MainPID --value "$1"; }

ok "systemd is up" wait_for -t 60 inside systemctl list-units
ok "users of the service" inside systemd-sysusers /usr/lib/sysusers.d/evidencefs.conf
inside useradd -M anna
inside useradd -M bert
inside systemctl reset-failed
ok "it starts" inside systemctl restart evidencefsd
ok "it says when it is ready" active evidencefsd
ok "it can be asked" wait_for -t 60 healthy
is "$(inside stat -c %U /var/lib/evidencefs/keys)" evidencefs-keyd "the keys belong to their process"
ok "a case" inside "$tool" case create c1 --owner anna --privilege-officer bert
ok "evidence" inside "$tool" add c1 /img/disk.dd
ok "released" by anna "$tool" release c1 disk --reason r
ok "granted" by anna "$tool" grant c1 bert --role analyst --reason r
file=/evidence/bert/c1/disk/p0-ext4/numbers
ok "bert's session is there" wait_for -t 30 by bert test -e "$file"
ok "he reads" by bert cmp "$file" /img/tree/numbers

# whoever serves may go: a reader notices nothing
cat >"$here/upper/reader.py" <<'PYTHON'
import os, sys
f = os.open(sys.argv[1], os.O_RDONLY)
want = open("/img/tree/numbers", "rb").read()
n = 0
while not os.path.exists("/stop"):
    at = n * 65536 % len(want)
    if os.pread(f, 65536, at) != want[at:at + 65536]:
        sys.exit(f"other bytes at {at}")
    n += 1
    if n == 100:
        open("/run/reading", "w").close()
PYTHON
inside chmod 0777 /run
by bert /usr/bin/python3 /reader.py "$file" >"$WORK/reader" 2>&1 &
reader=$!
ok "a reader reads" wait_for -t 30 inside test -e /run/reading
other_service() {
	local now
	now=$(pgrep -P "$(pid_here)" -u "$(inside id -u evidencefs)")
	[[ -n $now && $now != "$service" ]] && healthy
}
pid_here() { # of the starter, as this machine counts
	pgrep -P "$INIT" -x evidencefsd
}
keys=$(main_pid evidencefs-keyd)
service=$(pgrep -P "$(pid_here)" -u "$(inside id -u evidencefs)")
kill -9 "$service"
ok "the service is killed: there is another" wait_for -t 60 other_service
before=$(pid_here)
kill -9 "$before"
other_starter() {
	local now
	now=$(pid_here)
	[[ -n $now && $now != "$before" ]] && healthy
}
ok "the starter is killed: there is another" wait_for -t 60 other_starter
inside touch /stop
status=0
wait "$reader" || status=$?
is "$status $(cat "$WORK/reader")" "0 " "the reader saw no error, and no other byte"
inside kill -9 "$keys"
other_keys() {
	local now
	now=$(main_pid evidencefs-keyd)
	[[ $now != 0 && $now != "$keys" ]] && healthy
}
ok "the process with the keys is killed: there is another" wait_for -t 60 other_keys
keys=$(main_pid evidencefs-keyd)
ok "bert reads again" wait_for -t 30 by bert cmp "$file" /img/tree/numbers
ok "restart: sessions are unmounted, and mounted again" inside systemctl restart evidencefsd
ok "it can be asked again" wait_for -t 60 healthy
is "$(main_pid evidencefs-keyd)" "$keys" "the process with the keys outlived all of that"
ok "bert's session is there again" wait_for -t 30 by bert cmp "$file" /img/tree/numbers
ok "the head of the log goes to the system log" inside systemctl start evidencefs-anchor
inside cat /run/heads | base64 -d >"$WORK/head"
ok "each hour, when told to" inside systemctl start evidencefs-anchor.timer
ok "it stops" inside systemctl stop evidencefsd evidencefsd.socket
not_ok "its sessions are unmounted" inside mountpoint -q /evidence/bert
cp "$WORK/head" "$here/upper/head"
exits 0 "its log is intact, up to that head and on" inside "$tool" audit verify --log /var/lib/evidencefs/log --anchor /head
like "$(tail -n 1 "$OUT")" '^intact: ([0-9]+) records, sealed up to record ' "and sealed to its end"
done_testing
