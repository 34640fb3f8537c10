"""What the API process asks of the cloud: few reads, bounded in time, remembered for a while.

Nothing here fails: what the cloud does not tell in time, or does not show us, is unknown (None).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TypeVar

from cachetools import TTLCache

from sriov_provider.compute.base import Compute
from sriov_provider.deadline import Deadline
from sriov_provider.errors import Code, ProviderError
from sriov_provider.network.base import Network, NetworkClient

LOG = logging.getLogger(__name__)
K = TypeVar("K")
T = TypeVar("T")

# Entries; and seconds: a network keeps its physical network and a subnet its network, while an
# operator may delete a compute flavor or an image.
_KEPT = 1024
_FIXED = 600.0
_PASSING = 60.0


class CloudReads:
    """Shared by the requests of one process. Thread-safe."""

    def __init__(self, network: NetworkClient, compute: Compute, deadline: Deadline) -> None:
        """:param deadline: the one that bounds the requests of both clients"""
        self._network = network
        self._compute = compute
        self._deadline = deadline
        self._networks: TTLCache[str, Network] = TTLCache(_KEPT, _FIXED)
        self._subnets: TTLCache[str, str] = TTLCache(_KEPT, _FIXED)
        self._there: TTLCache[tuple[str | None, ...], bool] = TTLCache(_KEPT, _PASSING)
        self._lock = threading.Lock()

    def within(self, seconds: float) -> AbstractContextManager[None]:
        """A block whose reads together take no longer than this."""
        return self._deadline.within(seconds)

    def network(self, network_id: str) -> Network | None:
        return self._once(self._networks, network_id, lambda: self._network.network(network_id))

    def network_of(self, subnet_id: str) -> str | None:
        """Id of the network a subnet belongs to."""
        return self._once(
            self._subnets, subnet_id, lambda: self._network.subnet(subnet_id).network_id
        )

    def free_addresses(self, network_ids: tuple[str, ...]) -> Mapping[str, int]:
        """Subnet id -> addresses that are free at least; without subnets nothing is known of."""
        return self._ask(lambda: self._network.free_addresses(network_ids)) or {}

    def free_in_pools(self, subnet_id: str) -> int | None:
        """The exact number; a costly read on a large subnet."""
        return self._ask(lambda: self._network.free_in_pools(subnet_id))

    def has_flavor(self, flavor: str) -> bool | None:
        """Is there such a compute flavor?"""
        return self._exists(("flavor", flavor), lambda: self._compute.check_flavor(flavor))

    def has_image(self, tag: str, owner: str | None) -> bool | None:
        """Is there an active image with this tag?"""
        return self._exists(("image", tag, owner), lambda: self._compute.image_id(tag, owner))

    def _exists(self, key: tuple[str | None, ...], read: Callable[[], object]) -> bool | None:
        """That something is missing is not remembered: whoever mends it tries again at once."""

        def there() -> bool:
            try:
                read()
            except ProviderError as error:
                if error.reason.code is Code.NOT_FOUND:
                    return False
                raise
            return True

        return self._once(self._there, key, there)

    def _once(self, known: TTLCache[K, T], key: K, read: Callable[[], T]) -> T | None:
        with self._lock:
            found = known.get(key)
        if found is None:
            found = self._ask(read)
            if found:
                with self._lock:
                    known[key] = found
        return found

    def _ask(self, read: Callable[[], T]) -> T | None:
        left = self._deadline.left()
        if left is not None and left <= 0:
            return None
        try:
            return read()
        except ProviderError as error:
            LOG.info("Not checked before the request is accepted: %s", error.reason)
            return None
