"""How modules of this package are run: without the interpreter's usual search for packages."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

# Where the package lies.
HOME = Path(__file__).resolve().parents[4]
_GUEST = "sriov_provider.compute.local.guest"


def command(module: str, *arguments: str) -> list[str]:
    """:param module: one beside this, whose ``main`` takes the arguments"""
    code = (
        f"import sys; sys.path.insert(0, {str(HOME)!r}); from {_GUEST}.{module} import main; "
        "sys.exit(main(*sys.argv[1:]))"
    )
    return [sys.executable, "-IS", "-c", code, *arguments]


def script(module: str) -> str:
    """A shell script that hands its arguments on."""
    return f'#!/bin/sh\nexec {shlex.join(command(module))} "$@"\n'
