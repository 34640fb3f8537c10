#!/bin/sh
# An amphora without a machine: private mounts, its own processes, and our agent.
#   box.sh DIRECTORY PYTHON
set -e
directory=$1 python=$2
mount --make-rprivate /
mount -t proc proc /proc
for layer in lib log; do
    mkdir -p "$directory/$layer" "$directory/work-$layer"
    mount -t overlay overlay \
        -o "lowerdir=/var/$layer,upperdir=$directory/$layer,workdir=$directory/work-$layer" \
        "/var/$layer"
done
mount -t tmpfs tmpfs /run
mkdir -p /run/netns /run/home/.octavia /run/rsyslog/octavia /run/interfaces /var/lib/octavia
cp "$directory/agent.conf" /run/home/.octavia/octavia.conf
HOME=/run/home PATH=$(dirname "$python"):/usr/sbin:/usr/bin:/sbin:/bin
export HOME PATH
"$python" -c '
import socket
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind("/run/rsyslog/octavia/log")
while log.recv(65536):
    pass
' &
while [ ! -S /run/rsyslog/octavia/log ]; do sleep 0.05; done
cd / # gunicorn takes the syslog socket as a relative path
exec sriov-amphora-agent --config-file /run/home/.octavia/octavia.conf
