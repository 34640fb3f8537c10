"""Database schemas, once: later runs start from a copy of the data directory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.demo.processes import Processes
from tests.demo.settings import PASSWORD, REGION, database_url, url


def create(processes: Processes, groups: Sequence[Callable[[Processes], None]] = ()) -> None:
    """Every service's schema; four groups side by side."""
    groups = groups or (keystone, neutron, nova, others)
    with ThreadPoolExecutor(len(groups)) as pool:
        for done in [pool.submit(group, processes) for group in groups]:
            done.result()


def keystone(processes: Processes) -> None:
    """Keystone: schema, keys, the first user and the catalogue entry of Keystone itself."""
    etc, bin_ = processes.settings.etc, processes.settings.bin
    manage = (bin_ / "keystone-manage", "--config-file", etc / "keystone/keystone.conf")
    owner = ("--keystone-user", "root", "--keystone-group", "root")
    log = "schema-keystone"
    processes.run(log, *manage, "db_sync")
    processes.run(log, *manage, "fernet_setup", *owner)
    processes.run(log, *manage, "credential_setup", *owner)
    address = url("keystone", "/v3")
    urls = [f"--bootstrap-{kind}-url={address}" for kind in ("public", "internal", "admin")]
    identity = (f"--bootstrap-password={PASSWORD}", f"--bootstrap-region-id={REGION}")
    processes.run(log, *manage, "bootstrap", *identity, *urls)


def neutron(processes: Processes) -> None:
    """Neutron."""
    etc = processes.settings.etc / "neutron"
    files = ("--config-file", etc / "neutron.conf", "--config-file", etc / "ml2_conf.ini")
    manage = (processes.settings.bin / "neutron-db-manage", *files)
    processes.run("schema-neutron", *manage, "upgrade", "heads")


def nova(processes: Processes) -> None:
    """Nova: API database, cell 0 and the one cell."""
    conf = processes.settings.etc / "nova/nova.conf"
    manage = (processes.settings.bin / "nova-manage", "--config-file", conf)
    cell0 = ("--database_connection", database_url("nova_cell0"))
    processes.run("schema-nova", *manage, "api_db", "sync")
    processes.run("schema-nova", *manage, "cell_v2", "map_cell0", *cell0)
    processes.run("schema-nova", *manage, "db", "sync")
    processes.run("schema-nova", *manage, "cell_v2", "create_cell", "--name", "cell1")
    processes.run("schema-nova", *manage, "db", "sync")


def others(processes: Processes) -> None:
    """Placement, Glance and Octavia."""
    etc, bin_ = processes.settings.etc, processes.settings.bin
    placement = (bin_ / "placement-manage", "--config-file", etc / "placement/placement.conf")
    glance = (bin_ / "glance-manage", "--config-file", etc / "glance/glance-api.conf")
    octavia = (bin_ / "octavia-db-manage", "--config-file", etc / "octavia/octavia.conf")
    processes.run("schema-placement", *placement, "db", "sync")
    processes.run("schema-glance", *glance, "db_sync")
    processes.run("schema-octavia", *octavia, "upgrade", "head")
    processes.run("schema-octavia", *octavia, "upgrade_persistence")


def ours(processes: Processes) -> None:
    """The provider's own tables, in every run: its revisions change while it is developed."""
    if processes.settings.provider != "sriov":
        return
    conf = processes.settings.etc / "octavia/octavia.conf"
    manage = (processes.settings.bin / "sriov-provider", "--config-file", conf)
    processes.run("schema-sriov", *manage, "db", "upgrade")
