"""Connections to the cloud's services, as octavia.conf describes them for the stock provider.

``[service_auth]`` holds the credentials. ``[neutron]`` may have its own, else it uses those;
``[nova]`` and ``[glance]`` say where the services are. Stock Octavia's deprecated ``[neutron]``
options are understood too.

Connections are keystoneauth's: those that openstacksdk would make, without its classes for every
object of every service, of which a worker would use none and keep all in memory.
"""

from __future__ import annotations

import threading
from typing import Any

from keystoneauth1 import adapter, loading, session
from keystoneauth1 import exceptions as ks_exceptions
from oslo_config import cfg

from sriov_provider.deadline import Deadline

COMPUTE, IMAGE, NETWORK, PLACEMENT = "compute", "image", "network", "placement"
CONTAINER = "container"

# The last microversion of Nova that injects files and knows the soft anti-affinity policy.
COMPUTE_MICROVERSION = "2.15"
# The first that looks for resource providers by trait.
PLACEMENT_MICROVERSION = "1.18"
# The first of Zun that mounts files with their content.
CONTAINER_MICROVERSION = "1.23"

_MICROVERSIONS = {COMPUTE: COMPUTE_MICROVERSION, CONTAINER: CONTAINER_MICROVERSION}

# Seconds; Nova's attach waits for the hypervisor, so it needs more than the usual minute.
DEFAULT_TIMEOUT = 180.0

# First word of the User-Agent: tells our calls from octavia's own in the services' logs.
_APP_NAME = "octavia-sriov-provider"

_AUTH = "service_auth"
_NEUTRON = "neutron"
_SECTIONS = {COMPUTE: "nova", IMAGE: "glance", CONTAINER: "zun_compute"}
_SERVICE_OPTS = (
    cfg.StrOpt("service_name"),
    cfg.StrOpt("endpoint"),
    cfg.StrOpt("region_name"),
    cfg.StrOpt("endpoint_type", default="publicURL"),
    cfg.StrOpt("ca_certificates_file"),
    cfg.BoolOpt("insecure", default=False),
)
_NEUTRON_DEPRECATED_OPTS = (
    cfg.StrOpt("endpoint"),
    cfg.StrOpt("endpoint_type"),
    cfg.StrOpt("ca_certificates_file"),
)


class Cloud:
    """Connects on first use and stays connected: one token and one endpoint discovery per
    service. May be shared between threads (sessions and proxies keep no state per call)."""

    def __init__(
        self, conf: Any, deadline: Deadline | None = None, part: str | None = None
    ) -> None:
        """:param conf: from :func:`sriov_provider.config.parse`; nothing else may change it
        :param deadline: bounds every request, logins and discovery too
        :param part: which part of us calls, for the User-Agent
        """
        self._conf = conf
        self._deadline = deadline
        self._part = part
        self._lock = threading.RLock()
        self._registered = False
        self._auths: dict[str, Any] = {}
        self._proxies: dict[str, Any] = {}

    def proxy(self, service: str) -> adapter.Adapter:
        """Sends requests to ``COMPUTE``, ``CONTAINER``, ``IMAGE``, ``NETWORK`` or ``PLACEMENT``,
        whose paths are relative to the version of the service that we speak.

        :raises keystoneauth1.exceptions.ClientException: no credentials, no endpoint, no answer,
            no usable version of the service
        """
        with self._lock:
            if service not in self._proxies:
                self._register()
                self._proxies[service] = self._connect(service)
            return self._proxies[service]

    def _register(self) -> None:
        if self._registered:
            return
        conf = self._conf
        for group in (_AUTH, _NEUTRON):
            loading.register_auth_conf_options(conf, group)
            loading.register_session_conf_options(conf, group)
        loading.register_adapter_conf_options(conf, _NEUTRON, include_deprecated=False)
        for section in _SECTIONS.values():
            conf.register_opts(_SERVICE_OPTS, section)
        conf.register_opts(_NEUTRON_DEPRECATED_OPTS, _NEUTRON)
        _adopt_deprecated(conf)
        conf.set_default("auth_type", conf[_AUTH].auth_type, _NEUTRON)
        self._registered = True

    def _connect(self, service: str) -> adapter.Adapter:
        if service == NETWORK:
            where, http = _network_options(self._conf.neutron), self._session(_NEUTRON)
        elif service == PLACEMENT:
            where, http = _placement_options(self._conf.nova), self._session(_AUTH)
        else:
            section = self._conf[_SECTIONS[service]]
            where, http = _service_options(service, section), self._service_session(section)
        made = adapter.Adapter(http, service_type=service, raise_exc=False, **where)
        made.endpoint_override = _found(service, made)
        return made

    def _session(self, group: str) -> session.Session:
        """A session with the TLS settings of this section and its timeout."""
        options = self._conf[group]
        http = _Session(
            auth=self._auth(group),
            verify=_verify(options.insecure, options.cafile),
            cert=_client_certificate(options),
            timeout=options.timeout or DEFAULT_TIMEOUT,
            app_name=_APP_NAME,
            app_version=self._part,
        )
        http.deadline = self._deadline
        return http

    def _service_session(self, section: Any) -> session.Session:
        """A session with the common credentials and, towards the service, its own CA."""
        http = self._session(_AUTH)
        if section.insecure or section.ca_certificates_file:
            http.keystone_verify = http.verify
            http.verify = _verify(section.insecure, section.ca_certificates_file)
        return http

    def _auth(self, group: str) -> Any:
        """The credentials of a section; what [neutron] lacks comes from [service_auth]."""
        if group not in self._auths:
            try:
                found = loading.load_auth_from_conf_options(self._conf, group)
            except ks_exceptions.MissingRequiredOptions:
                if group == _AUTH:
                    raise
                self._auth(_AUTH)  # registers the options of its plugin
                _fill_gaps(self._conf, group, _AUTH)
                found = loading.load_auth_from_conf_options(self._conf, group)
            self._auths[group] = found
        return self._auths[group]


class _Session(session.Session):  # type: ignore[misc]
    """A session that may trust another CA for Keystone than for the service it is made for, and
    that may have a deadline.

    :ivar keystone_verify: as ``verify``; None for the same
    """

    keystone_verify: bool | str | None = None
    deadline: Deadline | None = None

    def request(self, url: str, method: str, **kwargs: Any) -> Any:
        left = self.deadline.left() if self.deadline else None
        if left is not None:
            if left <= 0:
                raise ks_exceptions.ConnectTimeout(f"No time left for {method} {url}")
            kwargs |= {"timeout": left, "connect_retries": 0, "status_code_retries": 0}
        keystone = getattr(self.auth, "auth_url", None)
        if self.keystone_verify is not None and keystone and url.startswith(keystone):
            kwargs.setdefault("verify", self.keystone_verify)
        return super().request(url, method, **kwargs)


def _verify(insecure: bool, ca_file: str | None) -> bool | str:
    return False if insecure else ca_file or True


def _client_certificate(options: Any) -> str | tuple[str, str] | None:
    if options.certfile and options.keyfile:
        return options.certfile, options.keyfile
    return options.certfile or None


def _url(service: adapter.Adapter) -> str:
    """Where the wanted version of a service is, as the service itself tells."""
    found = service.get_endpoint_data()
    if found is None or not found.url:
        raise ks_exceptions.EndpointNotFound(f"no usable endpoint of {service.service_type}")
    if found.api_version is None:
        # keystoneauth makes do with the root of a service that does not tell, for ever.
        raise ks_exceptions.DiscoveryFailure(f"{found.url} does not tell its versions")
    return str(found.url)


def _found(service: str, made: adapter.Adapter) -> str:
    """Neutron's and Zun's only version is not asked for: old releases of Neutron want a login
    before they tell, and Zun tells in words of its own."""
    only = {NETWORK: "v2.0", CONTAINER: "v1"}.get(service)
    return _url(made) if only is None else _only_version(made, only)


def _only_version(service: adapter.Adapter, version: str) -> str:
    root = service.endpoint_override or service.get_endpoint()
    if not root:
        raise ks_exceptions.EndpointNotFound(f"no usable endpoint of {service.service_type}")
    root = root.rstrip("/")
    return root if root.endswith(f"/{version}") else f"{root}/{version}"


def _network_options(neutron: Any) -> dict[str, Any]:
    """Keyword arguments of an adapter, from ``[neutron]``."""
    return _given(
        region_name=neutron.region_name,
        interface=neutron.valid_interfaces,
        service_name=neutron.service_name,
        endpoint_override=neutron.endpoint_override,
        connect_retries=neutron.connect_retries,
    )


def _service_options(service: str, section: Any) -> dict[str, Any]:
    """Keyword arguments of an adapter, from ``[nova]``, ``[glance]`` or ``[zun_compute]``."""
    return _given(
        region_name=section.region_name,
        interface=_interface(section),
        service_name=section.service_name,
        endpoint_override=section.endpoint,
        min_version=None if service == CONTAINER else "2",
        max_version=None if service == CONTAINER else "2.latest",
        default_microversion=_MICROVERSIONS.get(service),
    )


def _placement_options(nova: Any) -> dict[str, Any]:
    """Stock Octavia has no section for Placement: it is looked up in the catalogue, where Nova's
    region and interface are."""
    return _given(
        region_name=nova.region_name,
        interface=_interface(nova),
        min_version="1",
        max_version="1.latest",
        default_microversion=PLACEMENT_MICROVERSION,
    )


def _interface(section: Any) -> str:
    return (section.endpoint_type or "").replace("URL", "")


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value not in (None, "", [])}


def _adopt_deprecated(conf: Any) -> None:
    """The old names of three [neutron] options; the new ones win where both are set."""
    neutron = conf.neutron
    if neutron.endpoint and not neutron.endpoint_override:
        conf.set_default("endpoint_override", neutron.endpoint, _NEUTRON)
    if neutron.endpoint_type and not neutron.valid_interfaces:
        interface = neutron.endpoint_type.replace("URL", "")
        conf.set_default("valid_interfaces", [interface], _NEUTRON)
    if neutron.ca_certificates_file and not neutron.cafile:
        conf.set_default("cafile", neutron.ca_certificates_file, _NEUTRON)


def _fill_gaps(conf: Any, group: str, source: str) -> None:
    """Give the options of ``group`` that nobody set the values they have in ``source``."""
    for name in conf[group]:
        location = conf.get_location(name, group)
        is_default = location is None or location.location == cfg.Locations.opt_default
        if is_default and name in conf[source]:
            conf.set_override(name, conf[source][name], group)
