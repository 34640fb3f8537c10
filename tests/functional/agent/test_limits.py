"""What the agent takes, and what a call costs it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from amphora_agent_ext import blueprint, kernel, netlink
from tests.functional import netns
from tests.functional.agent.conftest import Amphora, document

pytestmark = pytest.mark.root

URL = "/1.0/security-group"


def large(count: int) -> dict[str, Any]:
    """So many (port, CIDR) pairs, written at length, at ten ports."""
    listeners = [
        {
            "id": f"4c9a1d5e-0000-4000-8000-{port:012x}",
            "protocol": "tcp",
            "port": port,
            "allowed_cidrs": [
                f"2001:0db8:{n >> 16:04x}:{n & 65535:04x}:0000:0000:0000:0000/64"
                for n in range(0, count // 5, 2)
            ],
        }
        for port in range(1000, 1010)
    ]
    return document(listeners=listeners)


def test_a_hundred_thousand_networks_are_taken(amphora: Amphora) -> None:
    if netns.in_user_namespace():
        pytest.skip("LEFT OUT: only real root may enlarge a netlink socket's buffer")
    text = json.dumps(large(100_000))
    assert 4 << 20 < len(text) < blueprint.MOST
    answer = amphora.client.post(URL, data=text)
    assert answer.status_code == 200, answer.text
    listing = kernel.listing(amphora.firewall.netns)
    assert listing.count(". tcp .") >= 100_000


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_large_is_not_read(ready: Amphora, announced: bool) -> None:
    before = ready.get()
    body = b" " * (blueprint.MOST + 1)
    # Without a length the server ends the stream: a body in chunks.
    options = {} if announced else {"environ_overrides": {"wsgi.input_terminated": True}}
    headers = {} if announced else {"Transfer-Encoding": "chunked", "Content-Length": ""}
    answer = ready.client.post(URL, data=body, headers=headers, **options)
    assert answer.status_code == 413
    assert answer.json["message"] == "The rule document is too large"
    assert str(len(body)) in answer.json["details"]
    assert str(blueprint.MOST) in answer.json["details"]
    assert ready.get() == before


def test_a_small_change_of_a_large_document_sends_little(
    amphora: Amphora, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = large(10_000)
    assert amphora.client.post(URL, json=body).status_code == 200
    sent: list[str] = []
    replace = kernel.replace

    def spy(name: str, transaction: str) -> None:
        sent.append(transaction)
        replace(name, transaction)

    monkeypatch.setattr(kernel, "replace", spy)
    body["listeners"][3]["allowed_cidrs"].append("10.0.0.0/8")
    body["listeners"][4]["allowed_cidrs"].pop()
    assert amphora.client.post(URL, json=body).status_code == 200
    assert [len(text) < 2_000 for text in sent] == [True]
    expected = amphora.get()["table"]
    amphora.space.nft("flush", "table", "inet", "amphora_sriov")
    assert amphora.client.post(URL, json=body).json["table"] == expected


def test_a_look_without_counters_reads_no_set(
    ready: Amphora, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ready.get()
    monkeypatch.setattr(netlink, "dump", None)
    told = ready.client.get(f"{URL}?counters=false").json
    assert told == {key: value for key, value in before.items() if key != "counters"}
