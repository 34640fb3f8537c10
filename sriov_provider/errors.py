"""Every failure has a code, a sentence for the user and a sentence for the operator."""

from __future__ import annotations

import dataclasses
import enum


class Code(str, enum.Enum):
    """Reason codes, as shown by ``sriov-provider explain`` and listed in the admin guide."""

    AGENT_ERROR = "agent-error"
    AGENT_UNREACHABLE = "agent-unreachable"
    BINDING_FAILED = "binding-failed"
    BOOT_FAILED = "boot-failed"
    CERTIFICATE = "certificate"
    CLOUD_ERROR = "cloud-error"
    CONFIGURATION = "configuration"
    DATABASE = "database"
    EXTENSION_MISSING = "extension-missing"
    FIREWALL_REFUSED = "firewall-refused"
    HOST_NETWORK = "host-network"
    INTERNAL = "internal"
    LEASE_LOST = "lease-lost"
    MIXED_KINDS = "mixed-kinds"
    NOT_BOUND = "not-bound"
    NOT_FOUND = "not-found"
    NO_ADDRESS = "no-address"
    NO_VF = "no-vf"
    PORT_BUSY = "port-busy"
    QUOTA = "quota"
    TIMEOUT = "timeout"
    TREE_MISSING = "tree-missing"
    UNSUPPORTED = "unsupported"
    WRONG_HOST = "wrong-host"


@dataclasses.dataclass(frozen=True)
class Reason:
    """Why something failed.

    :ivar code: machine-readable code
    :ivar user: one sentence a tenant understands, without names of hosts or services
    :ivar operator: one sentence with ids, hosts and the cause as the cloud told it
    """

    code: Code
    user: str
    operator: str

    def __str__(self) -> str:
        return f"{self.code.value}: {self.operator}"


class ProviderError(Exception):
    """A failure with a reason.

    :ivar reason: what to record and report
    :ivar retriable: True when the same job may succeed later without anybody changing anything
    """

    def __init__(self, code: Code, user: str, operator: str, *, retriable: bool = False) -> None:
        super().__init__(f"{code.value}: {operator}")
        self.reason = Reason(code, user, operator)
        self.retriable = retriable

    def __reduce__(self) -> tuple[object, ...]:
        # An exception with several arguments does not survive pickling by itself.
        return _rebuild, (self.reason, self.retriable)


class NobodyThere(ProviderError):
    """A service that did not even take the connection: nothing is said about what was asked."""


def _rebuild(reason: Reason, retriable: bool) -> ProviderError:
    return ProviderError(reason.code, reason.user, reason.operator, retriable=retriable)
