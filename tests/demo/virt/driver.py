"""Nova's virt driver of the demo: Nova's own fake driver, plus VFs, plus namespaces.

The PCI tracker, the PciPassthrough filter, the claim on attach and the port binding are Nova's
and Neutron's own; only the devices themselves are made up.
"""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from nova import context as nova_context
from nova import utils
from nova.compute.resource_tracker import COMPUTE_RESOURCE_SEMAPHORE
from nova.virt import fake, node
from oslo_db.exception import DBError
from oslo_log import log as logging
from oslo_serialization import jsonutils

from tests.demo.settings import GUEST
from tests.demo.virt import guest, hardware, links, server

LOG = logging.getLogger(__name__)
LOOK_SECONDS = 0.3


def written(path: Path) -> int:
    """When a file was written, in nanoseconds; 0 when it is not there."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def addresses(vif: Any) -> list[str]:
    """The addresses of a port with their prefix lengths."""
    return [
        f"{ip['address']}/{subnet['cidr'].split('/')[1]}"
        for subnet in vif["network"]["subnets"]
        for ip in subnet["ips"]
    ]


class NamespaceDriver(fake.FakeDriver):
    """Servers are namespaces."""

    def __init__(self, virtapi: Any, read_only: bool = False) -> None:
        super().__init__(virtapi, read_only)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def init_host(self, host: str) -> None:
        super().init_host(host)
        for uuid, name in server.recover(host):
            self.instances[uuid] = fake.FakeInstance(name, fake.power_state.RUNNING, uuid)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        """Reports other devices as soon as the host's file has changed."""
        control = hardware.CONTROL / f"{self._host}.json"
        seen = written(control)
        while True:
            time.sleep(LOOK_SECONDS)
            if (now := written(control)) == seen:
                continue
            try:
                self._look_again()
            except DBError as error:
                # two hosts at once, and the database lets one of them try again
                LOG.warning("devices: %s", error)
                continue
            control.with_suffix(".seen").write_text(str(now))
            seen = now

    def _look_again(self) -> None:
        """What a restart of nova-compute does about PCI devices: Nova looks for them then only."""
        manager = self.virtapi._compute
        devices = jsonutils.dumps(hardware.devices(self._host))

        @utils.synchronized(COMPUTE_RESOURCE_SEMAPHORE, fair=True)
        def tell() -> None:
            manager.rt.pci_tracker.update_devices_from_hypervisor_resources(devices)

        tell()
        manager.update_available_resource(nova_context.get_admin_context())

    def get_available_resource(self, nodename: str) -> dict[str, Any]:
        resources = super().get_available_resource(nodename)
        # the fake driver draws a new node uuid in every process: keep one
        resources["uuid"] = node.get_local_node_uuid()
        resources["pci_passthrough_devices"] = jsonutils.dumps(hardware.devices(self._host))
        return resources

    def get_nodenames_by_uuid(self, refresh: bool = False) -> dict[str, str]:
        return {node.get_local_node_uuid(): self._nodes[0]}

    def spawn(
        self,
        context: Any,
        instance: Any,
        image_meta: Any,
        injected_files: Any,
        admin_password: Any,
        allocations: Any,
        network_info: Any = None,
        **kwargs: Any,
    ) -> None:
        super().spawn(
            context, instance, image_meta, injected_files, admin_password, allocations,
            network_info, **kwargs,
        )  # fmt: skip
        uuid, name = instance.uuid, instance.name
        # of one that comes from another host with its disk, Nova does not say it
        image = image_meta.name if image_meta.obj_attr_is_set("name") else server.image(uuid)
        guests = image == GUEST
        for path in server.create(uuid, name, self._host, image, injected_files or []):
            LOG.warning("configuration drive: %s is not used", path)
        for index, vif in enumerate(network_info or []):
            interface = server.plug(uuid, vif)
            # the agent of an amphora configures all others
            if index == 0 or guests:
                server.configure(uuid, interface, addresses(vif))
        self.processes[uuid] = (
            guest.boot(uuid, instance.user_data) if guests else server.boot(uuid, name)
        )

    def destroy(
        self, context: Any, instance: Any, network_info: Any, *args: Any, **kw: Any
    ) -> None:
        super().destroy(context, instance, network_info, *args, **kw)
        server.destroy(instance.uuid, self.processes.pop(instance.uuid, None))
        for vif in network_info or []:
            links.unplug(links.host_end(vif["id"]))

    def instance_on_disk(self, instance: Any) -> bool:
        """The hosts share the servers' disks: one that is evacuated keeps its own."""
        return server.directory(instance.uuid).is_dir()

    def power_off(self, instance: Any, timeout: int = 0, retry_interval: int = 0) -> None:
        if instance.uuid in self.instances:
            super().power_off(instance, timeout, retry_interval)

    def attach_interface(self, context: Any, instance: Any, image_meta: Any, vif: Any) -> None:
        super().attach_interface(context, instance, image_meta, vif)
        server.plug(instance.uuid, vif)

    def detach_interface(self, context: Any, instance: Any, vif: Any) -> None:
        # known after a restart of nova-compute too
        self._interfaces.setdefault(vif["id"], vif)
        super().detach_interface(context, instance, vif)
        links.unplug(links.host_end(vif["id"]))
