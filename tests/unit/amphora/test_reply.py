"""What an agent's refusals mean."""

from __future__ import annotations

import pytest

from sriov_provider.amphora import reply
from sriov_provider.amphora.base import Endpoint
from sriov_provider.amphora.reply import Reply
from sriov_provider.errors import Code, ProviderError

ENDPOINT = Endpoint("amphora-id", "192.0.2.10")


@pytest.mark.parametrize("status", [200, 202, 204])
def test_accepted(status: int) -> None:
    answer = Reply(status)
    assert reply.check(answer, ENDPOINT, "x") is answer
    assert reply.check_firewall(answer, ENDPOINT, "x") is answer


@pytest.mark.parametrize(
    ("status", "retriable"), [(400, False), (404, False), (409, False), (500, True), (503, True)]
)
def test_refused(status: int, retriable: bool) -> None:
    answer = Reply(status, {"message": "Invalid request", "details": "line 7"})
    with pytest.raises(ProviderError) as caught:
        reply.check(answer, ENDPOINT, "take its haproxy configuration")
    error = caught.value
    assert error.reason.code is Code.AGENT_ERROR
    assert error.retriable is retriable
    for part in (str(status), "Invalid request: line 7", "amphora-id", "192.0.2.10"):
        assert part in error.reason.operator
        assert part not in error.reason.user


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Reply(500, {"error": "500 boom", "http_code": 500}), "500 boom"),
        (Reply(500, None, " <html>oops</html> "), "<html>oops</html>"),
        (Reply(500, ["x"], ""), "no reason given"),
        (Reply(500, {"message": "m" * 5000}), "m" * 1000),
    ],
)
def test_message(answer: Reply, expected: str) -> None:
    assert answer.message == expected


@pytest.mark.parametrize(
    ("answer", "missing"),
    [
        (Reply(404, {"details": "No suitable network interface found"}), True),
        (Reply(404, None, "not up"), True),
        (Reply(404, {"error": "404 Not Found"}), False),
        (Reply(202, {"details": "No suitable network interface found"}), False),
    ],
)
def test_interface_missing(answer: Reply, missing: bool) -> None:
    assert answer.interface_missing is missing


@pytest.mark.parametrize(
    "answer", [Reply(404, {"error": "404 Not Found", "http_code": 404}), Reply(404, None, "<p>")]
)
def test_extension_missing(answer: Reply) -> None:
    with pytest.raises(ProviderError) as caught:
        reply.check_firewall(answer, ENDPOINT, "apply its firewall")
    assert caught.value.reason.code is Code.EXTENSION_MISSING
    assert "sriov-amphora-agent" in caught.value.reason.operator
    assert not caught.value.retriable


def test_firewall_refused() -> None:
    body = {"message": "Invalid", "path": "listeners/0/port", "details": "70000 is too big"}
    with pytest.raises(ProviderError) as caught:
        reply.check_firewall(Reply(400, body), ENDPOINT, "apply its firewall")
    assert caught.value.reason.code is Code.FIREWALL_REFUSED
    assert "listeners/0/port" in caught.value.reason.operator
    assert "70000 is too big" in caught.value.reason.operator


def test_firewall_broken_is_the_agents_fault() -> None:
    with pytest.raises(ProviderError) as caught:
        reply.check_firewall(Reply(500, {"message": "nft"}), ENDPOINT, "apply its firewall")
    assert caught.value.reason.code is Code.AGENT_ERROR
    assert caught.value.retriable
