"""``python -m tests.local``: Keystone, Neutron and Octavia on one machine, and amphorae beside
them. See :mod:`tests.demo.__main__`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.demo.__main__ import Show, main
from tests.local.settings import from_environment

LOCAL = Show("tests.local", "demo-local", lambda options: from_environment(options.topology))

if __name__ == "__main__":
    os.chdir(Path("/"))
    sys.exit(main(LOCAL, sys.argv[1:]))
