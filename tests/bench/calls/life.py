"""The life of one load balancer, operation by operation, through Octavia's API."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any

import pymysql
import requests

from tests.bench.calls import processes
from tests.bench.calls.log import Call, Logs
from tests.demo.settings import IP, PASSWORD, PORTS

# Seconds: between two looks at a status, and for the last lines of a log to be written.
LOOK = 0.02
SETTLE = 0.5
PATIENCE = 180.0
MEMBERS = ("198.18.47.11", "198.18.47.12")
CIDRS = ("198.18.16.0/24", "10.1.0.0/16"), ("198.18.17.0/24",)


STATUS = "SELECT provisioning_status FROM load_balancer WHERE id = %s"


class Failed(Exception):
    """An operation did not end as it should."""


@dataclasses.dataclass(frozen=True)
class Measured:
    """One operation.

    :ivar wall: seconds from the request to the end that a user sees
    :ivar answer: seconds of these until the API has answered
    :ivar cpu: seconds of processor time that the whole cloud spent; depends less than the wall on
        what else the machine does
    """

    operation: str
    wall: float
    answer: float
    cpu: float
    calls: tuple[Call, ...]


class Api:
    """Octavia's API. The end of an operation is seen in Octavia's database: a client that asks the
    API often enough to tell takes a good part of a small machine."""

    def __init__(self, cloud: Any) -> None:
        """:param cloud: openstacksdk's connection"""
        self._url = cloud.load_balancer.get_endpoint().removesuffix("/v2.0") + "/v2.0/lbaas/"
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.headers["X-Auth-Token"] = cloud.auth_token
        self._database = pymysql.connect(
            host=IP, port=PORTS["mysql"], user="demo", password=PASSWORD, database="octavia",
            autocommit=True,
        )  # fmt: skip

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self._http.request(method, self._url + path, json=body, timeout=60)
        if answer.status_code >= 400:
            raise Failed(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None

    def status(self, balancer: str) -> str:
        with self._database.cursor() as cursor:
            cursor.execute(STATUS, (balancer,))
            row = cursor.fetchone()
        return str(row[0]) if row else "DELETED"

    def settled(self, balancer: str, wanted: str) -> None:
        """Until the load balancer has this status."""
        end = time.monotonic() + PATIENCE
        while (status := self.status(balancer)) != wanted:
            if not status.startswith("PENDING") or time.monotonic() > end:
                raise Failed(f"load balancer {balancer} is {status}, not {wanted}")
            time.sleep(LOOK)


class Life:
    """Creates, changes and deletes one load balancer, measuring each step."""

    def __init__(
        self,
        api: Api,
        logs: Logs,
        flavor: str,
        subnets: dict[str, str],
        silence: Callable[[], None] | None = None,
    ) -> None:
        """:param flavor: id of Octavia's flavor, which also chooses the provider
        :param subnets: name -> id
        :param silence: of one of its amphorae, from then on
        """
        self._api, self._logs = api, logs
        self._flavor, self._subnets = flavor, subnets
        self._silence = silence
        self._ids: dict[str, str] = {}
        self._turn = 0

    def steps(self) -> Iterator[Measured]:
        """Every operation of the table, in the order of a life."""
        yield self._measure("create load balancer", self._create)
        yield self._measure("create listener", self._listener)
        yield self._measure("create pool", self._pool)
        yield self._measure("update listener allowed_cidrs", self._cidrs)
        yield self._measure("create member on a new network", lambda: self._member(0))
        yield self._measure("create member on an attached network", lambda: self._member(1))
        yield self._measure("delete member, others remain", lambda: self._remove(1))
        yield self._measure("delete member, the network's last", lambda: self._remove(0))
        self._measure("", lambda: self._member(0))
        yield self._measure("failover", self._failover)
        if self._silence:
            self._silence()
            yield self._measure("failover, an amphora is silent", self._failover)
        yield self._measure("delete load balancer", self._delete, "DELETED")

    def churn(self, operations: int) -> Iterator[Measured]:
        """So many operations, half of them on members, half on listeners."""
        yield self._measure("create load balancer", self._create)
        yield self._measure("create listener", self._listener)
        yield self._measure("create pool", self._pool)
        work = (lambda: self._member(0), self._cidrs, lambda: self._remove(0), self._cidrs)
        for number in range(operations - 4):
            yield self._measure("churn", work[number % len(work)], settle=0.0)
        yield self._measure("delete load balancer", self._delete, "DELETED")

    def _measure(
        self, name: str, work: Callable[[], None], end: str = "ACTIVE", settle: float = SETTLE
    ) -> Measured:
        time.sleep(settle)
        self._logs.news()
        cpu, begin = processes.cpu(), time.monotonic()
        work()
        answered = time.monotonic()
        self._api.settled(self._ids["balancer"], end)
        done = time.monotonic()
        cpu = processes.cpu() - cpu
        time.sleep(settle)
        return Measured(name, done - begin, answered - begin, cpu, tuple(self._logs.news()))

    def _make(self, key: str, path: str, kind: str, **values: Any) -> None:
        self._ids[key] = self._api.call("POST", path, {kind: values})[kind]["id"]

    def _create(self) -> None:
        vip = {"vip_subnet_id": self._subnets["public"], "flavor_id": self._flavor}
        self._make("balancer", "loadbalancers", "loadbalancer", name="bench", **vip)

    def _listener(self) -> None:
        values = {"protocol": "HTTP", "protocol_port": 80, "allowed_cidrs": list(CIDRS[0])}
        values["loadbalancer_id"] = self._ids["balancer"]
        self._make("listener", "listeners", "listener", **values)

    def _pool(self) -> None:
        values = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
        self._make("pool", "pools", "pool", listener_id=self._ids["listener"], **values)

    def _cidrs(self) -> None:
        self._turn += 1
        values = {"allowed_cidrs": list(CIDRS[self._turn % 2])}
        self._api.call("PUT", f"listeners/{self._ids['listener']}", {"listener": values})

    def _members(self) -> str:
        return f"pools/{self._ids['pool']}/members"

    def _member(self, number: int) -> None:
        values = {"address": MEMBERS[number], "protocol_port": 8080, "request_sriov": True}
        subnet = self._subnets["members"]
        self._make(f"member{number}", self._members(), "member", subnet_id=subnet, **values)

    def _remove(self, number: int) -> None:
        self._api.call("DELETE", f"{self._members()}/{self._ids[f'member{number}']}")

    def _failover(self) -> None:
        self._api.call("PUT", f"loadbalancers/{self._ids['balancer']}/failover")

    def _delete(self) -> None:
        self._api.call("DELETE", f"loadbalancers/{self._ids['balancer']}?cascade=true")
