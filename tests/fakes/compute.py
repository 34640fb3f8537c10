"""The compute half of the in-memory cloud."""

from __future__ import annotations

from sriov_provider import cloud_errors
from sriov_provider.compute import binding
from sriov_provider.compute.base import ReadBack, Server, ServerSpec
from sriov_provider.network.base import FixedIp, Port, PortSpec
from sriov_provider.vnic import VF_KINDS
from tests.fakes import errors
from tests.fakes.faults import verb
from tests.fakes.state import ServerGroupRow, ServerRow, State, new_id


class FakeCompute(State):
    """Implements :class:`~sriov_provider.compute.base.Compute`."""

    def start(self) -> None:
        """No call to anybody, so no verb to fail; as :meth:`read_back`."""

    def read_back(self, port: Port, server_host: str | None) -> ReadBack:
        return binding.as_bound(port, server_host)

    @verb
    def image_id(self, tag: str, owner: str | None) -> str:
        if (tag, owner) not in self.images:
            raise cloud_errors.not_found(f"no active image tagged {tag} of owner {owner}")
        return self.images[tag, owner]

    @verb
    def check_flavor(self, flavor: str) -> None:
        if flavor not in self.flavors:
            raise cloud_errors.not_found(f"Flavor {flavor} could not be found")

    @verb
    def ensure_server_group(self, name: str, policy: str) -> str:
        for group in self.server_groups.values():
            if group.name == name:
                return group.id
        group = ServerGroupRow(new_id(), name, policy)
        self.server_groups[group.id] = group
        return group.id

    @verb
    def delete_server_group(self, group_id: str) -> None:
        self.server_groups.pop(group_id, None)

    @verb
    def create_server(self, spec: ServerSpec) -> Server:
        """Nova would boot a second server of the same name: so does this."""
        self._check_ports(spec)
        host = self._schedule(spec)
        row = ServerRow(new_id(), spec, "BUILD", host or "", self.boot_reads)
        self.servers[row.id] = row
        if host is None:
            row.status, row.fault = "ERROR", "No valid host was found. "
        else:
            self._plug_at_boot(row)
        return _server(row)

    @verb
    def find_server(self, name: str) -> Server | None:
        for row in tuple(self.servers.values()):
            if row.spec.name == name:
                return self._read(row)
        return None

    @verb
    def get_server(self, server_id: str) -> Server | None:
        row = self.servers.get(server_id)
        return self._read(row) if row else None

    @verb
    def has_server(self, server_id: str) -> bool:
        row = self.servers.get(server_id)
        return row is not None and self._read(row) is not None

    @verb
    def delete_server(self, server_id: str) -> None:
        row = self.servers.get(server_id)
        if row is None:
            return
        row.deleting, row.reads_left = True, self.delete_reads
        if not self.delete_reads:
            self._drop_server(row)

    @verb
    def management_ip(self, server_id: str, network_id: str) -> str | None:
        row = self.servers.get(server_id)
        if row is None:
            raise cloud_errors.not_found(f"Instance {server_id} could not be found")
        for port in self.port_rows.values():
            if (port.device_id, port.network_id) == (server_id, network_id) and port.fixed_ips:
                return port.fixed_ips[0].address
        return None

    @verb
    def attach_port(self, server_id: str, port_id: str) -> None:
        row = self.servers.get(server_id)
        if row is None:
            raise cloud_errors.not_found(f"Instance {server_id} could not be found")
        if port_id not in self.port_rows:
            raise cloud_errors.not_found(f"Port id {port_id} could not be found")
        holder = self.port_rows[port_id].device_id
        if holder == server_id:
            self._claim_again(port_id)
            return
        if holder:
            raise errors.port_busy(port_id)
        self._bind(port_id, row)

    @verb
    def detach_port(self, server_id: str, port_id: str) -> None:
        if server_id in self.servers and self.servers[server_id].status == "BUILD":
            raise errors.conflict()
        port = self.port_rows.get(port_id)
        if port and port.device_id == server_id and port.vif_type != "binding_failed":
            self._unbind(port_id)

    def _check_ports(self, spec: ServerSpec) -> None:
        for port_id in spec.port_ids:
            if port_id not in self.port_rows:
                raise cloud_errors.not_found(f"Port {port_id} could not be found")
            if self.port_rows[port_id].device_id:
                raise errors.port_busy(port_id)

    def _schedule(self, spec: ServerSpec) -> str | None:
        """The first host with enough VFs that the server group allows; hosts in turn."""
        needed = sum(self.port_rows[p].vnic_type in VF_KINDS for p in spec.port_ids)
        load = {name: sum(s.host == name for s in self.servers.values()) for name in self.hosts}
        for name in sorted(self.hosts, key=lambda n: load[n]):
            host = self.hosts[name]
            room = host.enabled and len(host.free_vfs) >= needed
            if room and self._group_allows(spec, name):
                return name
        return None

    def _group_allows(self, spec: ServerSpec, host: str) -> bool:
        group = self.server_groups.get(spec.server_group_id or "")
        if group is None or group.policy != "anti-affinity":
            return True
        return not any(
            s.host == host and s.spec.server_group_id == group.id for s in self.servers.values()
        )

    def _plug_at_boot(self, row: ServerRow) -> None:
        for network_id in row.spec.networks:
            subnets = tuple(s for s in self.subnets.values() if s.network_id == network_id)[:1]
            ips = tuple(FixedIp(s.id, self._free_address(s)) for s in subnets)
            spec = PortSpec("", f"nova:{row.id}", network_id, (), "normal")
            self._bind(self._add_port(spec, new_id(), ips).id, row)
        for port_id in row.spec.port_ids:
            self._bind(port_id, row)

    def _read(self, row: ServerRow) -> Server | None:
        """Each read moves a boot or a delete one step on."""
        if row.reads_left:
            row.reads_left -= 1
        elif row.deleting:
            self._drop_server(row)
            return None
        elif row.status == "BUILD":
            row.status = "ACTIVE"
        return _server(row)

    def _drop_server(self, row: ServerRow) -> None:
        """Ports that Nova made go with the server; ports it was given are only unbound."""
        del self.servers[row.id]
        for port in tuple(self.port_rows.values()):
            if port.device_id == row.id:
                self._unbind(port.id)
                if self.owners[port.id] == f"nova:{row.id}":
                    del self.port_rows[port.id], self.owners[port.id]


def _server(row: ServerRow) -> Server:
    return Server(row.id, row.spec.name, row.status, row.host or None, row.fault, row.spec.image_id)
