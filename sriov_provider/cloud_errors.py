"""What the cloud's answers mean to us: HTTP status and message in, ProviderError out. Pure."""

from __future__ import annotations

import dataclasses

from sriov_provider.errors import Code, ProviderError

_USER = {
    Code.BINDING_FAILED: "A network port could not be connected to the load balancer's instance.",
    Code.CLOUD_ERROR: "The cloud could not carry out a step; it is tried again where that helps.",
    Code.CONFIGURATION: "The load balancer service is not configured correctly.",
    Code.NOT_FOUND: "Something the load balancer needs does not exist any more.",
    Code.NO_ADDRESS: "A subnet has no free IP address left.",
    Code.NO_VF: "No SR-IOV Virtual Function is free for this load balancer.",
    Code.PORT_BUSY: "A network port is in use by something else.",
    Code.QUOTA: "A quota of the load balancer service is exhausted.",
}


def failure(code: Code, operator: str, *, retriable: bool = False) -> ProviderError:
    """A ProviderError with the user's sentence that belongs to the code."""
    return ProviderError(code, _USER[code], operator, retriable=retriable)


def not_found(operator: str) -> ProviderError:
    return failure(Code.NOT_FOUND, operator)


def cloud_error(operator: str, *, retriable: bool = False) -> ProviderError:
    return failure(Code.CLOUD_ERROR, operator, retriable=retriable)


def timeout(operator: str) -> ProviderError:
    """No answer: the call may or may not have been carried out."""
    return failure(Code.CLOUD_ERROR, operator, retriable=True)


@dataclasses.dataclass(frozen=True)
class Refusal:
    """An HTTP answer above 399.

    :ivar kind: Neutron's name of the exception; empty from other services
    """

    status: int
    kind: str
    message: str


_NO_ADDRESS = frozenset(
    {
        "ExternalIpAddressExhausted",
        "IpAddressGenerationFailure",
        "IpAddressGenerationFailureAllSubnets",
        "IpAddressGenerationFailureNoMatchingSubnet",
    }
)
_BUSY = frozenset({408, 409, 413, 425, 429})


def from_refusal(what: str, refusal: Refusal) -> ProviderError:
    """:param what: service, verb and path, for the operator"""
    code = classify(refusal)
    operator = f"{what}: HTTP {refusal.status} {refusal.kind}: {refusal.message}".replace(" :", ":")
    return failure(code, operator, retriable=_is_passing(code, refusal.status))


def classify(refusal: Refusal) -> Code:
    """What a refusal of Nova, Neutron or Glance means to us."""
    return _by_text(refusal) or _by_status(refusal)


def _by_text(refusal: Refusal) -> Code | None:
    """Where the status alone does not tell. The texts are Nova's, the kinds Neutron's."""
    kind, message = refusal.kind, refusal.message
    if "Failed to claim PCI device" in message or "allocate additional resources" in message:
        return Code.NO_VF
    if "PortBindingFailed" in message or "Binding failed for port" in message:
        return Code.BINDING_FAILED
    if kind in _NO_ADDRESS or "No fixed IP addresses available" in message:
        return Code.NO_ADDRESS
    if kind == "OverQuota" or (refusal.status in (403, 413) and "exceeded" in message):
        return Code.QUOTA
    if refusal.status == 409 and message.startswith("Port ") and "in use" in message:
        return Code.PORT_BUSY
    return None


def _by_status(refusal: Refusal) -> Code:
    if refusal.status == 404 or (refusal.status == 400 and "could not be found" in refusal.message):
        return Code.NOT_FOUND
    if refusal.status in (401, 403):
        return Code.CONFIGURATION
    return Code.CLOUD_ERROR


def _is_passing(code: Code, status: int) -> bool:
    """May the same call succeed later by itself?"""
    if code in (Code.NO_VF, Code.BINDING_FAILED):
        return True
    return code is Code.CLOUD_ERROR and (status >= 500 or status in _BUSY)
