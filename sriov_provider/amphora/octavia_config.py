"""Octavia's templates and certificate generator (one of the modules that import octavia)."""

from __future__ import annotations

import base64
import datetime
import hmac
import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from octavia.amphorae.backends.agent import agent_jinja_cfg
from octavia.common import config as octavia_conf
from octavia.common import constants, data_models, exceptions
from octavia.common.jinja import user_data_jinja_cfg
from octavia.common.jinja.haproxy.combined_listeners import jinja_cfg as haproxy_jinja
from octavia.common.jinja.logging import logging_jinja_cfg
from octavia.common.jinja.lvs import jinja_cfg as lvs_jinja
from oslo_config import cfg
from stevedore import driver as stevedore_driver

from sriov_provider import tree
from sriov_provider.amphora import certificates, model
from sriov_provider.amphora.base import VipPlug
from sriov_provider.errors import Code, ProviderError

AGENT_CONF = "/etc/octavia/amphora-agent.conf"
RSYSLOG_CONF = "/etc/rsyslog.d/10-rsyslog.conf"
SERVER_PEM = "/etc/octavia/certs/server.pem"
CLIENT_CA = "/etc/octavia/certs/client_ca.pem"

# The hop limit that tells a peer that the packet comes from the same network; rules ask for it.
_NEXT_DOOR = 255

_init_lock = threading.Lock()


def init(config_files: Sequence[str]) -> None:
    """Let octavia read its settings, unless this process has done so already.

    In the driver-agent it has; a stand-alone worker has not.

    :param config_files: configuration files and directories
    """
    with _init_lock:
        if _initialised():
            return
        directories = [f for f in config_files if Path(f).is_dir()]
        files = [f for f in config_files if f not in directories]
        octavia_conf.init([], default_config_files=files, default_config_dirs=directories)


def _initialised() -> bool:
    try:
        # Registered by the call that parses the command line and the files.
        return cfg.CONF.config_file is not None
    except cfg.NoSuchOptError:
        return False


class OctaviaAmphoraBuilder:
    """Implements :class:`sriov_provider.amphora.base.AmphoraBuilder`."""

    def __init__(self, controllers: Sequence[str] = ()) -> None:
        """:param controllers: ``ADDRESS:PORT`` of who hears heartbeats; by default whom
        ``[health_manager]`` names
        """
        self._controllers = tuple(controllers)

    def boot_files(
        self, amphora_id: str, topology: str
    ) -> tuple[Mapping[str, str], str | None, Any]:
        """See the contract. With ``[controller_worker] user_data_config_drive`` the files travel
        in the user data (cloud-init writes them) and the mapping is empty.

        :raises ProviderError: CERTIFICATE or CONFIGURATION
        """
        _check_volume_driver()
        certificate, key = _server_certificate(amphora_id)
        logging = logging_jinja_cfg.LoggingJinjaTemplater(
            cfg.CONF.amphora_agent.logging_template_override
        )
        files = {
            SERVER_PEM: (certificate + key).decode(),
            CLIENT_CA: _client_ca(),
            AGENT_CONF: self._agent_conf(amphora_id, topology),
            RSYSLOG_CONF: logging.build_logging_config(),
        }
        in_user_data = cfg.CONF.controller_worker.user_data_config_drive
        user_data = user_data_jinja_cfg.UserDataJinjaCfg().build_user_data_config(
            files if in_user_data else {}
        )
        return {} if in_user_data else files, user_data or None, _expiry(certificate)

    def _agent_conf(self, amphora_id: str, topology: str) -> str:
        text: str = agent_jinja_cfg.AgentJinjaTemplater().build_agent_config(amphora_id, topology)
        if not self._controllers:
            return text
        # The template knows but the one list; the stock provider's amphorae keep it.
        line = f"controller_ip_port_list = {', '.join(self._controllers)}"
        return re.sub(r"(?m)^controller_ip_port_list = .*$", lambda _match: line, text)

    def server_certificate(self, amphora_id: str) -> tuple[bytes, Any]:
        """See the contract.

        :raises ProviderError: CERTIFICATE
        """
        certificate, key = _server_certificate(amphora_id)
        return certificate + key, _expiry(certificate)


def _check_volume_driver() -> None:
    """Booting amphorae from other disks than the operator says would be no small surprise."""
    name = cfg.CONF.controller_worker.volume_driver
    if name != constants.VOLUME_NOOP_DRIVER:
        raise _incomplete(
            f"[controller_worker] volume_driver is {name}, but this provider boots amphorae from "
            f"images only ({constants.VOLUME_NOOP_DRIVER})."
        )


def _incomplete(cause: str) -> ProviderError:
    return ProviderError(
        Code.CONFIGURATION, "The load balancer service is not set up completely.", cause
    )


def _server_certificate(amphora_id: str) -> tuple[bytes, bytes]:
    settings = cfg.CONF.certificates
    try:
        generator: Any = stevedore_driver.DriverManager(
            namespace="octavia.cert_generator", name=settings.cert_generator, invoke_on_load=True
        ).driver
        pair = generator.generate_cert_key_pair(cn=amphora_id, validity=settings.cert_validity_time)
    except (exceptions.OctaviaException, RuntimeError, OSError, ValueError) as e:
        raise ProviderError(
            Code.CERTIFICATE,
            "The certificate of the load balancer's instance could not be made.",
            f"Certificate generator {settings.cert_generator} failed for amphora {amphora_id}: {e}",
        ) from e
    return pair.get_certificate(), pair.get_private_key()


def _expiry(certificate: bytes) -> datetime.datetime:
    return x509.load_pem_x509_certificate(certificate).not_valid_after_utc


def _vrrp_secret(load_balancer_id: str) -> str:
    """What the amphorae of a pair authenticate with, for each load balancer another one.

    Derived from a secret that all workers have and no amphora has, so that it is kept nowhere.
    VRRP takes eight characters.
    """
    key = cfg.CONF.certificates.server_certs_key_passphrase[0]
    told = hmac.digest(key.encode(), f"vrrp:{load_balancer_id}".encode(), "sha256")
    return base64.b32encode(told).decode().lower()[:8]


def _client_ca() -> str:
    path = cfg.CONF.controller_worker.client_ca
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as e:
        raise _incomplete(f"[controller_worker] client_ca cannot be read: {e}") from e


class Templates:
    """haproxy and LVS configurations, as the stock provider renders them."""

    def certificate_directory(self, load_balancer_id: str) -> str:
        """Where certificates of this load balancer lie on its amphorae."""
        return f"{cfg.CONF.haproxy_amphora.base_cert_dir.rstrip('/')}/{load_balancer_id}"

    def haproxy(
        self,
        serving: model.Serving,
        amphora_id: str,
        haproxy_version: str,
        details: Mapping[str, Any],
    ) -> str:
        """One configuration for all listeners haproxy serves; there must be one.

        :param haproxy_version: as the agent tells it, for example ``2.6.12-1``
        :param details: the agent's answer to ``GET details``
        """
        settings = cfg.CONF.haproxy_amphora
        graph = model.load_balancer(data_models, serving)
        source = serving.load_balancer
        templater = haproxy_jinja.JinjaTemplater(
            base_amp_path=settings.base_path,
            base_crt_dir=settings.base_cert_dir,
            haproxy_template=settings.haproxy_template,
            connection_logging=settings.connection_logging,
        )
        text: str = templater.build_config(
            host_amphora=next(a for a in graph.amphorae if a.id == amphora_id),
            listeners=[x for x in graph.listeners if x.protocol not in tree.LVS_PROTOCOLS],
            tls_certs=certificates.references(source, self.certificate_directory(source.id)),
            haproxy_versions=haproxy_version.strip().split(".")[:2],
            amp_details=dict(details),
        )
        return text

    def vrrp(self, serving: model.Serving, amphora_id: str, interface: str, vip: VipPlug) -> str:
        """The keepalived configuration of one amphora of a pair.

        :param interface: the VIP's, by the name it has inside the amphora
        """
        # Brings a netlink library along, which is not needed where there are no pairs.
        from octavia.amphorae.drivers.keepalived.jinja import jinja_cfg as vrrp_jinja

        graph = model.load_balancer(data_models, serving)
        graph.vrrp_group = model.vrrp_group(
            data_models, graph.id, _vrrp_secret(graph.id), cfg.CONF.keepalived_vrrp.vrrp_advert_int
        )
        amphora = next(a for a in graph.amphorae if a.id == amphora_id)
        amphora.vrrp_interface = interface
        text: str = vrrp_jinja.KeepalivedJinjaTemplater().build_keepalived_config(
            graph, amphora, model.vip_networks(vip)
        )
        # keepalived sends IPv4 with 255, IPv6 with the kernel's 64, which comes from anywhere.
        at = "    unicast_peer {"
        return text.replace(at, f"    unicast_ttl {_NEXT_DOOR}\n{at}", 1)

    def lvs(self, serving: model.Serving, listener_id: str) -> str:
        """The keepalived configuration of one UDP or SCTP listener."""
        graph = model.load_balancer(data_models, serving)
        listener = next(x for x in graph.listeners if x.id == listener_id)
        templater = lvs_jinja.LvsJinjaTemplater(base_amp_path=cfg.CONF.haproxy_amphora.base_path)
        text: str = templater.build_config(listener=listener)
        return text
