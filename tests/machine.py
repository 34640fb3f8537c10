"""``python -m tests.machine``: what the functional tests need of the machine.

As root on Debian the missing packages are installed (no service of theirs is started); elsewhere
it is said what will be left out.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from tests.demo import debian

PACKAGES = (
    "mariadb-server",
    "postgresql",
    "haproxy",
    "keepalived",
    "nftables",
    "libnftables1",
    "debootstrap",
    "iproute2",
    "iputils-ping",
    "curl",
    "openssl",
    "openvswitch-switch",
    "procps",
    "util-linux",
)
LOG = Path("/var/tmp/octavia-sriov-tests-apt.log")
RULE = "!" * 88
LACKING = """\
{rule}
! LEFT OUT: {why}.
! Tests that need these Debian packages are skipped or fail:
!   {names}
! As root:  apt-get install --no-install-recommends {names}
{rule}"""
NOT_ROOT = """\
{rule}
! NOT ROOT: tests with network namespaces and nft run in a user namespace where the kernel
! lets them, else they are skipped with "LEFT OUT" in the summary. The end-to-end test is left out.
{rule}"""


def prepare() -> None:
    """Installs what is missing, or says what is."""
    if os.geteuid() != 0:
        print(NOT_ROOT.format(rule=RULE), flush=True)
    if shutil.which("dpkg-query") is None:
        _lacking("this is not Debian, so packages cannot be looked up", PACKAGES)
        return
    names = tuple(debian.missing(PACKAGES))
    if not names:
        return
    if os.geteuid() != 0:
        _lacking("only root can install packages", names)
        return
    print(f"Installing Debian packages, without starting services ({LOG}): {' '.join(names)}")
    sys.stdout.flush()
    debian.install(list(names), LOG)


def _lacking(why: str, names: tuple[str, ...]) -> None:
    print(LACKING.format(rule=RULE, why=why, names=" ".join(names)), flush=True)


if __name__ == "__main__":
    prepare()
