#!/bin/sh
# An amphora without a machine: private mounts, its own processes, and our agent.
#   box.sh DIRECTORY PYTHON
set -e
directory=$1 python=$2
mount --make-rprivate /
mount -t proc proc /proc
layer() {
    mkdir -p "$directory/$2" "$directory/work-$2"
    mount -t overlay overlay \
        -o "lowerdir=$1,upperdir=$directory/$2,workdir=$directory/work-$2" "$1"
}
layer /var/lib lib
layer /var/log log
layer /usr/local/bin bin
# The image brings these; they matter where the kernel has IP_VS.
for script in lvs-masquerade.sh udp-masquerade.sh; do
    printf '#!/bin/sh\n' >/usr/local/bin/$script
    chmod +x /usr/local/bin/$script
done
# Interfaces are set up without it.
printf '#!/bin/sh\nexit 1\n' >/usr/local/bin/amphora-interface
chmod +x /usr/local/bin/amphora-interface
mount -t tmpfs tmpfs /run
mkdir -p /run/netns /run/home/.octavia /run/rsyslog/octavia /run/interfaces /var/lib/octavia
cp "$directory/agent.conf" /run/home/.octavia/octavia.conf
HOME=/run/home PATH=/usr/local/bin:$(dirname "$python"):$PATH:/usr/sbin:/sbin
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
exec "$python" -m amphora_agent_ext.agent --config-file /run/home/.octavia/octavia.conf
