"""What compute drivers refuse that have neither flavors nor server groups of Nova."""

from __future__ import annotations

from collections.abc import Collection

from sriov_provider import cloud_errors
from sriov_provider.errors import Code, ProviderError

STRICT = "anti-affinity"
_CONFIGURATION = "The load balancer service is not set up completely."


def unknown_flavor(flavor: str, section: str, flavors: Collection[str]) -> None:
    """:param section: of the configuration, that lists the flavors
    :raises ProviderError: NOT_FOUND, naming those there are; an empty name is fine
    """
    if flavor and flavor not in flavors:
        known = ", ".join(sorted(flavors)) or "none"
        text = f"[{section}] flavors has no '{flavor}' (there are: {known})."
        raise cloud_errors.not_found(text)


def strict_placement(policy: str, why: str) -> None:
    """:param policy: wanted of a server group
    :param why: what keeps two amphorae from being kept apart, for an operator
    :raises ProviderError: UNSUPPORTED when they must be
    """
    if policy == STRICT:
        raise ProviderError(
            Code.UNSUPPORTED,
            "The two amphorae of this load balancer cannot be kept on different hosts.",
            f"{why}: anti-affinity is soft or off here (flavor key anti_affinity, [nova] "
            "anti_affinity_policy).",
        )


def cloud_init(which: str) -> ProviderError:
    """:param which: amphorae that do not run it"""
    text = f"[controller_worker] user_data_config_drive needs cloud-init, which {which} do not run."
    return ProviderError(Code.CONFIGURATION, _CONFIGURATION, text)
