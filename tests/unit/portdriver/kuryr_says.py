"""What kuryr-libnetwork thinks of our drivers: ``python -m ...kuryr_says DIRECTORY``.

In a process of its own, for it registers options that others register too. The answer is JSON.
"""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path
from typing import Any

from kuryr_libnetwork.port_driver import driver as kuryr
from kuryr_libnetwork.port_driver.drivers import sriov, veth

from sriov_provider.portdriver.osvif.driver import SwitchDriver
from sriov_provider.portdriver.sriov import SriovDriver
from sriov_provider.portdriver.standin import StandinDriver
from tests.unit.portdriver.stage import host


def methods() -> dict[str, list[tuple[str, bool, Any]]]:
    """Parameters of each: name, whether it may be left out, and then what it is."""
    named = inspect.getmembers(kuryr.Driver, inspect.isfunction)
    return {
        name: [
            (p.name, p.default is not p.empty, None if p.default is p.empty else p.default)
            for p in inspect.signature(method).parameters.values()
        ]
        for name, method in named
        if not name.startswith("_")
    }


def accepted(ours: type, directory: Path) -> bool:
    """Whether kuryr takes a driver of ours for one of its own, with nothing left abstract."""
    made = host(directory)
    theirs: Any = type("SriovDriver", (ours, kuryr.Driver), {})
    driver = theirs(made.settings, made.machine)
    kuryr._verify_port_driver_compliancy(driver, "sriov")
    return issubclass(theirs, kuryr.Driver)


def main() -> None:
    directory = Path(sys.argv[1])
    answer = {
        "methods": methods(),
        "bindings": [sriov.SriovDriver.BINDING_DRIVERS, veth.VethDriver.BINDING_DRIVERS],
        "accepted": [
            accepted(ours, directory) for ours in (SriovDriver, StandinDriver, SwitchDriver)
        ],
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
