from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sriov_provider import cloud_errors
from sriov_provider.cloud_errors import Refusal
from sriov_provider.errors import Code
from tests.fakes import errors


@given(st.integers(400, 599), st.text(max_size=30), st.text(max_size=60))
def test_every_refusal_has_a_reason_and_survives_pickling(
    status: int, kind: str, message: str
) -> None:
    error = cloud_errors.from_refusal("network: GET /ports", Refusal(status, kind, message))
    assert error.reason.user
    assert "network: GET /ports" in error.reason.operator
    copied = pickle.loads(pickle.dumps(error))
    assert (copied.reason, copied.retriable) == (error.reason, error.retriable)


@given(st.integers(500, 599))
def test_server_errors_pass(status: int) -> None:
    assert cloud_errors.from_refusal("x", Refusal(status, "", "oops")).retriable


@pytest.mark.parametrize(
    ("error", "code", "retriable"),
    [
        (errors.no_vf(), Code.NO_VF, True),
        (errors.binding_failed(), Code.BINDING_FAILED, True),
        (errors.port_busy(), Code.PORT_BUSY, False),
        (errors.no_address(), Code.NO_ADDRESS, False),
        (errors.quota(), Code.QUOTA, False),
        (errors.timeout(), Code.CLOUD_ERROR, True),
    ],
)
def test_the_named_failures(error: cloud_errors.ProviderError, code: Code, retriable: bool) -> None:
    assert (error.reason.code, error.retriable) == (code, retriable)
