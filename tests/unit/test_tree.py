from __future__ import annotations

import dataclasses

import pytest

from sriov_provider import tree

MEMBERS = tuple(tree.Member(f"m{i}", "p", f"192.0.2.{i}", 80) for i in range(3))
LB = tree.LoadBalancer(
    id="lb",
    project_id="project",
    vip_address="192.0.2.5",
    vip_port_id="port",
    vip_subnet_id="subnet",
    vip_network_id="network",
    additional_vips=(tree.AdditionalVip("2001:db8::5", "subnet6"),),
    pools=(
        tree.Pool("p1", "HTTP", "ROUND_ROBIN", members=MEMBERS[:2]),
        tree.Pool("p2", "UDP", "SOURCE_IP", members=MEMBERS[2:]),
    ),
)


def test_members_of_all_pools() -> None:
    assert tuple(LB.members()) == MEMBERS


def test_pool_by_id() -> None:
    assert LB.pool("p2") is LB.pools[1]
    assert LB.pool("p3") is None
    assert LB.pool(None) is None


def test_the_primary_vip_comes_first() -> None:
    assert LB.vip_addresses() == ("192.0.2.5", "2001:db8::5")


@pytest.mark.parametrize(
    ("protocol", "lvs"), [("UDP", True), ("SCTP", True), ("TCP", False), ("HTTP", False)]
)
def test_lvs_listeners(protocol: str, lvs: bool) -> None:
    assert tree.Listener("l", protocol, 80).is_lvs is lvs


def test_secrets_stay_out_of_the_representation() -> None:
    container = tree.TlsContainer("c", "CERT", "KEY", ("CHAIN",), "WORD")
    listener = tree.Listener(
        "l", "TERMINATED_HTTPS", 443, default_tls=container, client_ca_data="CA", sni=(container,)
    )
    pool = dataclasses.replace(
        LB.pools[0], tls_container=container, ca_tls_data="CA", crl_data="CRL"
    )
    shown = repr(dataclasses.replace(LB, listeners=(listener,), pools=(pool,)))
    assert not [s for s in ("CERT", "KEY", "CHAIN", "WORD", "CA'", "CRL'") if s in shown]
    assert "id='c'" in shown
