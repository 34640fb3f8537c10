"""``sriov-amphora-interface``: the amphora's interfaces go up and down, by the stock agent's code.

The stock command imports all of Octavia's options first, for more than a second of a core.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from octavia.amphorae.backends.utils.interface import InterfaceController
from oslo_config import cfg

_DIRECTORY = cfg.StrOpt("agent_server_network_dir")


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point, called as the stock command is: ``amphora-interface up all``."""
    parser = argparse.ArgumentParser(prog="sriov-amphora-interface", description=__doc__)
    parser.add_argument("action", choices=("up", "down"))
    parser.add_argument("name", help="an interface that has a file, or 'all'")
    asked = parser.parse_args(argv)
    cfg.CONF.register_opt(_DIRECTORY, "amphora_agent")
    cfg.CONF([], project="octavia")
    trouble = change(asked.name, asked.action)
    if trouble:
        print(f"Error: {trouble}")
    return 2 if trouble else 0


def change(name: str, action: str) -> str:
    """In the network namespace of this process.

    :param name: such as ``eth1``; ``all`` for all that have a file
    :param action: ``up``, which also puts right what is up, or ``down``
    :returns: what went wrong, or nothing
    """
    known = InterfaceController().list()
    if name != "all" and name not in known:
        return f"Could not find interface '{name}'."
    chosen = known.values() if name == "all" else [known[name]]
    errors = [error for found in chosen if (error := _change(found, action))]
    return f"Could not configure interface: {' '.join(errors)}" if errors else ""


def _change(found: Any, action: str) -> str:
    controller = InterfaceController()
    if all("." in address.get("address", "") for address in found.addresses):
        # All of IPv4: it would wait for the link-local address, a second or two, which nothing
        # binds to.
        controller._wait_tentative = lambda *_: None
    try:
        getattr(controller, action)(found)
    except Exception as error:
        return f"{found.name} does not go {action}: {error}."
    return ""


if __name__ == "__main__":
    sys.exit(main())
