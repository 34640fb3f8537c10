"""Nova's own conversion is the specification: every field of every row is compared with it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from sriov_provider.errors import Code, ProviderError
from sriov_provider.portdriver.osvif import objects
from tests.fakes.bound_ports import CASES, NETWORK, PCI, SUBNETS, Case, settled

NOT_BOUND = (
    Case("", "binding_failed", "normal", {}, None),
    Case("", "unbound", "normal", {}, None),
)
WITHOUT_SOCKET = Case("", "vrouter", "virtio-forwarder", {}, None)
OTHER_KIND = Case("", "vrouter", "macvtap", {}, None)
ALL = (*CASES, *NOT_BOUND, WITHOUT_SOCKET, OTHER_KIND)


@pytest.fixture(scope="module")
def nova() -> dict[str, Any]:
    """What Nova says of each case."""
    ports = [case.port() for case in ALL]
    request = {"network": NETWORK, "subnets": SUBNETS, "ports": ports}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.functional.portdriver.osvif.nova_says"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {str(case): told for case, told in zip(ALL, json.loads(done.stdout), strict=True)}


def ours(case: Case) -> Any:
    return objects.to_osvif(case.port(), NETWORK, SUBNETS, PCI)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_every_field_is_novas(nova: dict[str, Any], case: Case) -> None:
    specified, made = nova[str(case)]["made"], ours(case)
    if case.osvif is None:
        assert made is None and specified is None
        return
    assert (type(made).__name__, made.plugin) == case.osvif
    assert settled(made.obj_to_primitive()) == settled(specified)


def test_all_rows_are_compared() -> None:
    seen = {(case.vif_type, case.vnic_type) for case in CASES}
    assert seen == set(objects.ROWS) | objects.WITHOUT_OSVIF


@pytest.mark.parametrize("case", NOT_BOUND, ids=lambda c: c.vif_type)
def test_neither_plugs_what_is_not_bound(nova: dict[str, Any], case: Case) -> None:
    assert nova[str(case)] == {"made": None}
    with pytest.raises(ProviderError) as caught:
        ours(case)
    assert caught.value.reason.code is Code.BINDING_FAILED


def test_neither_plugs_a_vhost_user_port_without_its_socket(nova: dict[str, Any]) -> None:
    assert nova[str(WITHOUT_SOCKET)] == {"raised": "VifDetailsMissingVhostuserSockPath"}
    with pytest.raises(ProviderError, match="tells no vhostuser_socket"):
        ours(WITHOUT_SOCKET)


def test_neither_knows_other_kinds_on_a_vrouter(nova: dict[str, Any]) -> None:
    assert nova[str(OTHER_KIND)] == {"raised": "NotImplementedError"}
    with pytest.raises(ProviderError, match="no datapath is known") as caught:
        ours(OTHER_KIND)
    assert caught.value.reason.code is Code.UNSUPPORTED
