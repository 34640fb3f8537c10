"""How many VFs a host has, as the operator states it in ``[sriov_provider] vf_totals``. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping


@dataclasses.dataclass(frozen=True)
class Totals:
    """:ivar stated: (host, physical network) -> number of VFs, or resource class of Placement
    whose inventory says it; an empty host stands for all hosts that are not named
    """

    stated: Mapping[tuple[str, str], int | str] = dataclasses.field(default_factory=dict)

    def of(self, host: str, physnet: str) -> int | str | None:
        """What is stated for a host: a number, a resource class, or nothing."""
        return self.stated.get((host, physnet), self.stated.get(("", physnet)))

    def resource_classes(self) -> tuple[str, ...]:
        """Those to be asked of Placement."""
        return tuple(sorted({v for v in self.stated.values() if isinstance(v, str)}))

    def classes_by_physnet(self) -> dict[str, set[str]]:
        """Resource classes that stand for VFs of each physical network."""
        found: dict[str, set[str]] = {}
        for (_host, physnet), value in self.stated.items():
            if isinstance(value, str):
                found.setdefault(physnet, set()).add(value)
        return found


def parse(entries: Iterable[str]) -> Totals:
    """:param entries: ``PHYSNET:VALUE`` or ``HOST/PHYSNET:VALUE``; the option has checked them"""
    stated: dict[tuple[str, str], int | str] = {}
    for entry in entries:
        where, _, value = entry.rpartition(":")
        host, _, physnet = where.rpartition("/")
        stated[host, physnet] = int(value) if value.isdigit() else value
    return Totals(stated)
