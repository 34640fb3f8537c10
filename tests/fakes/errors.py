"""Failures to inject, as the real clients report them."""

from __future__ import annotations

from sriov_provider import cloud_errors
from sriov_provider.cloud_errors import Refusal
from sriov_provider.errors import Code, ProviderError


def _refused(status: int, kind: str, message: str) -> ProviderError:
    return cloud_errors.from_refusal("fake", Refusal(status, kind, message))


def no_vf(where: str = "interface attach") -> ProviderError:
    return _refused(400, "", f"Failed to claim PCI device for {where}")


def port_busy(port: str = "1") -> ProviderError:
    return _refused(409, "", f"Port {port} is still in use")


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
    return _refused(409, "OverQuota", "Quota exceeded for resources: ['port']")


def no_address(where: str = "network") -> ProviderError:
    message = f"No more IP addresses available on {where}"
    return _refused(409, "IpAddressGenerationFailure", message)


def binding_failed() -> ProviderError:
    return _refused(500, "", "PortBindingFailed")


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
