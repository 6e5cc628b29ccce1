#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# boot.sh DIR BUILD - systemd as the init of a machine of its own: namespaces, and over this
# machine's files a layer that keeps what is written (DIR/upper). The programs of BUILD are in
# /opt/evidencefs: units with a /tmp of their own see them there. It is started in a cgroup
# namespace, by unshare(1), and does not return.
set -eu
dir=$1
root=$dir/root
build=$2
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=/,upperdir=$dir/upper,workdir=$dir/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t tmpfs tmpfs "$root/run"
if [[ $(stat -f -c %T /sys/fs/cgroup) == cgroup2fs ]]; then
	mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
else
	mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
	mkdir "$root/sys/fs/cgroup/systemd" "$root/sys/fs/cgroup/unified"
	mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"
	mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup/unified"
fi
mount --rbind /dev "$root/dev"
mkdir -p "$root/opt/evidencefs"
mount --rbind "$build" "$root/opt/evidencefs"
mkdir -p "$root/old"
cd "$root"
pivot_root . old
cd /
umount -l /old
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system \
	--log-target=console --unit=evidencefs-test.target
