"""Runs the checks that the plan names; one line for each goes to the second serial port."""

from __future__ import annotations

import importlib
import json
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

from tests.igb.guest.checks import CHECKS, Check
from tests.igb.guest.ground import Ground, LeftOut
from tests.igb.report import END, FAILED, LEFT_OUT, PASSED, Result

RESULTS = "/dev/ttyS1"


def main() -> None:
    plan = json.loads(Path("plan.json").read_text())
    rendered = json.loads(Path("rendered.json").read_text())
    with open(RESULTS, "w", buffering=1) as out:
        ground = Ground(rendered, plan["cycles"])
        for check in CHECKS:
            if check.name in plan["checks"]:
                out.write(made(check, ground).line() + "\n")
        # For whoever looks for a reason; after the last line there may be no time.
        subprocess.run("dmesg | tail -n 60 >&2", shell=True, check=False)
        out.write(END + "\n")


def made(check: Check, ground: Ground) -> Result:
    """The outcome of one check. Whatever goes wrong is the check's failure, not the guest's."""
    begun = time.monotonic()
    signal.alarm(int(check.limit + check.for_each * ground.cycles))
    outcome, problem = PASSED, ""
    try:
        module, function = check.function.split(":")
        work = getattr(importlib.import_module(f"tests.igb.guest.{module}"), function)
        with ground.clean():
            work(ground)
    except LeftOut as why:
        outcome, problem = LEFT_OUT, str(why)
    except BaseException:
        outcome, problem = FAILED, traceback.format_exc(limit=-6)
    finally:
        signal.alarm(0)
    seconds = time.monotonic() - begun
    vfs, notes = ground.harvest()
    print(f"{check.name}: {outcome} {problem}", file=sys.stderr)
    return Result(check.name, outcome, seconds, vfs, notes, problem)


def late(*_: object) -> None:
    raise TimeoutError("the check took too long")


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, late)
    main()
