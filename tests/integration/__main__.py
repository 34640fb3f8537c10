"""``python -m tests.integration [PYTEST ARGUMENT...]``, see :mod:`tests.demo.visit`."""

from __future__ import annotations

import sys

from tests.demo.visit import visit

if __name__ == "__main__":
    sys.exit(visit("tests.integration.inside", "the integration tests", sys.argv[1:]))
