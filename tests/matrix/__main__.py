"""``python -m tests.matrix [OPTION...]``, see :mod:`tests.demo.visit`."""

from __future__ import annotations

import sys

from tests.demo.visit import visit

if __name__ == "__main__":
    sys.exit(visit("tests.matrix.inside", "the kill matrix", sys.argv[1:]))
