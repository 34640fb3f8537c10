"""``python -m tests.matrix [OPTION...]``, see :mod:`tests.demo.visit`."""

from __future__ import annotations

import os
import sys

from tests.demo.visit import visit

if __name__ == "__main__":
    # What entering the namespaces leaves of where the names of files begin.
    os.environ["PWD"] = os.getcwd()
    sys.exit(visit("tests.matrix.inside", "the kill matrix", sys.argv[1:]))
