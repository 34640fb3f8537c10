"""The private files of an amphora, as its image would bring them."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from sriov_provider.compute.local.guest import python
from sriov_provider.errors import Code, ProviderError

# Directories the agent, haproxy and keepalived expect.
_DIRECTORIES = (
    "etc/haproxy",
    "etc/octavia/interfaces",
    "etc/ssl",
    "etc/sysctl.d",
    "etc/systemd/system",
    "var/cache",
    "var/lib/haproxy",
    "var/lib/octavia/certs",
    "var/log",
    "var/tmp",
    "bin",
    "units",
)
_LINKS = {
    "etc/mtab": "/proc/self/mounts",
    "etc/os-release": "../usr/lib/os-release",
    "var/lock": "/run/lock",
    "var/run": "/run",
}
# The range of groups is systemd's: haproxy runs ping without privileges.
_SYSCTL = """\
net.ipv4.ip_nonlocal_bind=1
net.ipv6.ip_nonlocal_bind=1
net.ipv4.ping_group_range=0 2147483647
"""
# The limit of open files may be lower than haproxy wants.
_GROUP = "global\n    group nogroup\n    no strict-limits\n"
# What haproxy runs for PING health monitors.
_PING = """\
#!/bin/sh
case $HAPROXY_SERVER_ADDR in *:*) family=-6 ;; *) family=-4 ;; esac
exec ping $family -q -n -c 1 -w 1 "$HAPROXY_SERVER_ADDR" >/dev/null 2>&1
"""
# --system would set what is the host's too; a key this kernel lacks is no error.
_SYSCTL_COMMAND = """\
#!/bin/sh
case "$*" in
*--system*) exec /usr/sbin/sysctl -q -e -p /etc/sysctl.d/amphora.conf ;;
*) exec /usr/sbin/sysctl -e "$@" ;;
esac
"""
_NOTHING = "#!/bin/sh\nexit 0\n"
# Members of UDP and SCTP pools answer to the amphora. A kernel without NAT has no IP_VS either.
_MASQUERADE = """\
#!/bin/sh
# lvs-masquerade.sh add|delete ipv4|ipv6 INTERFACE
case $2 in ipv6) family=ip6 ;; *) family=ip ;; esac
nft -f - <<END || echo "lvs-masquerade.sh: $*: no masquerading" >&2
add table $family octavia-masquerade
add set $family octavia-masquerade interfaces { type ifname; }
add chain $family octavia-masquerade out { type nat hook postrouting priority srcnat; }
flush chain $family octavia-masquerade out
add rule $family octavia-masquerade out oifname @interfaces meta l4proto { udp, sctp } masquerade
add element $family octavia-masquerade interfaces { "$3" }
$([ "$1" = delete ] && echo "delete element $family octavia-masquerade interfaces { \\"$3\\" }")
END
exit 0
"""
# The stock unit does the same after a reboot, but stumbles over names of pairs ("eth1@if7").
_PLUGGED = """\
#!/bin/sh
# plugged-interfaces: into the namespace that carries traffic, after a reboot
while read -r mac name; do
    for link in /sys/class/net/*; do
        [ "$(cat "$link/address")" = "$mac" ] || continue
        ip link set "${link##*/}" netns amphora-haproxy name "$name"
    done
done </var/lib/octavia/plugged_interfaces
exit 0
"""
_PLUGGED_UNIT = """\
[Service]
ExecStartPre=-/usr/local/bin/plugged-interfaces
"""
_COMMANDS = {
    "lvs-masquerade.sh": _MASQUERADE,
    "modprobe": _NOTHING,
    "plugged-interfaces": _PLUGGED,
    "sysctl": _SYSCTL_COMMAND,
    "systemctl": python.script("systemctl"),
    "udp-masquerade.sh": _NOTHING,
}
# Where units look for the agent's commands. Amphorae see the host's own, below what is theirs.
_USUAL = Path("/usr/local/bin")
_AGENT_COMMANDS = {
    "sriov-amphora-agent": "sriov-amphora-agent",
    "sriov-amphora-firewall": "sriov-amphora-firewall",
    "amphora-interface": "sriov-amphora-interface",
}
_ELEMENT = "elements/sriov-amphora-agent/static/usr/lib/systemd/system"


def lay_out(directory: Path, name: str, files: Mapping[str, str], commands: Path) -> None:
    """For an amphora that is new.

    :param directory: is made; the amphora sees ``etc``, ``var``, ``units`` and ``bin`` of it
    :param files: absolute path -> content, below /etc
    :param commands: directory of the agent's commands
    :raises ProviderError: CONFIGURATION when a file has no place, or the agent is not installed
    """
    for entry in _DIRECTORIES:
        (directory / entry).mkdir(parents=True, exist_ok=True)
    for place, target in _LINKS.items():
        if not (directory / place).is_symlink():
            (directory / place).symlink_to(target)
    _write(directory / "etc/hostname", f"{name}\n")
    _write(directory / "etc/hosts", f"127.0.0.1 localhost\n::1 localhost\n127.0.1.1 {name}\n")
    _write(directory / "etc/sysctl.d/amphora.conf", _SYSCTL)
    _write(directory / "var/lib/octavia/haproxy-default-user-group.conf", _GROUP)
    _write(directory / "var/lib/octavia/ping-wrapper.sh", _PING, 0o755)
    for path, content in files.items():
        _write(_below_etc(directory, path), content, 0o600)
    refresh(directory, commands)


def refresh(directory: Path, commands: Path) -> None:
    """What comes from this host and may have changed since the amphora last ran."""
    for command, content in _COMMANDS.items():
        _write(directory / "bin" / command, content, 0o755)
    for name, command in _AGENT_COMMANDS.items():
        link = directory / "bin" / name
        link.unlink(missing_ok=True)
        if not (commands / command).exists():
            raise _not_installed(f"there is no {command} in {commands}")
        if name != command or commands.resolve() != _USUAL.resolve():  # it would lead to itself
            link.symlink_to(commands / command)
    shutil.copytree(
        package("amphora_agent_ext") / _ELEMENT, directory / "units", dirs_exist_ok=True
    )
    # After the drop-in that loads the rules.
    _write(directory / "units/amphora-netns.service.d/20-plugged.conf", _PLUGGED_UNIT)


def package(name: str) -> Path:
    """Where a package lies.

    :raises ProviderError: CONFIGURATION when it is not installed
    """
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        raise _not_installed(f"there is no package {name}")
    return Path(next(iter(found.submodule_search_locations)))


def _not_installed(what: str) -> ProviderError:
    return ProviderError(
        Code.CONFIGURATION,
        "The load balancer service is not set up completely.",
        f"Amphorae cannot run on this host: {what}.",
    )


def _below_etc(directory: Path, path: str) -> Path:
    target = Path(os.path.normpath(path))
    if not target.is_relative_to("/etc"):
        raise ProviderError(
            Code.CONFIGURATION,
            "The load balancer service is not set up completely.",
            f"An amphora of this host has no place for {path}: files lie below /etc.",
        )
    return directory / target.relative_to("/")


def _write(path: Path, content: str, mode: int = 0o644) -> None:
    """With its mode from the first moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
