"""What the guest is made of. What makes another image of it changes the key."""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
SUITE = "trixie"
MIRROR = "http://deb.debian.org/debian"
# On the machine itself, to make the others.
TOOLS = ("mmdebstrap", "e2fsprogs", "debian-archive-keyring", "util-linux")
# Unpacked beside the machine's own packages: its QEMU may have no igb (before release 8).
OUTSIDE = ("qemu-system-x86", "linux-image-amd64", "busybox-static")
GUEST = (
    *("iproute2", "iputils-ping", "nftables", "ipvsadm", "keepalived", "haproxy"),
    *("kmod", "procps", "python3", "python3-nftables"),
    *("openssl", "curl"),
)
# Of the project: its dependencies.
EXTRAS = ("worker", "agent")
CONSTRAINTS = HERE.parent / "demo/constraints.txt"
# Packages whose commands the guest has.
AGENT = ("octavia", "amphora_agent_ext")
# Below lib/modules/VERSION/kernel; everything else has nothing to do with networks.
MODULES = (
    *("net/**/*", "lib/**/*", "crypto/**/*", "arch/x86/crypto/*", "drivers/net/*"),
    *("drivers/net/ethernet/intel/igb/*", "drivers/net/ethernet/intel/igbvf/*"),
    *("drivers/i2c/**/*", "drivers/dca/*", "drivers/ptp/*", "drivers/pps/**/*"),
    *("drivers/block/virtio_blk*", "fs/ext4/*", "fs/jbd2/*", "fs/mbcache*", "fs/overlayfs/*"),
)
# On the way to the root disk.
FIRST = ("virtio_blk", "ext4", "crc32c_generic")


def scripts() -> list[metadata.EntryPoint]:
    """The agent's commands, of Octavia and our own."""
    found = metadata.entry_points(group="console_scripts")
    return [script for script in found if script.module.split(".")[0] in AGENT]


def key() -> str:
    """Of everything that goes into an image."""
    sources = [HERE / name for name in ("recipe.py", "trees.py", "site.py", "initrd.py")]
    parts = [path.read_text() for path in (*sources, CONSTRAINTS)]
    parts += sorted(metadata.requires("octavia-sriov-provider") or ())
    parts += sorted(f"{script.name} {script.value}" for script in scripts())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
