"""What the port driver needs of the machine; the real things are in the modules beside this."""

from __future__ import annotations

import dataclasses
from typing import Protocol

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.base import Namespace

USER = "The load balancer's host could not set up a network interface."


class NamespaceGoneError(ProviderError):
    """There is no such network namespace (any more)."""

    def __init__(self, namespace: str) -> None:
        super().__init__(Code.NOT_FOUND, USER, f"network namespace {namespace} is gone")


class RefusedError(ProviderError):
    """The kernel refused a change.

    :ivar errno: its error number
    """

    def __init__(self, what: str, errno: int, told: str) -> None:
        super().__init__(Code.HOST_NETWORK, USER, f"{what}: {told} (errno {errno})")
        self.errno = errno

    def __reduce__(self) -> tuple[object, ...]:
        return _refused, (self.reason.operator, self.errno)


def _refused(operator: str, errno: int) -> RefusedError:
    made = RefusedError("", errno, "")
    made.reason = dataclasses.replace(made.reason, operator=operator)
    return made


@dataclasses.dataclass(frozen=True)
class Link:
    """A network interface.

    :ivar parent: what it belongs to; of a VF its PCI address
    :ivar master: index of its bridge
    :ivar addresses: of more than link scope, where they were asked for
    """

    index: int
    name: str
    mac: str
    mtu: int
    up: bool
    parent: str | None = None
    master: int | None = None
    kind: str | None = None
    addresses: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Change:
    """What to set of an interface; None leaves it."""

    name: str | None = None
    mac: str | None = None
    mtu: int | None = None
    up: bool | None = None
    master: int | None = None
    alias: str | None = None


class Links(Protocol):
    """Interfaces of the host and of network namespaces; None is the host's own.

    All raise :class:`NamespaceGoneError` and :class:`RefusedError`.
    """

    def all(self, namespace: Namespace | None = None, addresses: bool = False) -> tuple[Link, ...]:
        """:param addresses: whether theirs are asked for, too"""

    def named(self, name: str, namespace: Namespace | None = None) -> Link | None: ...

    def change(self, index: int, change: Change, namespace: Namespace | None = None) -> None: ...

    def move(
        self, index: int, name: str, source: Namespace | None, target: Namespace | None
    ) -> None:
        """Into another namespace, under another name.

        When the name is taken there, it is there all the same, under the name it had.
        """

    def add_pair(self, name: str, peer: str, mac: str | None = None) -> None:
        """:param mac: of the peer; an interface born with it is not given another by udev"""

    def add_bridge(self, name: str, alias: str, mac: str | None = None) -> None:
        """:param mac: else it changes with the bridge's ports"""

    def delete(self, name: str) -> None:
        """Of the host's; nothing happens where there is none."""

    def identity(self, namespace: Namespace | None) -> str | None:
        """Tells a namespace from another of the same name; None when it is gone."""

    def namespaces(self) -> tuple[Namespace, ...]:
        """All that can be found, each once, the host's own left out."""
