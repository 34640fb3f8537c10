"""``systemctl`` of an amphora: the verbs its agent uses, on the units it writes."""

from __future__ import annotations

from sriov_provider.compute.local.guest import units
from sriov_provider.compute.local.guest.services import Services
from sriov_provider.compute.local.guest.units import Unit

# systemd's exit codes.
_FAILED, _INACTIVE, _NO_UNIT = 1, 3, 5
_NOTHING_TO_DO = ("daemon-reload", "preset", "mask", "unmask", "reset-failed")


def main(*arguments: str) -> int:
    """:returns: the exit code systemctl would have"""
    words = [word for word in arguments if not word.startswith("-")]
    if not words or words[0] in _NOTHING_TO_DO:
        return 0
    verb, *names = words
    services = Services()
    return max((_one(services, verb, name) for name in names), default=0)


def _one(services: Services, verb: str, name: str) -> int:
    unit = units.load(name)
    if unit is None:
        print(f"Unit {units.full_name(name)} not found.")
        return 0 if verb == "disable" else _NO_UNIT
    if verb in ("is-active", "status"):
        active = services.active(unit.name)
        print("active" if active else "inactive")
        return 0 if active else _INACTIVE
    with services.locked():
        return 0 if _act(services, verb, unit) else _FAILED


def _act(services: Services, verb: str, unit: Unit) -> bool:
    link = units.WANTED / unit.name
    if verb == "enable":
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(units.DIRECTORIES[-1] / unit.name)
        return True
    if verb == "disable":
        link.unlink(missing_ok=True)
        return True
    if verb == "start":
        return services.start(unit)
    if verb == "stop":
        return services.stop(unit)
    if verb in ("reload", "reload-or-restart") and (verb == "reload" or services.active(unit.name)):
        return services.reload(unit)
    if verb in ("restart", "try-restart", "reload-or-restart"):
        return services.stop(unit) and services.start(unit)
    print(f"Unknown command verb {verb}.")
    return False
