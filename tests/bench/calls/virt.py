"""nova-compute whose servers are up at once and run nothing: records only.

What is left of the time an operation takes is that of the controllers and of the cloud's APIs.
"""

from __future__ import annotations

import sys

# first: it decides about threads for the whole process
from nova.cmd import compute
from nova.virt import fake

from tests.demo import rpc_gate
from tests.demo.virt import driver


class NamespaceDriver(driver.NamespaceDriver):
    """Under the name that the demo's nova.conf gives: its devices, without its namespaces."""

    init_host = fake.FakeDriver.init_host
    spawn = fake.FakeDriver.spawn
    destroy = fake.FakeDriver.destroy
    power_off = fake.FakeDriver.power_off
    attach_interface = fake.FakeDriver.attach_interface
    detach_interface = fake.FakeDriver.detach_interface


if __name__ == "__main__":
    driver.NamespaceDriver = NamespaceDriver  # type: ignore[misc]
    sys.modules["nova.virt.demo"] = driver
    rpc_gate.wait("conductor")
    sys.exit(compute.main())
