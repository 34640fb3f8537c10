"""The Debian packages of the cloud, installed only where they are missing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

PACKAGES = (
    "mariadb-server",
    "rabbitmq-server",
    "memcached",
    "haproxy",
    "keepalived",
    "nftables",
    "libnftables1",
    "iproute2",
    "iputils-arping",
    "iputils-ping",
    "socat",
    "curl",
    "openssl",
    "procps",
    "util-linux",
)
POLICY = Path("/usr/sbin/policy-rc.d")
# Distributor's word to invoke-rc.d: no service may be started (Debian policy, section 9.3.3).
NO_SERVICES = "#!/bin/sh\nexit 101\n"


def missing(wanted: Sequence[str] = PACKAGES) -> list[str]:
    """Those of the *wanted* packages which are not installed."""
    found = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\n", *wanted],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    installed = {line.split()[0] for line in found.splitlines() if " ii" in line}
    return [name for name in wanted if name not in installed]


def install(names: list[str], log: Path) -> None:
    """Installs packages without letting them start a service; the output goes to *log*."""
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text(NO_SERVICES)
        POLICY.chmod(0o755)
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    apt = ["apt-get", "-o", "DPkg::Lock::Timeout=400", "-qq"]
    try:
        with log.open("a") as out:
            for command in (["update"], ["install", "-y", "--no-install-recommends", *names]):
                subprocess.run([*apt, *command], env=env, stdout=out, stderr=out, check=True)
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"apt-get failed ({error.returncode}); see {log}") from error
    finally:
        if ours:
            POLICY.unlink()
