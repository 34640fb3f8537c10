"""The stock agent's own application behind mutual TLS, with what belongs to a machine taken out:
systemd, the namespace's interfaces, package versions."""

from __future__ import annotations

import contextlib
import dataclasses
import queue
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from octavia.amphorae.backends.agent.api_server import amphora_info, plug, server, util
from octavia.common import constants
from oslo_config.fixture import Config
from werkzeug.serving import WSGIRequestHandler, make_server


@dataclasses.dataclass
class Machine:
    """:ivar units: what systemd was asked for, ``verb unit``"""

    root: Path
    port: int = 0
    units: list[str] = dataclasses.field(default_factory=list)

    def systemctl(self, command: str, service: str, raise_error: bool = True) -> None:
        self.units.append(f"{command} {service}")


class Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def prepare(root: Path, settings: Config, patch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(root)
    for name in ("systemd", "network"):
        (root / name).mkdir()
    group = root / "group.conf"
    group.write_text("")
    settings.config(group="haproxy_amphora", base_path=str(root), base_cert_dir=f"{root}/certs")
    settings.config(group="amphora_agent", agent_server_network_dir=f"{root}/network")
    patch.setattr(constants, "SYSTEMD_DIR", f"{root}/systemd")
    patch.setattr(constants, "HAPROXY_USER_GROUP_CFG", str(group))
    patch.setattr(util, "run_systemctl_command", machine.systemctl)
    patch.setattr(util, "send_vip_advertisements", lambda *args, **kwargs: None)
    patch.setattr(plug.Plug, "plug_lo", lambda self: None)
    patch.setattr(amphora_info.AmphoraInfo, "_get_networks", lambda self: {})
    # haproxy's TLS session cache is sized by it; a large machine takes seconds to allocate that.
    small = dict.fromkeys(("MemTotal", "MemFree", "Buffers", "Cached"), 100_000)
    small.update(dict.fromkeys(("SwapCached", "Shmem", "Slab"), 0))
    patch.setattr(amphora_info.AmphoraInfo, "_get_meminfo", lambda self: small)
    patch.setattr(
        amphora_info.AmphoraInfo, "_get_version_of_installed_package", lambda self, name: "2.6.12\n"
    )
    return machine


@contextlib.contextmanager
def serving(
    machine: Machine,
    server_pem: str,
    client_ca: str,
    extend: Callable[[Any, Path], object] = lambda app, root: None,
) -> Iterator[Machine]:
    """:param extend: is given the application, and the directory of its files"""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_pem)
    context.load_verify_locations(client_ca)
    context.verify_mode = ssl.CERT_REQUIRED
    app = server.Server(queue.Queue()).app
    extend(app, machine.root)
    web = make_server("127.0.0.1", 0, app, request_handler=Quiet, ssl_context=context)
    machine.port = web.port
    thread = threading.Thread(target=web.serve_forever, daemon=True)
    thread.start()
    try:
        yield machine
    finally:
        web.shutdown()
        web.server_close()
        thread.join()
