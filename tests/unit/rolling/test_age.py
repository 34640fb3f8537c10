from __future__ import annotations

import pytest

import amphora_agent_ext
from sriov_provider.rolling import age


def test_both_sides_mean_the_same_agent() -> None:
    assert age.AGENT_VERSION == amphora_agent_ext.VERSION


@pytest.mark.parametrize(
    ("image", "agent", "why"),
    [
        ("new", "0.1.0", ""),
        ("old", "0.1.0", "image old, now new"),
        ("new", "0.0.9", "agent 0.0.9, now 0.1.0"),
        ("new", "0.0", "agent 0.0, now 0.1.0"),
        ("old", "0.0.9", "image old, now new; agent 0.0.9, now 0.1.0"),
        ("new", "0.1.0rc1", ""),
        ("new", "0.10.0", ""),
        ("new", "1.0", ""),
        ("new", "from a branch", ""),
        (None, "0.1.0", ""),
        ("old", None, "image old, now new"),
        (None, None, ""),
    ],
)
def test_age(image: str | None, agent: str | None, why: str) -> None:
    assert age.why(image, "new", agent) == why
