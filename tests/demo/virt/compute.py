"""nova-compute with the demo's virt driver.

Nova loads drivers below ``nova.virt`` only; the module is entered under that name in this process,
the installed package stays as it is.
"""

import sys

# first: it decides about threads for the whole process
from nova.cmd import compute

from tests.demo import rpc_gate
from tests.demo.virt import driver

sys.modules["nova.virt.demo"] = driver

if __name__ == "__main__":
    rpc_gate.wait("conductor")
    sys.exit(compute.main())
