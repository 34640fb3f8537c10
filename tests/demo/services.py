"""The services of the cloud and the order in which they start."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.demo import trouble
from tests.demo.processes import Processes
from tests.demo.settings import PORTS, ROOT, url

HERE = Path(__file__).resolve().parent


def api(processes: Processes, name: str, module: str, *arguments: str, **env: str) -> None:
    """A WSGI application on its port."""
    python = processes.settings.bin / "python"
    serve = (python, HERE / "serve.py", str(PORTS[name]), module)
    processes.start(name, *serve, *arguments, DEMO_FAULTS=str(trouble.rules(name)), **env)


def keystone(processes: Processes) -> None:
    """Keystone's API."""
    etc = processes.settings.etc
    api(processes, "keystone", "keystone.wsgi.api", OS_KEYSTONE_CONFIG_DIR=f"{etc}/keystone")


def neutron(processes: Processes) -> None:
    """Neutron's API."""
    etc = processes.settings.etc
    files = f"{etc}/neutron/neutron.conf;{etc}/neutron/ml2_conf.ini"
    more = {"OS_NEUTRON_CONFIG_DIR": f"{etc}/neutron", "OS_NEUTRON_CONFIG_FILES": files}
    api(processes, "neutron", "neutron.wsgi.api", **more)


def apis(processes: Processes) -> None:
    """Every API but Octavia's, which needs ids of objects of the others."""
    etc = processes.settings.etc
    keystone(processes)
    neutron(processes)
    api(processes, "nova", "nova.wsgi.osapi_compute", OS_NOVA_CONFIG_DIR=f"{etc}/nova")
    api(processes, "placement", "placement.wsgi.api", OS_PLACEMENT_CONFIG_DIR=f"{etc}/placement")
    api(processes, "glance", "glance.wsgi.api", OS_GLANCE_CONFIG_DIR=f"{etc}/glance")


def workers(processes: Processes) -> None:
    """The processes behind Nova and Neutron, and what stands in for the L2 agents."""
    settings = processes.settings
    etc, bin_ = settings.etc, settings.bin
    neutron = ("--config-file", etc / "neutron/neutron.conf", "--config-file")
    neutron = (*neutron, etc / "neutron/ml2_conf.ini")
    nova = ("--config-file", etc / "nova/nova.conf")
    processes.start("neutron-rpc", bin_ / "neutron-rpc-server", *neutron)
    for name in ("nova-conductor", "nova-scheduler"):
        log = ("--log-file", settings.log / f"{name}-app.log")
        processes.start(name, bin_ / name, *nova, *log)
    for host in settings.compute_hosts:
        processes.start(
            f"nova-{host}",
            *(bin_ / "python", "-m", "tests.demo.virt.compute"),
            *("--config-file", etc / f"nova/{host}.conf"),
            PYTHONPATH=str(ROOT),
            DEMO_LOG=str(settings.log),
        )
    hosts = ",".join(settings.compute_hosts)
    agents = (bin_ / "python", "-m", "tests.demo.l2_agents", hosts)
    processes.start("l2-agents", *agents, *neutron, PYTHONPATH=str(ROOT))


def octavia(
    processes: Processes, names: Sequence[str] = ("worker", "driver-agent", "health-manager")
) -> None:
    """Octavia: the installed commands, unchanged."""
    settings = processes.settings
    conf = ("--config-file", str(settings.etc / "octavia/octavia.conf"))
    log = ("--log-file", str(settings.log / "octavia-app.log"))
    api(processes, "octavia", "octavia.wsgi.api", *conf, *log)
    octavia_processes(processes, names)


def octavia_processes(processes: Processes, names: Sequence[str]) -> None:
    """What is behind Octavia's API."""
    settings = processes.settings
    conf = ("--config-file", str(settings.etc / "octavia/octavia.conf"))
    stock = ("--config-file", settings.etc / "octavia/stock-health.conf")
    for name in names:
        command = f"octavia-{name}"
        log = ("--log-file", settings.log / f"{command}-app.log")
        more = stock if name == "health-manager" else ()
        processes.start(command, settings.bin / command, *conf, *more, *log)


def wait(processes: Processes, *names: str) -> None:
    """Until the named APIs answer."""
    for name in names:
        processes.wait_http(url(name, "/v3" if name == "keystone" else "/"))
