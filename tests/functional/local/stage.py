"""A node of amphorae without a cloud: Neutron on dicts, everything else real."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from sriov_provider import config_local
from sriov_provider.amphora import client, octavia_config, octavia_rest
from sriov_provider.amphora.base import Endpoint, FirewallState, NetworkPlug, VipPlug
from sriov_provider.compute.base import Server, ServerSpec
from sriov_provider.compute.local import assembly, driver
from sriov_provider.compute.local.node import Node
from sriov_provider.network.base import Subnet
from sriov_provider.portdriver.base import Settings
from sriov_provider.portdriver.host import HostPorts
from tests.fakes.neutron_rest import NeutronRest
from tests.functional.local import CGROUP

MANAGEMENT, PUBLIC, MEMBERS = "management", "public", "members"
CIDRS = {MANAGEMENT: "198.18.0.0/20", PUBLIC: "198.18.16.0/20", MEMBERS: "198.18.32.0/20"}
VIP = "198.18.16.5"
_CONF = """\
[certificates]
cert_generator = local_cert_generator
ca_certificate = {place}/ca.pem
ca_private_key = {place}/ca.key
signing_digest = sha256
[controller_worker]
client_ca = {place}/ca.pem
[haproxy_amphora]
client_cert = {place}/client.pem
server_ca = {place}/ca.pem
[health_manager]
controller_ip_port_list = 198.18.0.1:5555
heartbeat_key = heartbeat
heartbeat_interval = 3
"""


class Stage:
    """:param place: an empty directory"""

    def __init__(self, place: Path | None = None) -> None:
        self.place = place or Path(tempfile.mkdtemp())
        self.neutron = NeutronRest()
        for vlan, (name, cidr) in enumerate(CIDRS.items(), 100):
            self.neutron.network(name, cidr, vlan=vlan)
        leg = self.neutron.port(MANAGEMENT)
        _certificates(self.place)
        conf = self.place / "octavia.conf"
        conf.write_text(_CONF.format(place=self.place))
        octavia_config.init([str(conf)])
        self.settings = config_local.Local(
            state_path=self.place / "state",
            flavors={"small": config_local.Limits(512, 1.0, 200)},
            cgroup=CGROUP,
            management_port=leg,
            bind_ports=True,
            host="here",
        )
        self.wires = HostPorts(Settings(state_path=self.place / "ports", standin=True))
        # Of clients and members: no business of the node.
        self.others = HostPorts(Settings(state_path=self.place / "others", standin=True))
        self.builder = octavia_config.OctaviaAmphoraBuilder()
        self.agents = client.AgentClient(octavia_rest.Agents(), octavia_config.Templates())
        self.compute = self.worker()

    def worker(self) -> driver.LocalCompute:
        """What a worker that starts anew has."""
        compute = driver.LocalCompute(None, Any, self.settings)
        compute.__dict__["_node"] = self.node()
        return compute

    def node(self) -> Node:
        made = assembly.made(self.settings, Any, self.wires)
        made._ports._neutron = self.neutron
        return made

    def boot(self, amphora_id: str, *port_ids: str) -> Server:
        files, _, _ = self.builder.boot_files(amphora_id, "SINGLE")
        spec = ServerSpec(
            name=f"amphora-{amphora_id}",
            flavor="small",
            image_id="local:1",
            networks=(MANAGEMENT,),
            port_ids=port_ids,
            files=files,
            owner="octavia-sriov:lb",
        )
        return self.compute.create_server(spec)

    def endpoint(self, amphora_id: str, server: Server) -> Endpoint:
        address = self.compute.management_ip(server.id, MANAGEMENT)
        assert address
        return Endpoint(amphora_id, address)

    def subnet(self, network: str) -> Subnet:
        return Subnet(f"{network}-4", network, CIDRS[network])

    def vip(self, port_id: str) -> VipPlug:
        port = self.neutron.ports[port_id]
        address = port["fixed_ips"][0]["ip_address"]
        return VipPlug(VIP, self.subnet(PUBLIC), port["mac_address"], 1500, address)

    def member(self, port_id: str) -> NetworkPlug:
        port = self.neutron.ports[port_id]
        address = port["fixed_ips"][0]["ip_address"]
        return NetworkPlug(port["mac_address"], 1500, ((address, self.subnet(MEMBERS)),))

    def firewall(self, endpoint: Endpoint) -> FirewallState:
        return self.agents.firewall(endpoint)


def _certificates(place: Path) -> None:
    """One authority for both sides, and the controller's certificate."""
    openssl = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-sha256")
    ca = ("-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority")
    # Python 3.13 wants to be told what the key is for.
    usage = "keyUsage=critical,keyCertSign,cRLSign"
    more = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", usage)
    _run(place, *openssl, *ca, *more)
    request = ("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=controller")
    _run(place, *request, "-keyout", "client.key", "-out", "client.csr")
    sign = ("openssl", "x509", "-req", "-in", "client.csr", "-CA", "ca.pem", "-CAkey", "ca.key")
    _run(place, *sign, "-CAcreateserial", "-days", "2", "-sha256", "-out", "client.crt")
    pair = (place / "client.crt").read_text() + (place / "client.key").read_text()
    (place / "client.pem").write_text(pair)


def _run(place: Path, *command: str) -> None:
    subprocess.run(command, cwd=place, check=True, capture_output=True)
