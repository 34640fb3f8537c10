"""What Tempest finds through the entry point ``tempest.test_plugins``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tempest import config
from tempest.test_discover import plugins

from sriov_provider.tempest import config as project_config

TOP = Path(__file__).resolve().parents[2]
TESTS = Path(__file__).resolve().parent / "tests"


class SriovProviderTempestPlugin(plugins.TempestPlugin):
    """Tests of load balancers on SR-IOV ports; needs octavia-tempest-plugin beside it."""

    def load_tests(self) -> tuple[str, str]:
        """The directory of the tests and the directory their package names start in."""
        return str(TESTS), str(TOP)

    def register_opts(self, conf: Any) -> None:
        """Adds the group ``[sriov_load_balancer]`` to tempest.conf."""
        config.register_opt_group(conf, project_config.group, project_config.OPTIONS)

    def get_opt_lists(self) -> list[tuple[str, list[Any]]]:
        """For the sample configuration of ``tempest init`` and oslo-config-generator."""
        return [(project_config.group.name, list(project_config.OPTIONS))]

    def get_service_clients(self) -> list[dict[str, Any]]:
        """The one client that octavia-tempest-plugin does not have: members on request."""
        client = {
            "name": "sriov_load_balancer_v2",
            "service_version": "sriov-load-balancer.v2",
            "module_path": "sriov_provider.tempest.services.member_client",
            "client_names": ["MemberClient"],
        }
        # endpoint, region and timeouts are those of octavia-tempest-plugin
        return [{**config.service_client_config("load_balancer"), **client}]
