"""The measurement as it runs within the cloud's namespaces."""

from __future__ import annotations

import dataclasses
import functools
import json
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.bench.calls import __main__ as outside
from tests.bench.calls import processes, table
from tests.bench.calls.life import Api, Life, Measured
from tests.bench.calls.log import Logs
from tests.demo import bootstrap, cloud, conf, rpc_gate
from tests.demo.amphorae import Amphora
from tests.demo.report import Report, wait_for
from tests.demo.settings import IP, PORTS, Settings, from_environment

HONESTY = """\
Two defects of Octavia 19 are repaired in the stock worker's memory (stock_worker.py): without that,
no listener on an SR-IOV VIP can be created. Both workers run alone, one process for the work."""


@dataclasses.dataclass(frozen=True)
class Provider:
    """:ivar topic: where its worker listens
    :ivar image: tag of the image with the agent it needs
    """

    title: str
    topic: str
    image: str
    words: tuple[str, ...]


PROVIDERS = {
    "amphora": Provider("stock", "octavia_provisioning_v2", "amphora-stock", processes.STOCK),
    "sriov": Provider("ours", "octavia_sriov", "amphora", processes.OURS),
}


@dataclasses.dataclass(frozen=True)
class Result:
    """:ivar memory: (processes, RSS, PSS) in MiB at the end"""

    rows: Mapping[str, table.Row]
    memory: tuple[int, int, int]


class Bench:
    """Both providers on one cloud, in turns, so that what else the machine does meets both."""

    def __init__(self, settings: Settings, options: Any) -> None:
        self._settings, self._options = settings, options
        self._exchange = processes.Exchange(settings, options.agents, options.shipped)
        self._report = Report()
        self._names = [options.only] if options.only else list(PROVIDERS)

    def run(self) -> dict[str, Result]:
        """By provider."""
        if not answers(PORTS["octavia"]):
            cloud.Cloud(self._settings, self._report).up()
        with self._report.step("exchange of processes"):
            self._exchange.prepare()
            # not by connecting: a process of the driver-agent would spin on a client that leaves
            wait_for("the driver-agent", processes.SOCKET.exists, seconds=60)
            self._exchange.workers()
            for name in self._names:
                rpc_gate.wait(PROVIDERS[name].topic)
        lives = self._lives()
        found: dict[str, list[Measured]] = {name: [] for name in self._names}
        for run in range(self._options.runs + 1):
            for name in self._names:
                with self._report.step(f"{name}: life {run or 'that does not count'}"):
                    steps = self._told(lives[name]().steps())
                found[name] += steps if run else []
        return {name: self._result(name, lives[name], found[name]) for name in self._names}

    def _lives(self) -> dict[str, Callable[[], Life]]:
        """A new load balancer's, by provider."""
        admin = bootstrap.connect(self._settings)
        subnets = {net: admin.network.find_subnet(net).id for net in ("public", "members")}
        api, logs = Api(admin), Logs(self._settings.log)
        flavors = {name: flavor(admin, name, self._options.topology) for name in self._names}
        silence = functools.partial(mute_one, admin) if self._options.agents else None
        return {
            name: functools.partial(Life, api, logs, flavors[name], subnets, silence)
            for name in self._names
        }

    def _result(self, name: str, life: Callable[[], Life], found: list[Measured]) -> Result:
        if self._options.operations:
            with self._report.step(f"{name}: {self._options.operations} operations"):
                list(life().churn(self._options.operations))
        return Result(table.rows(found), processes.memory(*PROVIDERS[name].words))

    def _told(self, steps: Iterable[Measured]) -> list[Measured]:
        found = []
        for step in steps:
            found.append(step)
            if self._options.calls:
                self._report.say(f"{step.wall:6.2f} s ({step.answer:.2f} s)  {step.operation}")
                for call in step.calls:
                    print(f"            {call}", flush=True)
        return found


def mute_one(admin: Any) -> None:
    """Of the amphorae of the only load balancer."""
    servers = admin.compute.servers(all_projects=True)
    Amphora(min(servers, key=lambda found: str(found.id)), ()).mute()


def answers(port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as sock:
        return sock.connect_ex((IP, port)) == 0


def flavor(admin: Any, provider: str, topology: str) -> str:
    """The id of Octavia's flavor for SR-IOV with this provider."""
    api, name = admin.load_balancer, f"bench-{provider}-{topology}"
    for found in api.flavors(name=name):
        return str(found.id)
    data = {
        "sriov_vip": True,
        "allow_member_sriov": True,
        "compute_flavor": conf.identifiers()["compute_flavor"],
        "amp_image_tag": PROVIDERS[provider].image,
        "loadbalancer_topology": topology,
    }
    profile = api.create_flavor_profile(
        name=name, provider_name=provider, flavor_data=json.dumps(data)
    )
    made = api.create_flavor(name=name, flavor_profile_id=profile.id, is_enabled=True)
    return str(made.id)


def show(results: Mapping[str, Result]) -> None:
    """The table, the memory, and what the table has no room for."""
    rows = {name: result.rows for name, result in results.items()}
    print("\n" + table.text(rows.get("sriov", {}), rows.get("amphora", {})) + "\n")
    for name, result in results.items():
        number, resident, proportional = result.memory
        print(f"{PROVIDERS[name].title} worker: {number} processes, {resident} MiB RSS,"
              f" {proportional} MiB PSS")  # fmt: skip
        print(table.spreads(result.rows) + "\n")


def main(arguments: list[str]) -> int:
    """The exit code; an operation that does not end as it should is an exception."""
    options = outside.parse(arguments)
    print(HONESTY, flush=True)
    show(Bench(from_environment(), options).run())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
