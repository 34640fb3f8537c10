"""The operations of the matrix: from what they start, what is asked for, what to look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from openstack import exceptions

from tests.matrix.phases import TWO
from tests.matrix.stage import HALVES, PORT, PREFIX, SECOND_PORT, Stage, listener, member, pool

KEEP, TEMP, PAIR = f"{PREFIX}keep", f"{PREFIX}temp", f"{PREFIX}pair"


@dataclass(frozen=True)
class Operation:
    """:ivar balancer: name of the load balancer it is about
    :ivar prepare: undisturbed, to where it starts; does nothing when it is there already
    :ivar request: asks for it; the load balancer's id
    :ivar faults: none but these; empty for all
    """

    name: str
    balancer: str
    prepare: Callable[[Stage], None]
    request: Callable[[Stage], str]
    faults: tuple[str, ...] = ()


def _post(stage: Stage, path: str, kind: str, body: dict[str, Any]) -> None:
    """openstacksdk would leave ``request_sriov`` out."""
    answer = stage.octavia.post(f"/lbaas/{path}", json={kind: body})
    exceptions.raise_from_response(answer)


def whole(stage: Stage, *members: str) -> dict[str, Any]:
    """Listeners and pools of a load balancer that is created with all below it."""
    cidr = [f"{HALVES[0]}/25", "198.18.30.0/24"]
    return {
        "listeners": [
            listener("http", PORT, allowed_cidrs=cidr, default_pool=pool(stage, *members))
        ]
    }


def create_whole(stage: Stage, name: str, topology: str, *members: str) -> str:
    """With its tree; its id. An API whose database goes away has made the load balancer or not; if
    not, the user asks again."""
    body = {
        "name": name,
        "flavor_id": stage.flavors[topology],
        "vip_subnet_id": stage.subnets["public"],
        **whole(stage, *members),
    }
    path, request = "/lbaas/loadbalancers", {"loadbalancer": body}
    answer = stage.octavia.post(path, json=request)
    if answer.status_code >= 500:
        made = stage.made_all_the_same(name)
        if made:
            return made
        answer = stage.octavia.post(path, json=request)
    exceptions.raise_from_response(answer)
    return str(answer.json()["loadbalancer"]["id"])


def ensure(name: str, topology: str, *members: str) -> Callable[[Stage], None]:
    """The load balancer is there and works."""

    def prepare(stage: Stage) -> None:
        found = stage.find(name)
        if found is None:
            create_whole(stage, name, topology, *members)
        if found is None or found.provisioning_status != "ACTIVE":
            stage.wait(name)

    return prepare


keep = ensure(KEEP, "SINGLE", "near")


def absent(name: str) -> Callable[[Stage], None]:
    """It is not there."""
    return lambda stage: stage.remove(name)


def _listener_absent(stage: Stage) -> None:
    keep(stage)
    found = stage.octavia.find_listener("second")
    if found is not None:
        stage.octavia.delete_listener(found.id)
        stage.wait(KEEP)


def _listener(stage: Stage) -> str:
    balancer, served = stage.find(KEEP), _pool(stage)
    body = listener("second", SECOND_PORT, default_pool_id=served.id)
    stage.octavia.create_listener(load_balancer_id=balancer.id, **body)
    return str(balancer.id)


def _pool(stage: Stage) -> Any:
    balancer = stage.find(KEEP)
    return next(stage.octavia.pools(loadbalancer_id=balancer.id, name="pool"))


def http(stage: Stage, balancer_id: str) -> Any:
    """The listener on port 80."""
    return next(stage.octavia.listeners(load_balancer_id=balancer_id, name="http"))


def _cidrs(stage: Stage) -> str:
    """From one half of the network to the other."""
    balancer = stage.find(KEEP)
    found = http(stage, balancer.id)
    other = HALVES[0] if HALVES[1] in str(found.allowed_cidrs) else HALVES[1]
    wanted = [f"{other}/25", "198.18.30.0/24"]
    try:
        stage.octavia.update_listener(found.id, allowed_cidrs=wanted)
    except exceptions.HttpException as error:
        # An API whose database goes away may have passed it on or not: the user asks again.
        if error.status_code < 500:
            raise
        stage.settle(balancer.id)
        stage.octavia.update_listener(found.id, allowed_cidrs=wanted)
    return str(balancer.id)


def _far(stage: Stage) -> Any:
    return stage.octavia.find_member("far", _pool(stage))


def _far_absent(stage: Stage) -> None:
    keep(stage)
    if _far(stage) is not None:
        _far_delete(stage)
        stage.wait(KEEP)


def _far_present(stage: Stage) -> None:
    keep(stage)
    if _far(stage) is None:
        _far_create(stage)
        stage.wait(KEEP)


def _far_create(stage: Stage) -> str:
    balancer = stage.find(KEEP)  # afterwards the API may be away
    _post(stage, f"pools/{_pool(stage).id}/members", "member", member("far", stage))
    return str(balancer.id)


def _far_delete(stage: Stage) -> str:
    balancer = stage.find(KEEP)
    stage.octavia.delete_member(_far(stage).id, _pool(stage))
    return str(balancer.id)


def failover(name: str) -> Callable[[Stage], str]:
    """Both amphorae of a pair, or the one."""

    def request(stage: Stage) -> str:
        balancer = stage.find(name)
        stage.octavia.failover_load_balancer(balancer.id)
        return str(balancer.id)

    return request


def _delete(stage: Stage) -> str:
    balancer = stage.find(TEMP)
    stage.octavia.delete_load_balancer(balancer.id, cascade=True)
    return str(balancer.id)


def _three_prepare(stage: Stage) -> None:
    keep(stage)
    stage.remove(TEMP)
    ensure(PAIR, "ACTIVE_STANDBY", "near", "far")(stage)


def _three(stage: Stage) -> str:
    """One job each for three load balancers; the others are waited for here."""
    others = [stage.create(TEMP), failover(PAIR)(stage)]
    balancer = _cidrs(stage)
    for other in others:
        stage.settle(other)
    return balancer


_ALL = (
    Operation("create", TEMP, absent(TEMP), lambda stage: stage.create(TEMP)),
    Operation(
        "create tree",
        TEMP,
        absent(TEMP),
        lambda stage: create_whole(stage, TEMP, "SINGLE", "near", "far"),
    ),
    Operation("delete", TEMP, ensure(TEMP, "SINGLE", "near", "far"), _delete),
    Operation("listener", KEEP, _listener_absent, _listener),
    Operation("cidrs", KEEP, keep, _cidrs),
    Operation("member", KEEP, _far_absent, _far_create),
    Operation("member delete", KEEP, _far_present, _far_delete),
    Operation("failover", KEEP, keep, failover(KEEP)),
    Operation(
        "pair create",
        PAIR,
        absent(PAIR),
        lambda stage: create_whole(stage, PAIR, "ACTIVE_STANDBY", "near", "far"),
    ),
    Operation("pair failover", PAIR, ensure(PAIR, "ACTIVE_STANDBY", "near", "far"), failover(PAIR)),
    Operation("three at once", KEEP, _three_prepare, _three, (TWO,)),
)
OPERATIONS = {operation.name: operation for operation in _ALL}
# Where one ends the other begins.
OPPOSITES = (("create tree", "delete"), ("member", "member delete"))
