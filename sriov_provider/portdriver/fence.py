"""What a stand-in needs of nftables: the spoof check of a VF, and a bridge the host is not on."""

from __future__ import annotations

from typing import Any, Protocol

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.kernel import USER

_GUARD = """
table netdev {device} {{}}
delete table netdev {device}
table netdev {device} {{
  chain spoofed {{
    type filter hook ingress device "{device}" priority -500; policy accept;
    ether saddr != {mac} counter drop
  }}
}}
"""
_SHUT = """
table netdev {device} {{}}
delete table netdev {device}
table netdev {device} {{
  chain host {{
    type filter hook ingress device "{device}" priority -500; policy drop;
  }}
}}
"""
_OPEN = """
table netdev {device} {{}}
delete table netdev {device}
"""


class Fence(Protocol):
    def guard(self, device: str, mac: str) -> None:
        """Drop what comes out of the stand-in with a MAC address that is not its own."""

    def shut(self, bridge: str) -> None:
        """Keep the bridge's traffic from the host: a tenant is to see the segment, not us.

        What goes from port to port does not come past this hook.
        """

    def open(self, device: str) -> None:
        """Forget what was said of it."""


class NftFence:
    """:class:`Fence` by libnftables."""

    def guard(self, device: str, mac: str) -> None:
        _run(_GUARD.format(device=device, mac=mac))

    def shut(self, bridge: str) -> None:
        _run(_SHUT.format(device=bridge))

    def open(self, device: str) -> None:
        _run(_OPEN.format(device=device))


def _run(commands: str) -> None:
    # Here, because hosts of VFs alone do without the library.
    import nftables

    try:
        nft: Any = nftables.Nftables()
    except OSError as problem:
        text = f"libnftables cannot be loaded: {problem}"
        raise ProviderError(Code.CONFIGURATION, USER, text) from problem
    code, _, told = nft.cmd(commands)
    if code != 0:
        text = f"nftables refused: {str(told).strip()[:500]}"
        raise ProviderError(Code.HOST_NETWORK, USER, text)
