"""Services that refuse, fail or are slow: the state and the reason code of the guide."""

from __future__ import annotations

import time
from typing import Any

import pytest
from openstack import exceptions

from tests.demo import trouble
from tests.integration.ground import Ground, address

PLUG = r"/servers/[^/]+/os-interface$"
BUILD = r"/servers$"
BUSY = {"conflictingRequest": {"code": 409, "message": "Cannot 'attach_interface' instance."}}
BROKEN = {"computeFault": {"code": 500, "message": "Unexpected API Error."}}
FORBIDDEN = {"forbidden": {"code": 403, "message": "Policy doesn't allow it to be performed."}}


def rule(ground: Ground, path: str) -> dict[str, Any]:
    """Keys that make a fault hit this ground's amphorae only."""
    return {"server" if path == PLUG else "body": ground.compute_flavor.id}


@pytest.mark.parametrize(
    ("path", "status", "answer", "code"),
    [
        (PLUG, 409, BUSY, "cloud-error"),
        (PLUG, 500, BROKEN, "cloud-error"),
        (BUILD, 409, BUSY, "cloud-error"),
        (BUILD, 500, BROKEN, "cloud-error"),
        (BUILD, 403, FORBIDDEN, "configuration"),
    ],
    ids=["plug-409", "plug-500", "build-409", "build-500", "build-403"],
)
def test_nova_fails(ground: Ground, path: str, status: int, answer: Any, code: str) -> None:
    """It keeps failing: ERROR with the reason, nothing left. It is over: the next one works."""
    ground.vfs(compute1=1, compute2=1)
    more = rule(ground, path)
    with trouble.fault("nova", "POST", path, status=status, answer=answer, **more) as fault:
        balancer = ground.create()
        balancer.settled("ERROR")
    assert fault.hits
    assert f"HTTP {status}" in balancer.reason(code).operator
    ground.empty()
    balancer.delete()


@pytest.mark.parametrize("path", [PLUG, BUILD], ids=["plug", "build"])
def test_nova_fails_once(ground: Ground, path: str) -> None:
    """A passing failure is not the user's business."""
    ground.vfs(compute1=1, compute2=1)
    more = {**rule(ground, path), "status": 500, "answer": BROKEN, "times": 1}
    with trouble.fault("nova", "POST", path, **more) as fault:
        balancer = ground.create()
        balancer.settled()
    assert len(fault.hits) == 1
    assert not balancer.reasons()
    assert len(ground.servers()) == 1
    assert len(ground.ports()) == 1


@pytest.mark.parametrize("path", [PLUG, BUILD], ids=["plug", "build"])
def test_nova_answers_with_an_error_what_it_has_done(ground: Ground, path: str) -> None:
    """The call was carried out all the same: nothing is had twice."""
    ground.vfs(compute1=1, compute2=1)
    more = {**rule(ground, path), "status": 504, "after": True, "times": 1}
    with trouble.fault("nova", "POST", path, **more) as fault:
        balancer = ground.create()
        balancer.settled()
    assert len(fault.hits) == 1
    assert len(ground.servers()) == 1
    assert len(ground.ports()) == 1


def test_neutron_fails(ground: Ground) -> None:
    """No port of the amphora's can be made: ERROR, nothing left; then it works again."""
    ground.vfs(compute1=1, compute2=1)
    body = rf"octavia-sriov:.*{ground.public.id}|{ground.public.id}.*octavia-sriov:"
    with trouble.fault("neutron", "POST", "/ports", body=body, status=503) as fault:
        balancer = ground.create()
        balancer.settled("ERROR")
    assert fault.hits
    assert "HTTP 503" in balancer.reason("cloud-error").operator
    ground.empty()
    balancer.failover()
    balancer.settled()
    assert not balancer.reasons()


def test_neutron_is_slow(ground: Ground) -> None:
    """The API does not wait for it; the worker does."""
    ground.vfs(compute1=1, compute2=1)
    balancer = ground.create()
    balancer.settled()
    subnet = ground.public.subnet
    member = {"address": address(ground.public, 20), "protocol_port": 80, "subnet_id": subnet}
    pool = balancer.pool()
    where = f"/(networks|subnets)/({ground.public.id}|{subnet})"
    with trouble.fault("neutron", "GET", where, delay=4):
        began = time.monotonic()
        made = ground.api.load_balancer.create_member(pool, **member)
        assert time.monotonic() - began < 10
        balancer.settled()
    found = ground.api.load_balancer.get_member(made.id, pool)
    assert found.provisioning_status == "ACTIVE"


def test_a_compute_flavor_that_is_not_there(ground: Ground) -> None:
    """Refused when the administrator makes the flavor, in a sentence that names it."""
    missing = "no-such-compute-flavor"
    with pytest.raises(exceptions.HttpException) as refused:
        ground.flavor(compute_flavor=missing)
    assert missing in str(refused.value)


def test_a_compute_flavor_that_has_gone(ground: Ground) -> None:
    """Refused, or in ERROR with the reason while the API remembers that it was there."""
    compute = ground.api.compute
    gone = compute.create_flavor(name=f"{ground.name}-gone", ram=256, vcpus=1, disk=1)
    flavor = ground.flavor(compute_flavor=gone.id)
    compute.delete_flavor(gone.id)
    try:
        balancer = ground.create(flavor)
    except exceptions.HttpException as refused:
        assert gone.id in str(refused)
        assert not list(ground.api.network.ports(network_id=ground.public.id))
    else:
        balancer.settled("ERROR")
        assert gone.id in balancer.reason("not-found").operator
        ground.empty()


@pytest.mark.essential
def test_the_vip_port_is_deleted_under_our_feet(ground: Ground) -> None:
    """What serves goes on; a listener can be changed; delete leaves nothing."""
    ground.vfs(compute1=2, compute2=2)
    balancer = ground.create()
    balancer.settled()
    listener = balancer.listener()
    ground.api.network.delete_port(balancer.vip_port)
    api = ground.api.load_balancer
    api.update_listener(listener.id, allowed_cidrs=["198.18.79.0/24"])
    balancer.settled()
    assert api.get_listener(listener.id).provisioning_status == "ACTIVE"
    balancer.failover()
    balancer.settled("ACTIVE", "ERROR")
    balancer.delete()
    ground.empty()
