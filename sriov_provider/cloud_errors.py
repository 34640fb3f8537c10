"""What the cloud's answers mean to us: HTTP status and message in, ProviderError out. Pure."""

from __future__ import annotations

from sriov_provider.errors import Code, ProviderError

_USER = {
    Code.BINDING_FAILED: "A network port could not be connected to the load balancer's instance.",
    Code.BOOT_FAILED: "The load balancer's instance could not be started.",
    Code.CLOUD_ERROR: "The cloud could not carry out a step; it is tried again where that helps.",
    Code.CONFIGURATION: "The load balancer service is not configured correctly.",
    Code.NOT_FOUND: "Something the load balancer needs does not exist any more.",
    Code.NO_ADDRESS: "A subnet has no free IP address left.",
    Code.NO_VF: "No SR-IOV Virtual Function is free for this load balancer.",
    Code.PORT_BUSY: "A network port is in use by something else.",
    Code.QUOTA: "A quota of the load balancer service is exhausted.",
    Code.TIMEOUT: "The cloud did not answer in time.",
}


def failure(code: Code, operator: str, *, retriable: bool = False) -> ProviderError:
    """A ProviderError with the user's sentence that belongs to the code."""
    return ProviderError(code, _USER[code], operator, retriable=retriable)


def no_vf(operator: str) -> ProviderError:
    """The host has no free Virtual Function; another host may have one."""
    return failure(Code.NO_VF, operator, retriable=True)


def binding_failed(operator: str) -> ProviderError:
    return failure(Code.BINDING_FAILED, operator, retriable=True)


def port_busy(operator: str) -> ProviderError:
    return failure(Code.PORT_BUSY, operator)


def not_found(operator: str) -> ProviderError:
    return failure(Code.NOT_FOUND, operator)


def no_address(operator: str) -> ProviderError:
    return failure(Code.NO_ADDRESS, operator)


def quota(operator: str) -> ProviderError:
    return failure(Code.QUOTA, operator)


def cloud_error(operator: str, *, retriable: bool = False) -> ProviderError:
    return failure(Code.CLOUD_ERROR, operator, retriable=retriable)


def timeout(operator: str) -> ProviderError:
    """No answer: the call may or may not have been carried out."""
    return failure(Code.CLOUD_ERROR, operator, retriable=True)
