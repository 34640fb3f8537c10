"""Whether haproxy's and keepalived's files are those that a controller has sent.

The stock agent keeps no record of what it was sent. Here the digest of each file is kept after
each of its calls that changes files; what differs from it later was changed by somebody else.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path

from amphora_agent_ext import store
from amphora_agent_ext.errors import FirewallError

LOG = logging.getLogger(__name__)
# The stock agent's [haproxy_amphora] base_path.
BASE = Path("/var/lib/octavia")
# Below it, as octavia.amphorae.backends.agent.api_server.util names them; of the directory of
# certificates only those of load balancers, as the agent's own are elsewhere's business.
_FILES = (
    "*/haproxy.cfg",
    "lvs/octavia-keepalivedlvs-*.conf",
    "vrrp/octavia-keepalived.conf",
    "certs/*/*",
)

Digests = Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Configuration:
    """The files of one amphora. The agent answers one request at a time, so none is half written.

    :ivar base: directory that they are below
    """

    base: Path = BASE

    def files(self) -> dict[str, str]:
        """SHA-256 of each, by its path below ``base``."""
        found = (path for pattern in _FILES for path in self.base.glob(pattern))
        told = ((str(path.relative_to(self.base)), _digest(path)) for path in found)
        return {name: digest for name, digest in told if digest}

    def sent(self, before: Digests) -> None:
        """A controller has changed files.

        :param before: what :meth:`files` told right before; what the call left alone stays what
            it was on record, so that an earlier change of somebody else is still seen
        """
        now, kept = self.files(), self._kept()
        record = {
            name: kept.get(name, digest) if before.get(name) == digest else digest
            for name, digest in now.items()
        }
        deleted = before.keys() - now.keys()
        record |= {n: d for n, d in kept.items() if n not in now and n not in deleted}
        if record != kept:
            self._keep(record)

    def changed(self) -> tuple[str, ...]:
        """Files that are not as a controller has sent them, or not there any more; those of which
        nobody knows what was sent count as such that are."""
        now = self.files()
        return tuple(sorted(n for n, digest in self._kept().items() if now.get(n) != digest))

    def _kept(self) -> dict[str, str]:
        try:
            body = json.loads(self._record.read_bytes())
            return {str(name): str(digest) for name, digest in body.items()}
        except (OSError, ValueError, AttributeError):
            return {}

    def _keep(self, record: Digests) -> None:
        try:
            store.write(self._record, json.dumps(record))
        except FirewallError as error:
            # The controller's call did what it was asked for.
            LOG.error("Changes of configuration files will not be noticed: %s", error)

    @property
    def _record(self) -> Path:
        return self.base / "sriov-configuration.json"


def _digest(path: Path) -> str:
    """Empty for what is no file, or has just gone."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
