#!/bin/sh
# The guest's first process once its disks are there.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root LANG=C.UTF-8
mount -t tmpfs -o mode=755 run /run
mount -t tmpfs tmp /tmp
mkdir -p /run/netns /run/lock /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ln -s /proc/self/fd /dev/fd
hostname guest
ip link set lo up
modprobe -a igb igbvf
cd /mnt && python3 -m tests.igb.guest </dev/null >/dev/console 2>&1
sync
echo o >/proc/sysrq-trigger
sleep 60
