"""``python -m tests.scenario``: the demo as the end-to-end test. Left out, loudly, without root."""

from __future__ import annotations

import os
import subprocess
import sys

LEFT_OUT = """\
!!! LEFT OUT: the end-to-end test makes network namespaces and runs a whole cloud; it needs root."""


def main(arguments: list[str]) -> int:
    """The exit code of the demo."""
    if os.geteuid() != 0:
        print(LEFT_OUT, flush=True)
        return 0
    return subprocess.call([sys.executable, "-m", "tests.demo", *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
