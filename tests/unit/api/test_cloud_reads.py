"""The API process against services that answer late, wrongly or not at all, over real sockets."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from octavia_lib.api.drivers.exceptions import UnsupportedOptionError

from sriov_provider import config
from sriov_provider.api.cloud_reads import CloudReads
from sriov_provider.api.preflight import Preflight
from sriov_provider.cloud import Cloud
from sriov_provider.compute.nova import NovaCompute
from sriov_provider.deadline import Deadline
from sriov_provider.network.neutron import NeutronNetwork
from sriov_provider.records import LoadBalancerRecord
from tests.fakes.services import Services

NET = "/network/v2.0"
NETWORK = {"id": "net", "name": "n"}
TUNNEL = {"provider:network_type": "vxlan", "provider:physical_network": None}
# Seconds: what a request may take here before something does not keep the limit at all.
GENEROUS = 5.0


@pytest.fixture
def services() -> Iterator[Services]:
    with Services() as running:
        running.answer("GET", f"{NET}/networks/net", {"network": NETWORK | TUNNEL})
        running.answer("GET", f"{NET}/network-ip-availabilities", {"network_ip_availabilities": []})
        running.answer("GET", "/compute/v2.1/flavors/7", {"flavor": {"id": "7"}})
        yield running


def reads(services: Services, path: pathlib.Path, extra: str = "") -> CloudReads:
    deadline = Deadline()
    cloud = Cloud(services.conf(path, extra), deadline)
    return CloudReads(NeutronNetwork(cloud), NovaCompute(cloud), deadline)


def create(found: CloudReads, seconds: float = 3.0, flavor: str = "7") -> float:
    """One request for a load balancer on ``net``; how long the preflight took."""
    record = LoadBalancerRecord("lb", "p", "192.0.2.5", "port", "sub", "net", "direct")
    settings, amphora = config.Preflight(timeout=seconds), config.Amphora(flavor=flavor)
    started = time.monotonic()
    try:
        Preflight(found, settings, amphora).load_balancer(record, ())
    finally:
        print(f"preflight: {time.monotonic() - started:.3f} s")
    return time.monotonic() - started


def test_nothing_happens_before_the_first_request(
    services: Services, tmp_path: pathlib.Path
) -> None:
    found = reads(services, tmp_path)
    Preflight(found, config.Preflight(), config.Amphora())
    assert services.requests == []


def test_a_refusal_takes_one_read(services: Services, tmp_path: pathlib.Path) -> None:
    found = reads(services, tmp_path)
    for _ in range(2):
        with pytest.raises(UnsupportedOptionError, match="has no physical network"):
            create(found)
    assert services.calls() == ["GET /compute/v2.1/flavors/7", f"GET {NET}/networks/net"]


HANGING = (f"{NET}/networks/net", "/compute/v2.1", "/identity")


@pytest.mark.parametrize("path", HANGING)
def test_a_service_that_hangs_costs_the_limit_and_no_more(
    services: Services, tmp_path: pathlib.Path, path: str
) -> None:
    services.hang("GET", path)
    found = reads(services, tmp_path)
    assert create(found, seconds=0.3) <= GENEROUS


def test_a_login_that_hangs(services: Services, tmp_path: pathlib.Path) -> None:
    services.hang("POST", "/identity/v3/auth/tokens")
    assert create(reads(services, tmp_path), seconds=0.3) <= GENEROUS
    assert services.calls() == []


def test_nobody_listens_and_nothing_is_tried_again(
    services: Services, tmp_path: pathlib.Path
) -> None:
    closed = Services()
    closed.close()
    extra = f"[neutron]\nendpoint_override = {closed.url}\nconnect_retries = 5\n"
    assert create(reads(services, tmp_path, extra)) <= GENEROUS


def test_the_limit_is_that_of_the_whole_request(services: Services, tmp_path: pathlib.Path) -> None:
    services.hang("GET", "/compute/v2.1/flavors/7")
    preflight = Preflight(reads(services, tmp_path), config.Preflight(0.3), config.Amphora())
    preflight.flavor({"compute_flavor": "7"})
    # No time is left, so Neutron is not asked about a network that would be refused.
    preflight.load_balancer(
        LoadBalancerRecord("lb", "p", "192.0.2.5", "port", "sub", "net", "direct"), ()
    )
    assert services.calls() == ["GET /compute/v2.1/flavors/7"]


def test_the_next_request_has_its_own_time(services: Services, tmp_path: pathlib.Path) -> None:
    services.hang("GET", "/compute/v2.1/flavors/7")
    found = reads(services, tmp_path)
    create(found, seconds=0.3)
    with pytest.raises(UnsupportedOptionError, match="has no physical network"):
        create(found, flavor="")


Trouble = Callable[[Services], None]
TROUBLES: dict[str, Trouble] = {
    "403": lambda s: refuse(s, 403),
    "401": lambda s: refuse(s, 401),
    "404": lambda s: refuse(s, 404),
    "500": lambda s: refuse(s, 500),
    "503": lambda s: refuse(s, 503),
    "no answer": lambda s: s.hang_up("GET", f"{NET}/networks/net"),
    "attributes not shown": lambda s: s.answer("GET", f"{NET}/networks/net", {"network": NETWORK}),
    "wrong password": lambda s: s.refuse_logins(),
}


def refuse(services: Services, status: int) -> None:
    body = {"NeutronError": {"type": "X", "message": "no", "detail": ""}}
    services.answer("GET", f"{NET}/networks/net", body, status)
    services.answer("GET", f"{NET}/network-ip-availabilities", body, status)


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES.keys())
def test_what_neutron_does_not_tell_is_accepted(tmp_path: pathlib.Path, trouble: Trouble) -> None:
    with Services() as services:
        trouble(services)
        services.answer("GET", "/compute/v2.1/flavors/7", {"flavor": {"id": "7"}})
        assert create(reads(services, tmp_path)) <= GENEROUS


@pytest.mark.parametrize(("status", "accepted"), [(404, False), (403, True), (500, True)])
def test_what_nova_says_of_a_compute_flavor(
    tmp_path: pathlib.Path, status: int, accepted: bool
) -> None:
    with Services() as services:
        body: dict[str, Any] = {"itemNotFound": {"message": "no", "code": status}}
        services.answer("GET", "/compute/v2.1/flavors/7", body, status)
        found = reads(services, tmp_path)
        assert found.has_flavor("7") is (None if accepted else False)
