"""Any valid rule document, for tests with hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

PROTOCOLS = st.sampled_from(["tcp", "udp", "sctp"])
PORTS = st.integers(1, 65535)


def _usable(address: Any) -> bool:
    return not (address.is_multicast or address.is_unspecified or address.is_loopback)


ADDRESSES = st.ip_addresses().filter(_usable).map(str)
# Few networks with many bits in common, so that they overlap, touch and repeat.
CIDRS = st.one_of(
    st.tuples(st.sampled_from(["10.0.0.0", "10.1.0.0", "10.1.255.255"]), st.integers(0, 32)),
    st.tuples(st.sampled_from(["2001:db8::", "2001:db8::ffff"]), st.integers(0, 128)),
    st.tuples(st.ip_addresses(v=4).map(str), st.integers(0, 32)),
    st.tuples(st.ip_addresses(v=6).map(str), st.integers(0, 128)),
).map(lambda pair: f"{pair[0]}/{pair[1]}")


@st.composite
def interfaces(draw: st.DrawFn) -> list[dict[str, Any]]:
    found = []
    for number in range(draw(st.integers(0, 4))):
        addresses = draw(st.lists(ADDRESSES, unique=True, max_size=5))
        cut = draw(st.integers(0, len(addresses)))
        found.append(
            {
                "mac": f"fa:16:3e:00:00:{number:02x}",
                "filter": draw(st.sampled_from(["amphora", "neutron", "drop"])),
                "vips": addresses[:cut],
                "addresses": addresses[cut:],
                "dhcp": draw(st.booleans()),
                "slaac": draw(st.booleans()),
            }
        )
    return found


@st.composite
def listeners(draw: st.DrawFn) -> list[dict[str, Any]]:
    keys = draw(st.lists(st.tuples(PROTOCOLS, PORTS), unique=True, max_size=6))
    return [
        {
            "id": f"listener-{number}",
            "protocol": protocol,
            "port": port,
            "allowed_cidrs": draw(st.lists(CIDRS, max_size=6)),
        }
        for number, (protocol, port) in enumerate(keys)
    ]


def documents() -> st.SearchStrategy[dict[str, Any]]:
    """JSON bodies the agent accepts."""
    member = st.fixed_dictionaries({"address": ADDRESSES, "protocol": PROTOCOLS, "port": PORTS})
    return st.fixed_dictionaries(
        {
            "version": st.just(1),
            "interfaces": interfaces(),
            "listeners": listeners(),
            "members": st.lists(member, max_size=6),
            "ping": st.lists(ADDRESSES, max_size=3),
            "peers": st.lists(ADDRESSES, max_size=3),
            "peer_port": st.none() | PORTS,
            "echo": st.booleans(),
        }
    )
