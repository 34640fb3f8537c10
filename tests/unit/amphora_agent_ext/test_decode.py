"""JSON text that is no rule document, and text that is no JSON."""

from __future__ import annotations

import json

import pytest

from amphora_agent_ext import schema
from amphora_agent_ext.errors import DocumentError
from tests.unit.amphora_agent_ext.bodies import MAC, body, interface


def test_a_document_as_text_or_bytes() -> None:
    text = json.dumps(body())
    assert schema.decode(text) == schema.decode(text.encode()) == schema.parse(body())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\x80", "not JSON"),
        (b"1" * 5000, "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"null", "None is not of type 'object'"),
    ],
)
def test_text_that_is_none(text: bytes, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason) as caught:
        schema.decode(text)
    assert caught.value.path == ""


@pytest.mark.parametrize("depth", range(100, 1001, 100))
def test_a_value_that_is_read_but_too_deep_to_be_looked_at(depth: int) -> None:
    """The message of a refusal shows the wrong value."""
    text = '{"version": 1, "interfaces": ' + '{"a":' * depth + "0" + "}" * depth + "}"
    with pytest.raises(DocumentError):
        schema.decode(text)


@pytest.mark.parametrize("mac", [f"{MAC}\n", f"\n{MAC}", f"{MAC} ", MAC.replace("f", "\uff46")])
def test_a_mac_address_and_nothing_more(mac: str) -> None:
    with pytest.raises(DocumentError) as caught:
        schema.parse(body(interfaces=[interface(mac=mac)]))
    assert caught.value.path == "interfaces/0/mac"
