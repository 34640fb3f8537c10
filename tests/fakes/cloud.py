"""An in-memory cloud: compute and network contracts over one consistent state.

::

    cloud = FakeCloud(hosts=2, vfs=4)
    cloud.add_subnet("vip-subnet", "vip-net", "10.0.0.0/24", gateway="10.0.0.1")
    cloud.add_port("vip-port", "vip-subnet")
    cloud.fail("create_server", errors.timeout(), after=True)
    ...
    assert cloud.left_over() == ()
    assert cloud.count("create_port") == 1
"""

from __future__ import annotations

from tests.fakes.compute import FakeCompute
from tests.fakes.network import FakeNetwork


class FakeCloud(FakeCompute, FakeNetwork):
    """Implements :class:`~sriov_provider.compute.base.Compute` and
    :class:`~sriov_provider.network.base.NetworkClient`."""
