"""Stands in for ``vrouter-port-control``: as strict about its options, and writes down its calls.

A fake: what is known of the command is its options. Nothing behind them is played.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

# Of the public command, and those that commands of offloading cards have beside them.
OPTIONS = (
    "oper",
    "uuid",
    "instance_uuid",
    "vn_uuid",
    "vm_project_uuid",
    "ip_address",
    "ipv6_address",
    "vm_name",
    "mac",
    "tap_name",
    "port_type",
    "tx_vlan_id",
    "rx_vlan_id",
    "vif_type",
    "vhostuser_socket",
    "vhostuser_mode",
)
OFFLOAD = ("vnic_type", "pci_dev")
_SCRIPT = """\
#!{python}
import argparse, json, os, re, sys
parser = argparse.ArgumentParser()
for option in {options!r}:
    parser.add_argument("--" + option, required=option in ("oper", "uuid"))
given = parser.parse_args(re.split(r"\\s+(?=--)", " ".join(sys.argv[1:])))
assert given.port_type in (None, "NameSpacePort", "NovaVMPort"), given.port_type
with open({calls!r}, "a") as handle:
    told = {{name: value for name, value in vars(given).items() if value is not None}}
    handle.write(json.dumps([sys.argv[1:], told]) + "\\n")
sys.exit({code})
"""


class Recorder:
    """An executable of that name in a directory, which belongs into ``PATH``."""

    def __init__(self, directory: Path) -> None:
        self._calls = directory / "calls"
        self._path = directory / "vrouter-port-control"
        self.install()

    def install(self, *, offloads: bool = False, code: int = 0) -> None:
        """:param code: what it ends with"""
        options = OPTIONS + (OFFLOAD if offloads else ())
        text = _SCRIPT.format(
            python=sys.executable, options=options, calls=str(self._calls), code=code
        )
        self._path.write_text(text)
        self._path.chmod(0o755)

    def calls(self) -> list[tuple[list[str], dict[str, str]]]:
        """Command lines, and what the options were."""
        if not self._calls.exists():
            return []
        return [tuple(json.loads(line)) for line in self._calls.read_text().splitlines()]
