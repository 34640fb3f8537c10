"""What the guest is made of. What makes another image of it changes the key."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
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
    *("python3-oslo.config", "python3-oslo.log"),
)
# More, for whole amphorae on the guest itself; their agent is not packaged.
LOCAL = ("openssl", "curl")
LOCAL_EXTRAS = ("worker", "agent")
CONSTRAINTS = HERE.parent / "demo/constraints.txt"
# Pure Python, taken from here: the release's own is older than the agent asks for.
CARRIED = "pyroute2"
# Below lib/modules/VERSION/kernel; everything else has nothing to do with networks.
MODULES = (
    *("net/**/*", "lib/**/*", "crypto/**/*", "arch/x86/crypto/*", "drivers/net/*"),
    *("drivers/net/ethernet/intel/igb/*", "drivers/net/ethernet/intel/igbvf/*"),
    *("drivers/i2c/**/*", "drivers/dca/*", "drivers/ptp/*", "drivers/pps/**/*"),
    *("drivers/block/virtio_blk*", "fs/ext4/*", "fs/jbd2/*", "fs/mbcache*", "fs/overlayfs/*"),
)
# On the way to the root disk.
FIRST = ("virtio_blk", "ext4", "crc32c_generic")


def key(local: bool) -> str:
    """Of everything that goes into an image.

    :param local: with what whole amphorae need
    """
    sources = [HERE / name for name in ("recipe.py", "trees.py", "site.py", "initrd.py")]
    sources += [CONSTRAINTS] * local
    parts = [version(CARRIED), *(path.read_text() for path in sources)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
