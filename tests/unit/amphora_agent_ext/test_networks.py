"""Networks as numbers mean what the standard library's mean."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amphora_agent_ext import networks
from tests.unit.amphora_agent_ext.strategies import CIDRS


@given(cidr=CIDRS)
def test_a_cidr_is_read_as_the_library_reads_it(cidr: str) -> None:
    expected = ipaddress.ip_network(cidr, strict=False)
    assert networks.parse(cidr) == networks.Network(
        expected.version, int(expected.network_address), expected.prefixlen
    )


@given(text=st.text(alphabet="0123456789abcf.:/%", max_size=12))
def test_what_is_no_cidr_is_refused_as_the_library_does(text: str) -> None:
    try:
        expected = ipaddress.ip_network(text, strict=False)
    except ValueError:
        expected = None
    if expected is None or "%" in text:
        with pytest.raises(ValueError, match=r"."):
            networks.parse(text)
    else:
        assert networks.parse(text).bits == expected.prefixlen


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.1/8", "10.0.0.0/8"),
        ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
        ("192.0.2.1", "192.0.2.1/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:DB8:0::1/64", "2001:db8::/64"),
        ("::1", "::1/128"),
    ],
)
def test_the_usual_form(text: str, expected: str) -> None:
    assert str(networks.parse(text)) == expected


@given(cidrs=st.lists(CIDRS, max_size=12))
def test_collapsing_is_that_of_the_library(cidrs: list[str]) -> None:
    known = [ipaddress.ip_network(cidr, strict=False) for cidr in cidrs]
    expected = [
        *ipaddress.collapse_addresses(n for n in known if isinstance(n, ipaddress.IPv4Network)),
        *ipaddress.collapse_addresses(n for n in known if isinstance(n, ipaddress.IPv6Network)),
    ]
    collapsed = networks.collapse(map(networks.parse, cidrs))
    assert [ipaddress.ip_network(str(n)) for n in collapsed] == expected
