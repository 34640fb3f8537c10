"""Brings the whole cloud up, from a snapshot where there is one."""

from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any

from tests.demo import bootstrap, certs, conf, schemas, services, snapshot, stores
from tests.demo.processes import Processes, environment
from tests.demo.report import Report, wait_for
from tests.demo.settings import MANAGEMENT_CIDR, MANAGEMENT_IP, PORTS, Settings
from tests.demo.virt import links


class Cloud:
    """The services of one run."""

    CONTROL_PLANE = "Keystone, Placement, Glance, Neutron, Nova"
    FIRST_CONTENT = "networks, images"

    def __init__(self, settings: Settings, report: Report) -> None:
        self.settings, self.report = settings, report
        self.processes = Processes(settings)

    def up(self) -> None:
        """Everything, ready for the first load balancer."""
        shutil.rmtree(self.settings.log, ignore_errors=True)
        self.settings.log.mkdir(parents=True)
        warm = snapshot.restore(self.settings)
        if warm:
            self.report.say("databases and bootstrap come from the snapshot of an earlier run")
        self.configure()
        with self.report.step("MariaDB, RabbitMQ, memcached"):
            self.stores(warm)
        if not warm:
            with self.report.step("database schemas"):
                self.schemas()
        with self.report.step(self.CONTROL_PLANE):
            self.control_plane(warm)
        if not warm:
            with self.report.step(f"{self.FIRST_CONTENT}; snapshot for the next run"):
                self.first_content()
        with self.report.step("Octavia with its providers"):
            self.octavia()

    def configure(self) -> None:
        """The services' files, with what is known by now."""
        conf.write(self.settings)

    def schemas(self) -> None:
        """Databases with their tables."""
        stores.create_databases()
        schemas.create(self.processes)

    def stores(self, warm: bool) -> None:
        """Data stores; a fresh data directory and certificates in the first run."""
        stores.start_rabbitmq(self.processes)
        stores.start_memcached(self.processes)
        if not warm:
            certs.create(self.processes)
            stores.install_mariadb(self.processes)
        stores.start_mariadb(self.processes)
        stores.wait_mariadb(self.processes)
        if not warm:
            self.processes.wait_port(PORTS["rabbitmq"])

    def control_plane(self, warm: bool) -> None:
        """All but Octavia."""
        services.apis(self.processes)
        if not warm:
            services.wait(self.processes, "keystone")
            bootstrap.identity(bootstrap.connect(self.settings))
        self.processes.wait_port(PORTS["rabbitmq"])
        services.workers(self.processes)
        if warm:
            # its start overlaps with the others'
            self.start_octavia()
        services.wait(self.processes, "placement", "glance", "neutron", "nova")

    def first_content(self) -> None:
        """The operator's objects and the compute hosts, then the snapshot."""
        connections = [bootstrap.connect(self.settings, name) for name in ("demo", "octavia")]
        bootstrap.content(*connections)
        wait_for("the compute hosts", self.discovered, seconds=120, pause=1)
        self.processes.stop("mariadb")
        snapshot.take(self.settings)
        stores.start_mariadb(self.processes)
        stores.wait_mariadb(self.processes)

    def discovered(self) -> bool:
        """Maps new compute hosts into the cell; True when all are."""
        conf_file = str(self.settings.etc / "nova/nova.conf")
        manage = [str(self.settings.bin / "nova-manage"), "--config-file", conf_file, "cell_v2"]
        for verb in (["discover_hosts", "--by-service"], ["list_hosts"]):
            done = subprocess.run(
                [*manage, *verb],
                capture_output=True,
                text=True,
                env=environment(self.settings),
                check=False,
            )
        return all(host in done.stdout for host in self.settings.compute_hosts)

    def start_octavia(self) -> None:
        """The controller's address on the management network, then Octavia's processes."""
        ids = conf.identifiers()
        self.configure()
        bridge = links.bridge(ids["management_network"])
        address = f"{MANAGEMENT_IP}/{MANAGEMENT_CIDR.split('/')[1]}"
        links.run("ip", "addr", "replace", address, "dev", bridge)
        schemas.ours(self.processes)
        services.octavia(self.processes)

    def octavia(self) -> None:
        """Octavia and its flavors; Nova and Neutron must see every agent alive."""
        if "octavia" not in self.processes.running:
            self.start_octavia()
        services.wait(self.processes, "octavia")
        admin = bootstrap.connect(self.settings)
        with ThreadPoolExecutor(2) as pool:
            ready = pool.submit(self.agents_alive, admin)
            bootstrap.flavors(admin, self.settings, conf.identifiers()["compute_flavor"])
            ready.result()
        self.processes.check()

    def agents_alive(self, admin: Any) -> None:
        """Waits for nova-compute and the L2 agents of every host."""

        def probe() -> bool:
            self.processes.check()
            hosts = set(self.settings.compute_hosts)
            up = {s.host for s in admin.compute.services(binary="nova-compute") if s.state == "up"}
            kinds = [(a.host, a.agent_type) for a in admin.network.agents() if a.is_alive]
            return hosts <= up and len(kinds) >= 2 * len(hosts)

        wait_for("nova-compute and the L2 agents", probe, seconds=120, pause=0.5)


def describe(settings: Settings) -> str:
    """Versions of what runs, for the first lines of a run."""
    names = ("keystone", "neutron", "nova", "octavia", "openstack-placement", "glance")
    return ", ".join(f"{name} {version(name)}" for name in names)
