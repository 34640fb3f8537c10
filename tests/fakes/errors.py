"""Failures to inject, as the real clients report them."""

from __future__ import annotations

from sriov_provider import cloud_errors
from sriov_provider.errors import Code, ProviderError


def no_vf() -> ProviderError:
    return cloud_errors.no_vf("Failed to claim PCI devices for interface attach (HTTP 400)")


def port_busy() -> ProviderError:
    return cloud_errors.port_busy("Port is still in use (HTTP 409)")


def not_found() -> ProviderError:
    return cloud_errors.not_found("could not be found (HTTP 404)")


def conflict() -> ProviderError:
    return cloud_errors.cloud_error("conflict (HTTP 409)", retriable=True)


def server_error() -> ProviderError:
    return cloud_errors.cloud_error("internal error (HTTP 503)", retriable=True)


def timeout() -> ProviderError:
    """Use with ``after=True`` for a timeout after success."""
    return cloud_errors.timeout("no answer within 60 s")


def quota() -> ProviderError:
    return cloud_errors.quota("Quota exceeded for resources: ['port'] (HTTP 409)")


def no_address() -> ProviderError:
    return cloud_errors.no_address("No more IP addresses available on network (HTTP 409)")


def binding_failed() -> ProviderError:
    return cloud_errors.binding_failed("PortBindingFailed (HTTP 500)")


def unreachable() -> ProviderError:
    return ProviderError(
        Code.AGENT_UNREACHABLE,
        "The load balancer's instance does not answer.",
        "connection refused",
        retriable=True,
    )


def agent_error() -> ProviderError:
    return ProviderError(
        Code.AGENT_ERROR,
        "The load balancer's instance refused its configuration.",
        "PUT /1.0/loadbalancer answered 500",
        retriable=True,
    )


def firewall_refused() -> ProviderError:
    return ProviderError(
        Code.FIREWALL_REFUSED,
        "The load balancer's instance refused its firewall rules.",
        "POST /1.0/security-group answered 400: ports/0/role",
    )


def extension_missing() -> ProviderError:
    return ProviderError(
        Code.EXTENSION_MISSING,
        "The load balancer's image is too old for SR-IOV.",
        "the agent has no /1.0/security-group",
    )


class Killed(BaseException):
    """The worker process died here. Not an Exception, so that no handler of ours may keep it."""
