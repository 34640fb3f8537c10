"""VFs as network devices of this host."""

from __future__ import annotations

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.base import SRIOV
from sriov_provider.portdriver.claims import Claim
from sriov_provider.portdriver.driver import Driver
from sriov_provider.portdriver.kernel import USER, Link
from sriov_provider.portdriver.wish import Wish


class SriovDriver(Driver):
    """A claim's device is the VF's PCI address."""

    name = SRIOV
    bindings = ("hw_veb",)

    def bind(self, wish: Wish, claim: Claim | None) -> Claim:
        raise ProviderError(Code.UNSUPPORTED, USER, "VFs are not served yet")

    def free(self, claim: Claim) -> None:
        raise ProviderError(Code.UNSUPPORTED, USER, "VFs are not served yet")

    def on_host(self, claim: Claim) -> Link | None:
        return None

    def whole(self, claim: Claim) -> bool:
        return False
