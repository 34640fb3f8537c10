"""What an in-memory cloud holds: networks, hosts with VFs, servers, ports, groups."""

from __future__ import annotations

import dataclasses
import ipaddress
import itertools
import uuid
from collections.abc import Iterator

from sriov_provider.compute.base import ServerSpec
from sriov_provider.network.base import FixedIp, GroupRule, Network, Port, PortSpec, Subnet
from sriov_provider.vnic import VF_KINDS
from tests.fakes import errors
from tests.fakes.faults import Faults


@dataclasses.dataclass
class Host:
    """:ivar offloads: a ``direct`` port becomes a switchdev VF that Neutron filters
    :ivar binds: False while its SR-IOV agent is dead
    :ivar enabled: False while Nova places nothing there
    """

    name: str
    free_vfs: list[str]
    offloads: bool = False
    binds: bool = True
    enabled: bool = True


@dataclasses.dataclass
class ServerRow:
    """:ivar reads_left: reads of the server until a boot or a delete has come to its end"""

    id: str
    spec: ServerSpec
    status: str
    host: str
    reads_left: int
    fault: str | None = None
    deleting: bool = False


@dataclasses.dataclass
class GroupRow:
    id: str
    name: str
    owner: str
    rules: tuple[GroupRule, ...] = ()


@dataclasses.dataclass
class ServerGroupRow:
    id: str
    name: str
    policy: str


def new_id() -> str:
    return str(uuid.uuid4())


class State(Faults):
    """The data, and how a test sets it up.

    :ivar images: (tag, owner) -> image id
    :ivar boot_reads: reads until a new server is ACTIVE
    :ivar delete_reads: reads until a deleted server is gone
    :ivar outside_pools: addresses in use on each subnet that are not of its allocation pools
    :ivar seeded: ids of what the test put there itself; never counted as left over
    """

    def __init__(self, hosts: int = 2, vfs: int = 4) -> None:
        super().__init__()
        self.hosts = {name: _host(i, vfs) for i in range(hosts) for name in (f"host-{i}",)}
        self.networks: dict[str, Network] = {}
        self.subnets: dict[str, Subnet] = {}
        self.port_rows: dict[str, Port] = {}
        self.lost_vfs: list[str] = []
        self.owners: dict[str, str] = {}
        self.groups: dict[str, GroupRow] = {}
        self.servers: dict[str, ServerRow] = {}
        self.server_groups: dict[str, ServerGroupRow] = {}
        self.images: dict[tuple[str, str | None], str] = {("amphora", None): "image-1"}
        self.flavors = {"1", "m1.amphora"}
        self.boot_reads = 0
        self.delete_reads = 0
        self.outside_pools = 0
        self.seeded: set[str] = set()
        self._macs = itertools.count(1)

    def add_network(self, network_id: str, *, physical: str | None = "physnet1") -> Network:
        """A VLAN network on a physical network, or (None) a tunnelled one."""
        kind = "vlan" if physical else "vxlan"
        network = Network(network_id, network_id, 1500, True, physical, kind)
        self.networks[network_id] = network
        return network

    def add_subnet(
        self, subnet_id: str, network_id: str, cidr: str, gateway: str | None = None
    ) -> Subnet:
        """A subnet; its network is made when there is none yet."""
        if network_id not in self.networks:
            self.add_network(network_id)
        version = ipaddress.ip_network(cidr).version
        subnet = Subnet(subnet_id, network_id, cidr, gateway, version)
        self.subnets[subnet_id] = subnet
        return subnet

    def add_port(self, port_id: str, subnet_id: str, address: str | None = None) -> Port:
        """A port that is not ours, for example Octavia's VIP port: never left over."""
        subnet = self.subnets[subnet_id]
        spec = PortSpec(port_id, "", subnet.network_id, (), "normal")
        ips = (FixedIp(subnet_id, address or self._free_address(subnet)),)
        self.seeded.add(port_id)
        return self._add_port(spec, port_id, ips)

    def left_over(self) -> tuple[str, ...]:
        """Everything that is ours and still there, as readable lines."""
        with self.lock:
            return tuple(sorted(self._left_over()))

    def claimed_vfs(self) -> dict[str, str]:
        """PCI slot (with its host) -> port that holds it."""
        return {f"{p.host} {p.pci_slot}": p.id for p in self.port_rows.values() if p.pci_slot}

    def _left_over(self) -> Iterator[str]:
        yield from (f"server {s.spec.name}" for s in self.servers.values())
        yield from (
            f"port {p.name} ({p.id})" for p in self.port_rows.values() if p.id not in self.seeded
        )
        yield from (f"security group {g.name}" for g in self.groups.values())
        yield from (f"server group {g.name}" for g in self.server_groups.values())
        yield from (f"VF {slot} held by {port}" for slot, port in self.claimed_vfs().items())
        yield from (f"VF {slot} lost to a second attach" for slot in self.lost_vfs)

    def _add_port(self, spec: PortSpec, port_id: str, ips: tuple[FixedIp, ...]) -> Port:
        port = Port(
            id=port_id,
            name=spec.name,
            network_id=spec.network_id,
            mac=f"fa:16:3e:00:{(n := next(self._macs)) >> 8:02x}:{n & 255:02x}",
            fixed_ips=ips,
            vnic_type=spec.vnic_type,
            vif_type="unbound",
            port_security=self.networks[spec.network_id].port_security,
            security_groups=spec.security_groups,
            allowed_addresses=spec.allowed_addresses,
            qos_policy_id=spec.qos_policy_id,
        )
        self.port_rows[port_id] = port
        self.owners[port_id] = spec.owner
        return port

    def _free_address(self, subnet: Subnet) -> str:
        taken = {ip.address for p in self.port_rows.values() for ip in p.fixed_ips}
        taken.add(subnet.gateway or "")
        for address in ipaddress.ip_network(subnet.cidr).hosts():
            if str(address) not in taken:
                return str(address)
        raise errors.no_address(f"subnet {subnet.id}")

    def _put_port(self, port_id: str, **changes: object) -> Port:
        port = dataclasses.replace(self.port_rows[port_id], **changes)  # type: ignore[arg-type]
        self.port_rows[port_id] = port
        return port

    def _bind(self, port_id: str, server: ServerRow) -> None:
        """What Nova and Neutron do at an attach: claim a VF, bind, fill in the profile."""
        port, host = self.port_rows[port_id], self.hosts[server.host]
        slot = None
        if port.vnic_type in VF_KINDS:
            if not host.free_vfs:
                raise errors.no_vf(host.name)
            slot = host.free_vfs.pop(0)
            if not host.binds:
                # Nova leaves port and VF as they are then, and detaches neither
                self._put_port(
                    port_id,
                    device_id=server.id,
                    host=host.name,
                    vif_type="binding_failed",
                    pci_slot=slot,
                )
                raise errors.binding_failed()
        neutron_filters = slot is None or host.offloads
        self._put_port(
            port_id,
            device_id=server.id,
            host=host.name,
            vif_type="ovs" if neutron_filters else "hw_veb",
            port_filter=neutron_filters,
            pci_slot=slot,
            status="ACTIVE",
        )

    def _claim_again(self, port_id: str) -> None:
        """Nova claims a VF before it finds the port in use, and never gives it back once something
        else has been attached."""
        port = self.port_rows[port_id]
        if port.vnic_type in VF_KINDS and (free := self.hosts[port.host].free_vfs):
            self.lost_vfs.append(f"{port.host} {free.pop(0)}")

    def _unbind(self, port_id: str) -> None:
        port = self.port_rows[port_id]
        if port.pci_slot:
            self.hosts[port.host].free_vfs.append(port.pci_slot)
        self._put_port(
            port_id,
            device_id="",
            host="",
            vif_type="unbound",
            port_filter=None,
            pci_slot=None,
            status="DOWN",
        )


def _host(index: int, vfs: int) -> Host:
    return Host(f"host-{index}", [f"0000:{0x81 + index:02x}:00.{n}" for n in range(1, vfs + 1)])
