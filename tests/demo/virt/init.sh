#!/bin/bash
# pid 1 of a server, inside its own network, mount, UTS, IPC and PID namespaces:
#   init.sh LAYERS NAME AGENT LOG
# What the image elements of a real amphora bring is made here.
set -e
D=$1 AGENT=$3 LOG=$4
HERE=$(dirname "$(readlink -f "$0")")
hostname "$2"
mount --make-rprivate /
mount -t proc proc /proc
# a virtual machine has its own memory: Octavia gives two fifths of what is free to haproxy's cache
# of TLS sessions, and all amphorae of the demo share this machine's
printf '%s: %s kB\n' MemTotal 262144 MemFree 131072 MemAvailable 131072 Buffers 0 Cached 0 \
    SwapTotal 0 SwapFree 0 SwapCached 0 Shmem 0 Slab 0 >"$D/meminfo"
mount --bind "$D/meminfo" /proc/meminfo
layer() { mount -t overlay overlay -o "lowerdir=$1,upperdir=$D/$2,workdir=$D/work/$2" "$1"; }
layer /etc etc
layer /usr/lib/systemd/system units
layer /usr/local/bin bin
layer /var/lib var-lib
layer /var/log var-log
# as cloud-init does it: keepalived asks for its own name, and DNS would let it wait for seconds
printf '127.0.0.1 localhost\n::1 localhost\n127.0.1.1 %s\n' "$2" >/etc/hosts
VENV_BIN=$(dirname "$(command -v "$AGENT")")
mount -t tmpfs tmpfs /run
mkdir -p /run/lock /run/netns /run/home /run/rsyslog/octavia /var/lib/octavia/certs \
    /etc/octavia/interfaces /var/lib/haproxy

# element amphora-agent: scripts which only matter where the kernel has IP_VS
for script in lvs-masquerade.sh udp-masquerade.sh; do
    printf '#!/bin/sh\nexit 0\n' >/usr/local/bin/$script
    chmod +x /usr/local/bin/$script
done
# element haproxy-octavia; no strict-limits: the limit of files may be lower than haproxy wants
printf 'global\n    group nogroup\n    no strict-limits\n' \
    >/var/lib/octavia/haproxy-default-user-group.conf
# what haproxy runs for PING health monitors; it is true while the member answers
cat >/var/lib/octavia/ping-wrapper.sh <<'EOF'
#!/bin/sh
case $HAPROXY_SERVER_ADDR in *:*) family=-6 ;; *) family=-4 ;; esac
exec /usr/bin/ping $family -q -n -c 1 -w 1 "$HAPROXY_SERVER_ADDR" >/dev/null 2>&1
EOF
chmod 755 /var/lib/octavia/ping-wrapper.sh
rm -f /etc/haproxy/haproxy.cfg
mkdir -p /etc/sysctl.d
# ping_group_range as systemd sets it: haproxy runs ping without privileges
cat >/etc/sysctl.d/amphora.conf <<'EOF'
net.ipv4.ip_nonlocal_bind=1
net.ipv6.ip_nonlocal_bind=1
net.ipv4.ping_group_range=0 2147483647
EOF

# element sriov-amphora-agent
mkdir /run/bin
[ "$AGENT" = amphora-agent ] || ln -s "$VENV_BIN/sriov-amphora-interface" /run/bin/amphora-interface

export SYSTEMCTL_LOG=$LOG-systemctl.log HOME=/run/home PATH=$HERE/shim:/run/bin:$VENV_BIN:/usr/sbin:/usr/bin:/sbin:/bin
# the syslog of the agent and of haproxy
socat -u UNIX-RECV:/run/rsyslog/octavia/log,mode=666 "OPEN:$LOG-syslog.log,creat,append" &
for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -S /run/rsyslog/octavia/log ] && break
    sleep 0.1
done
ulimit -n "$(ulimit -Hn)"
cd / # gunicorn takes its syslog socket as a relative path
echo "$(date +%T) $AGENT starts"
"$AGENT" --config-file /etc/octavia/amphora-agent.conf &
wait $! || echo "$(date +%T) $AGENT ended: $?"
