from __future__ import annotations

import pytest
from octavia.api.drivers.amphora_driver.v2 import driver as stock
from octavia.common import constants as stock_constants
from octavia_lib.api.drivers import data_models as dm
from octavia_lib.api.drivers.exceptions import UnsupportedOptionError

from sriov_provider.api import accept


def test_the_same_lists_as_the_stock_provider() -> None:
    assert set(accept.PROTOCOLS) == set(stock.AMPHORA_SUPPORTED_PROTOCOLS)
    assert set(accept.ALGORITHMS) == set(stock.AMPHORA_SUPPORTED_LB_ALGORITHMS)
    assert set(accept.L7_PROTOCOLS) == set(stock.VALID_L7POLICY_LISTENER_PROTOCOLS)
    assert set(accept.ALPN) == set(stock_constants.AMPHORA_SUPPORTED_ALPN_PROTOCOLS)


@pytest.mark.parametrize("protocol", accept.PROTOCOLS)
def test_listener_protocols(protocol: str) -> None:
    accept.listener(dm.Listener(protocol=protocol))


def test_listener_protocol_refused() -> None:
    with pytest.raises(UnsupportedOptionError) as caught:
        accept.listener(dm.Listener(protocol="QUIC"))
    assert caught.value.user_fault_string == (
        "This provider does not support listener protocol QUIC. Supported: HTTP, HTTPS, "
        "PROMETHEUS, PROXY, PROXYV2, SCTP, TCP, TERMINATED_HTTPS, UDP."
    )
    assert caught.value.operator_fault_string == caught.value.user_fault_string


@pytest.mark.parametrize("algorithm", accept.ALGORITHMS)
def test_pool_algorithms(algorithm: str) -> None:
    accept.pool(dm.Pool(lb_algorithm=algorithm))


def test_pool_algorithm_refused() -> None:
    with pytest.raises(UnsupportedOptionError, match="SOURCE_IP_PORT"):
        accept.pool(dm.Pool(lb_algorithm="SOURCE_IP_PORT"))


def test_alpn() -> None:
    accept.alpn(dm.Listener(alpn_protocols=["h2", "http/1.1", "http/1.0"]))
    accept.alpn(dm.Listener())
    with pytest.raises(UnsupportedOptionError, match="ALPN protocol h3") as caught:
        accept.alpn(dm.Pool(alpn_protocols=["h2", "h3"]))
    assert "Supported: h2, http/1.1, http/1.0." in caught.value.user_fault_string


def test_policies_need_http() -> None:
    policy = dm.L7Policy(l7policy_id="x")
    accept.listener(dm.Listener(protocol="TERMINATED_HTTPS", l7policies=[policy]))
    with pytest.raises(UnsupportedOptionError, match="L7 policies on a listener of protocol TCP"):
        accept.listener(dm.Listener(protocol="TCP", l7policies=[policy]))


@pytest.mark.parametrize("protocol", ["UDP", "SCTP"])
@pytest.mark.parametrize(
    ("member", "vips", "taken"),
    [
        ("192.0.2.1", ["192.0.2.5"], True),
        ("2001:db8::1", ["2001:db8::5"], True),
        ("2001:db8::1", ["192.0.2.5", "2001:db8::5"], True),
        ("2001:db8::1", ["192.0.2.5"], False),
        ("192.0.2.1", ["2001:db8::5"], False),
    ],
)
def test_lvs_cannot_mix_ip_versions(
    protocol: str, member: str, vips: list[str], taken: bool
) -> None:
    members = [dm.Member(address=member)]
    if taken:
        accept.members(protocol, members, vips)
        return
    with pytest.raises(UnsupportedOptionError) as caught:
        accept.members(protocol, members, vips)
    assert member in caught.value.user_fault_string
    assert vips[0] in caught.value.user_fault_string
    assert protocol in caught.value.user_fault_string


def test_haproxy_mixes_ip_versions() -> None:
    accept.members("HTTP", [dm.Member(address="2001:db8::1")], ["192.0.2.5"])


def test_unknown_vips_refuse_nothing() -> None:
    accept.members("UDP", [dm.Member(address="2001:db8::1")], [])
