"""The port driver's settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from sriov_provider import config
from sriov_provider.config_port_driver import mappings
from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.base import Settings


def settings(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "octavia.conf"
    path.write_text(text)
    return config.settings(config.parse([str(path)])).ports


def test_nothing_is_plugged_unless_somebody_says_so(tmp_path: Path) -> None:
    assert settings(tmp_path, "") == Settings()
    assert Settings() == Settings((), Path("/var/lib/octavia-sriov/ports"), 0, standin=False)


def test_all_of_it(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        "[port_driver]\nphysical_device_mappings = physnet1:ens1f0, physnet1:ens1f1\n"
        "state_path = /srv/ports\ncreate_vfs = 8\nstandin = true\n",
    )
    pairs = (("physnet1", "ens1f0"), ("physnet1", "ens1f1"))
    assert found == Settings(pairs, Path("/srv/ports"), 8, standin=True)


def test_a_pair_told_twice_is_one() -> None:
    assert mappings(["a:x", "a:x", "b:c:y"]) == (("a", "x"), ("b:c", "y"))


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (["physnet1"], "'physnet1' is not PHYSNET:PF"),
        (["physnet1:"], "'physnet1:' is not PHYSNET:PF"),
        ([":ens1"], "':ens1' is not PHYSNET:PF"),
        (["a:ens1", "b:ens1"], "ens1 has several physical networks"),
    ],
)
def test_what_is_no_mapping_is_refused(told: list[str], why: str) -> None:
    with pytest.raises(ProviderError) as caught:
        mappings(told)
    assert caught.value.reason.code is Code.CONFIGURATION
    assert why in caught.value.reason.operator
