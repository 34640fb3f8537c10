"""An os-vif plugin that plugs ports of namespaces and containers into a vRouter.

Its name is ``sriov_vrouter``: ``vrouter`` is the name of the vendor's plugin for Nova's instances.
The device has to be there already. Not tried with a real vRouter.
"""

from __future__ import annotations

from typing import Any

from os_vif import plugin
from os_vif.objects import host_info, vif
from oslo_config import cfg

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.osvif import control

NAME = "sriov_vrouter"
OPTS = [
    cfg.StrOpt(
        "command",
        default="vrouter-port-control",
        help="The command that announces ports to the vRouter's agent.",
    ),
    cfg.StrOpt(
        "port_type",
        default=control.NAMESPACE_PORT,
        choices=[control.NAMESPACE_PORT, control.NOVA_PORT],
        help="What the agent is told that a port is of.",
    ),
    # For vhost-user ports the command waits up to 120 seconds for the agent alone.
    cfg.FloatOpt("timeout", default=180.0, min=1.0, help="Seconds for one call of the command."),
]
_VERSION = "1.0"
_PROFILES = {vif.VIFHostDevice: True, vif.VIFVHostUser: True, vif.VIFGeneric: False}


class VrouterPlugin(plugin.PluginBase):  # type: ignore[misc]
    """See the module. os-vif loads it by its entry point."""

    CONFIG_OPTS = OPTS

    def describe(self) -> Any:
        infos = [_vif_info(cls, profiled) for cls, profiled in _PROFILES.items()]
        return host_info.HostPluginInfo(plugin_name=NAME, vif_info=infos)

    def plug(self, vif: Any, instance_info: Any) -> None:
        """Announce a port.

        :raises ProviderError: UNSUPPORTED for objects of other kinds, and for offloaded ones where
            the installed command does not know them
        """
        command = self._command_for(vif)
        command.run(control.add(vif, instance_info, self.config.port_type))

    def unplug(self, vif: Any, instance_info: Any) -> None:
        """Take a port back; one that was never announced is no error to the agent."""
        self._command_for(vif).run(control.delete(vif))

    def _command_for(self, vif: Any) -> control.Command:
        if type(vif) not in _PROFILES:
            raise _refused(vif, f"there is no way to plug a {type(vif).__name__} into a vRouter")
        command = control.Command(self.config.command, self.config.timeout)
        if control.is_offloaded(vif) and not command.offloads():
            raise _refused(
                vif,
                f"{self.config.command} does not know {control.OFFLOAD_OPTION}, so it "
                "cannot announce offloaded ports; the vendor of the card has one that does",
            )
        return command


def _refused(vif: Any, why: str) -> ProviderError:
    user = "A network port is of a kind that cannot be connected on this host."
    return ProviderError(Code.UNSUPPORTED, user, f"port {vif.id}: {why}")


def _vif_info(cls: Any, profiled: bool) -> Any:
    profile = host_info.HostPortProfileInfo(
        profile_object_name=vif.VIFPortProfileBase.__name__,
        min_version=_VERSION,
        max_version=vif.VIFPortProfileBase.VERSION,
    )
    return host_info.HostVIFInfo(
        vif_object_name=cls.__name__,
        min_version=_VERSION,
        max_version=cls.VERSION,
        supported_port_profiles=[profile] if profiled else [],
    )
