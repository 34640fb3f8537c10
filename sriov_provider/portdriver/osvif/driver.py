"""A port driver for ports of a virtual switch: a pair of interfaces, one end plugged by os-vif.

For ports of kind ``normal`` on hosts of Open vSwitch and vRouter. VFs are not its business.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from os_vif.objects import base as osvif_base
from os_vif.objects import vif as osvif

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.base import OSVIF, Settings
from sriov_provider.portdriver.claims import BOUND, OSVIF_PREFIX, TAKEN, Claim
from sriov_provider.portdriver.driver import Driver
from sriov_provider.portdriver.kernel import USER, Change, Link
from sriov_provider.portdriver.machine import Machine
from sriov_provider.portdriver.namespaces import by_name, outside_name
from sriov_provider.portdriver.osvif import objects, plugging
from sriov_provider.portdriver.wish import Wish

_PAIRED = (osvif.VIFOpenVSwitch, osvif.VIFBridge, osvif.VIFGeneric)

Json = Mapping[str, Any]


class Plugs(Protocol):
    """Of :mod:`sriov_provider.portdriver.osvif.plugging`."""

    def plug(self, vif: Any, instance: Any) -> None: ...

    def unplug(self, vif: Any, instance: Any) -> None: ...


class SwitchDriver(Driver):
    """A claim's device is the name of the end that stays on the host, and is plugged.

    What os-vif was told stays with the claim: to take the port back nobody has to be asked.
    """

    name = OSVIF
    bindings = ("veth",)

    def __init__(
        self,
        settings: Settings | None = None,
        host: Machine | None = None,
        plugs: Plugs = plugging,
    ) -> None:
        super().__init__(settings, host)
        self._plugs = plugs

    def bind(self, wish: Wish, claim: Claim | None) -> Claim:
        vif, instance = pluggable(wish)
        claim = self._take(wish, claim, vif, instance)
        self._pair(claim)
        outer = self._existing(claim.device)
        self._links.change(outer.index, Change(mtu=wish.mtu, up=wish.up))
        inner = self.on_host(claim)
        if inner is not None:
            self._links.change(inner.index, Change(mac=wish.mac, mtu=wish.mtu))
        self._plugs.plug(vif, instance)
        if isinstance(vif, osvif.VIFBridge):
            # Where the switch is behind a bridge of the port's own, os-vif has made that bridge.
            bridge = self._existing(vif.bridge_name)
            self._links.change(outer.index, Change(master=bridge.index))
        if claim.phase == TAKEN:
            claim = self._claims.write(dataclasses.replace(claim, phase=BOUND))
        return claim

    def free(self, claim: Claim) -> None:
        told = claim.plug or {}
        if told:
            self._plugs.unplug(_object(told["vif"]), _object(told["instance"]))
        self._links.delete(claim.device)
        self._claims.remove(claim.device)

    def on_host(self, claim: Claim) -> Link | None:
        named = (inner_name(claim.device), outside_name(claim.mac))
        return next((link for link in self._links.all() if link.name in named), None)

    def present(self, claim: Claim) -> bool:
        return by_name(self._links, claim.device) is not None

    def foreign(self) -> tuple[str, ...]:
        """Others have such names too: Neutron's DHCP agent for one."""
        return ()

    def mend(self, device: str) -> None:
        """What the switch knows of it stays: nobody can tell any more which switch."""
        names = {link.name for link in self._links.all()}
        if device in names and inner_name(device) not in names:
            return  # somebody has the other end
        self._links.delete(device)
        self._claims.remove(device)

    def _take(self, wish: Wish, claim: Claim | None, vif: Any, instance: Any) -> Claim:
        told = {"vif": vif.obj_to_primitive(), "instance": instance.obj_to_primitive()}
        boot = self._machine.boot
        if claim is None or claim.boot != boot:
            claim = Claim(wish.port_id, wish.mac, vif.vif_name, OSVIF, boot=boot)
        return self._claims.write(dataclasses.replace(claim, segment=wish.segment, plug=told))

    def _pair(self, claim: Claim) -> None:
        if self.present(claim):
            if self.on_host(claim) is not None or self.inside(claim):
                return
            # Its namespace has ended, and the kernel has not yet come round to it.
            self._links.delete(claim.device)
        self._links.add_pair(claim.device, inner_name(claim.device))

    def _existing(self, name: str) -> Link:
        found = by_name(self._links, name)
        if found is None:
            text = f"interface {name} was taken away while it was set up"
            raise ProviderError(Code.INTERNAL, USER, text, retriable=True)
        return found


def inner_name(device: str) -> str:
    """Of the other end, as long as it is on the host."""
    return "amp" + device.removeprefix(OSVIF_PREFIX)


def pluggable(wish: Wish) -> tuple[Any, Any]:
    """The os-vif objects of a port and of what it is plugged into.

    :raises ProviderError: UNSUPPORTED for a port that a pair of interfaces cannot be
    """
    port, network, subnets = _told(wish)
    vif = objects.to_osvif(port, network, subnets, None)
    if not isinstance(vif, _PAIRED):
        kinds = f"vif_type {port.get('binding:vif_type')}, {port.get('binding:vnic_type')}"
        message = f"port {port['id']} ({kinds}) is no port of a switch for a pair of interfaces"
        raise ProviderError(Code.UNSUPPORTED, USER, message)
    return plugging.for_namespace(vif), _instance(port)


def _told(wish: Wish) -> tuple[Json, Json | None, Sequence[Json]]:
    assert wish.told is not None, "made of Neutron's objects"
    return wish.told


def _object(primitive: Any) -> Any:
    return osvif_base.VersionedObject.obj_from_primitive(primitive)


def _instance(port: Json) -> Any:
    """Whom the switch is told that the port is of; an engine's endpoint has no UUID."""
    owner = port.get("device_id") or port["id"]
    project = port.get("project_id") or port.get("tenant_id")
    return objects.instance(owner if _is_uuid(owner) else port["id"], owner, project)


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
