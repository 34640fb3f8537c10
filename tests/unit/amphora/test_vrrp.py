"""The keepalived configuration of a pair, against what the stock driver uploads."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from octavia.amphorae.drivers.keepalived.vrrp_rest_driver import KeepalivedAmphoraDriverMixin
from octavia.common import data_models as dm
from oslo_config.fixture import Config

from sriov_provider import tree
from sriov_provider.amphora.base import AmphoraView, VipPlug
from sriov_provider.amphora.model import Serving
from sriov_provider.amphora.octavia_config import Templates
from sriov_provider.network.base import Route, Subnet
from tests.unit.amphora.scenarios import AMPHORA, LB, PEER, scenario, uid

FOUR = Subnet("s4", "n", "198.18.16.0/20", "198.18.16.1", host_routes=(Route("0.0.0.0/8", "x"),))
SIX = Subnet("s6", "n", "2001:db8::/64", None, ip_version=6)


@dataclasses.dataclass(frozen=True)
class Case:
    """A VIP with its subnet, the bases of both, and further VIPs."""

    vip: str
    subnet: Subnet
    bases: tuple[str, str]
    additional: tuple[tuple[str, Subnet], ...] = ()


CASES = {
    "IPv4": Case("198.18.16.5", FOUR, ("198.18.16.9", "198.18.16.10")),
    "IPv6": Case("2001:db8::5", SIX, ("2001:db8::9", "2001:db8::a")),
    "dual": Case(
        "198.18.16.5",
        FOUR,
        ("198.18.16.9", "198.18.16.10"),
        # out of order: the template sorts them
        (("2001:db8::6", SIX), ("198.18.17.5", FOUR), ("2001:db8::5", SIX)),
    ),
}


class Uploads:
    """Stands where the stock driver's REST client stands."""

    config = ""

    def upload_vrrp_config(self, amphora: Any, config: str) -> None:
        self.config = config


class Stock(KeepalivedAmphoraDriverMixin):  # type: ignore[misc]
    """The stock driver, as far as keepalived is concerned."""

    def __init__(self) -> None:
        super().__init__()
        self.uploads = Uploads()
        self.clients = {"1.0": self.uploads}

    def _populate_amphora_api_version(self, amphora: Any, timeout_dict: Any = None) -> None:
        amphora.api_version = "1.0"


def secret_in(config: str) -> str:
    (line,) = (text for text in config.splitlines() if "auth_pass" in text)
    return line.split()[1]


def stock_config(case: Case, role: str, secret: str) -> str:
    """As its database would have it."""
    amphorae = [
        dm.Amphora(
            id=i,
            status="ALLOCATED",
            vrrp_ip=base,
            vrrp_interface="eth1",
            vrrp_id=1,
            vrrp_priority=priority,
        )
        for i, base, priority in zip((AMPHORA, PEER), case.bases, (100, 90), strict=True)
    ]
    group = dm.VRRPGroup(
        load_balancer_id=LB,
        vrrp_group_name=LB.replace("-", ""),
        vrrp_auth_type="PASS",
        vrrp_auth_pass=secret,
        advert_int=1,
    )
    vip = dm.Vip(load_balancer_id=LB, ip_address=case.vip)
    balancer = dm.LoadBalancer(id=LB, vip=vip, vrrp_group=group, amphorae=amphorae)
    mine = amphorae[0 if role == "MASTER" else 1]
    driver = Stock()
    networks = {
        "vip_subnet": wire(case.subnet),
        "additional_vip_data": [{"ip_address": a, "subnet": wire(s)} for a, s in case.additional],
    }
    driver.update_vrrp_conf(balancer, {mine.id: networks}, mine)
    return driver.uploads.config


def wire(subnet: Subnet) -> dict[str, Any]:
    routes = [dataclasses.asdict(r) for r in subnet.host_routes]
    return {"cidr": subnet.cidr, "gateway_ip": subnet.gateway, "host_routes": routes}


def ours(case: Case, role: str, lb_id: str = LB) -> str:
    lb = scenario((), (), []).serving.load_balancer
    lb = dataclasses.replace(
        lb,
        id=lb_id,
        vip_address=case.vip,
        additional_vips=tuple(tree.AdditionalVip(a, s.id) for a, s in case.additional),
    )
    views = (
        AmphoraView(AMPHORA, "192.0.2.10", case.bases[0], uid(95), "MASTER"),
        AmphoraView(PEER, "192.0.2.11", case.bases[1], uid(96), "BACKUP"),
    )
    mine = views[0 if role == "MASTER" else 1]
    plug = VipPlug(case.vip, case.subnet, "fa:16:3e:00:00:01", 1500, mine.vrrp_ip, case.additional)
    return Templates().vrrp(Serving(lb, "ACTIVE_STANDBY", views, 0), mine.id, "eth1", plug)


@pytest.mark.parametrize("role", ["MASTER", "BACKUP"])
@pytest.mark.parametrize("name", CASES)
def test_is_the_stock_drivers_with_a_hop_limit(octavia: Config, name: str, role: str) -> None:
    case = CASES[name]
    config = ours(case, role)
    stock = stock_config(case, role, secret_in(config))
    assert config.replace("    unicast_ttl 255\n", "") == stock
    mine, other = case.bases if role == "MASTER" else case.bases[::-1]
    assert f"unicast_src_ip {mine}\n    unicast_ttl 255\n" in config
    assert f"unicast_peer {{\n        {other}\n    }}" in config
    assert f"priority {100 if role == 'MASTER' else 90}\n" in config


def test_secret_is_the_pairs_own(octavia: Config) -> None:
    """The same for both and whenever it is rendered, of each load balancer another one."""
    case = CASES["IPv4"]
    secret = secret_in(ours(case, "MASTER"))
    assert secret == secret_in(ours(case, "BACKUP")) == secret_in(ours(case, "MASTER"))
    assert len(secret) == 8, "VRRP takes eight characters"
    assert secret != secret_in(ours(case, "MASTER", uid(2)))
    other = ["another-passphrase-of-32-letters"]
    octavia.config(group="certificates", server_certs_key_passphrase=other)
    assert secret != secret_in(ours(case, "MASTER"))
