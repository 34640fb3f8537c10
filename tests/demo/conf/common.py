"""Pieces that several configuration files share."""

from __future__ import annotations

from collections.abc import Mapping

from tests.demo.settings import IP, LIVE, PASSWORD, PORTS, REGION, url

Section = Mapping[str, object]
# What a snapshot keeps: databases, keys, images, compute node ids.
DATA = LIVE / "data"
RABBIT = f"rabbit://demo:{PASSWORD}@{IP}:{PORTS['rabbitmq']}/"


def ini(sections: Mapping[str, Section]) -> str:
    """Renders sections to INI; True and False as oslo.config spells them."""
    out = []
    for name, options in sections.items():
        out.append(f"[{name}]")
        for key, value in options.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            out.append(f"{key} = {text}")
        out.append("")
    return "\n".join(out)


def credentials(user: str) -> dict[str, object]:
    """How a service signs in at Keystone."""
    return {
        "auth_url": url("keystone", "/v3"),
        "auth_type": "password",
        "username": user,
        "password": PASSWORD,
        "project_name": "service",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
        "region_name": REGION,
    }


def authtoken(user: str) -> dict[str, object]:
    """How an API checks the tokens of its callers."""
    return {
        **credentials(user),
        "www_authenticate_uri": url("keystone", "/v3"),
        "memcached_servers": f"{IP}:{PORTS['memcached']}",
        "service_token_roles": "service",
        "service_token_roles_required": True,
    }


def messaging() -> dict[str, Section]:
    """Sections of everything that speaks through RabbitMQ."""
    return {
        "oslo_messaging_rabbit": {"heartbeat_in_pthread": True, "rabbit_quorum_queue": False},
        "oslo_messaging_notifications": {"driver": "noop"},
        "oslo_concurrency": {"lock_path": LIVE / "lock"},
        "oslo_policy": {"enforce_scope": False},
    }
