"""Brings up Keystone, Neutron and Octavia, from a snapshot where there is one."""

from __future__ import annotations

import shutil
from importlib.metadata import version

from tests.demo import bootstrap as whole
from tests.demo import cloud, schemas, services, snapshot, stores
from tests.demo.processes import Processes
from tests.demo.settings import PORTS
from tests.local import bootstrap, conf
from tests.local.settings import LocalSettings

DATABASES = ("keystone", "neutron", "octavia", "octavia_persistence", "sriov_provider")


class LocalCloud(cloud.Cloud):
    """The services of one run."""

    settings: LocalSettings
    CONTROL_PLANE = "Keystone, Neutron"
    FIRST_CONTENT = "networks"

    def configure(self) -> None:
        """The services' files, with what is known by now."""
        conf.write(self.settings)

    def schemas(self) -> None:
        """Databases with their tables."""
        stores.create_databases(DATABASES)
        schemas.create(self.processes, (schemas.keystone, schemas.neutron, octavia_schema))

    def control_plane(self, warm: bool) -> None:
        """All but Octavia, whose start overlaps with theirs in a warm run."""
        for start in (services.keystone, services.neutron):
            start(self.processes)
        if not warm:
            services.wait(self.processes, "keystone")
            bootstrap.identity(whole.connect(self.settings))
        self.processes.wait_port(PORTS["rabbitmq"])
        if warm:
            self.start_octavia()
        services.wait(self.processes, "keystone", "neutron")

    def first_content(self) -> None:
        """The operator's objects, then the snapshot."""
        bootstrap.content(*(whole.connect(self.settings, name) for name in ("demo", "octavia")))
        self.processes.stop("mariadb")
        for old in self.settings.state.glob("snapshot-*"):
            shutil.rmtree(old)
        snapshot.take(self.settings)
        stores.start_mariadb(self.processes)
        stores.wait_mariadb(self.processes)

    def start_octavia(self) -> None:
        """The API, and the driver-agent with the provider's worker."""
        self.configure()
        services.octavia(self.processes, ())
        schemas.ours(self.processes)
        services.octavia_processes(self.processes, ("driver-agent",))

    def octavia(self) -> None:
        """Octavia and its flavor."""
        if "octavia" not in self.processes.running:
            self.start_octavia()
        services.wait(self.processes, "octavia")
        bootstrap.flavors(whole.connect(self.settings), self.settings)
        self.processes.check()


def octavia_schema(processes: Processes) -> None:
    """Octavia's tables."""
    etc, bin_ = processes.settings.etc, processes.settings.bin
    manage = (bin_ / "octavia-db-manage", "--config-file", etc / "octavia/octavia.conf")
    processes.run("schema-octavia", *manage, "upgrade", "head")
    processes.run("schema-octavia", *manage, "upgrade_persistence")


def describe() -> str:
    """Versions of what runs, for the first lines of a run."""
    return ", ".join(f"{name} {version(name)}" for name in ("keystone", "neutron", "octavia"))
