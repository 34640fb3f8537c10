"""Settings of the Zun compute driver, ``[zun_compute]``; part of :mod:`sriov_provider.config`.

The section also takes ``endpoint``, ``endpoint_type``, ``region_name``, ``service_name``,
``ca_certificates_file`` and ``insecure``, as ``[nova]`` does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from oslo_config import cfg

GROUP = "zun_compute"
OPTS = (
    cfg.StrOpt(
        "image",
        default="",
        sample_default="registry.example.org/octavia-amphora:2026.2",
        help="The container image of amphorae, by its name in a registry. Empty: the newest image "
        "of Glance with [controller_worker] amp_image_tag.",
    ),
    cfg.ListOpt(
        "flavors",
        default=[],
        sample_default=["small:512:1", "large:4096:4"],
        item_type=cfg.types.String(regex=r"^[^:]+:\d+:\d+(\.\d+)?$"),
        help="What a compute_flavor of a load balancer's flavor, or [controller_worker] "
        "amp_flavor_id, means here: NAME:MEMORY:CPUS, memory in MiB.",
    ),
    cfg.StrOpt(
        "runtime",
        default="",
        sample_default="kata",
        help="The container runtime; empty for the host's own. Zun lets administrators alone "
        "choose one.",
    ),
    cfg.BoolOpt(
        "privileged",
        default=True,
        help="Whether amphorae are privileged containers. Their agent makes a network namespace "
        "and firewall rules, which no other container of Docker's may. Zun's policy forbids it to "
        "everybody by default (container:create:privileged).",
    ),
)


@dataclasses.dataclass(frozen=True)
class Size:
    """:ivar memory: MiB"""

    memory: int
    cpus: float


@dataclasses.dataclass(frozen=True)
class Zun:
    """:ivar image: None for the newest of Glance
    :ivar runtime: None for the host's own
    """

    image: str | None = None
    flavors: Mapping[str, Size] = dataclasses.field(default_factory=dict)
    runtime: str | None = None
    privileged: bool = True


def zun(conf: Any) -> Zun:
    """:param conf: parsed, with OPTS registered in GROUP"""
    ours = conf[GROUP]
    return Zun(ours.image or None, flavors(ours.flavors), ours.runtime or None, ours.privileged)


def flavors(told: Sequence[str]) -> dict[str, Size]:
    """:param told: NAME:MEMORY:CPUS each"""
    parts = (one.split(":") for one in told)
    return {name: Size(int(memory), float(cpus)) for name, memory, cpus in parts}
