"""Tables of the documentation against the code they are about."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from amphora_agent_ext import schema
from amphora_agent_ext.totals import COUNTERS
from sriov_provider import config
from sriov_provider.api import flavor_schema
from sriov_provider.cmd.main import COMMANDS
from sriov_provider.errors import Code
from sriov_provider.firewall.counts import MEANINGS

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "doc/source"
_ROW = re.compile(r"^``([a-z0-9_-]+)``\s{2,}", re.MULTILINE)


def section(page: str, title: str) -> str:
    """The text below a heading, up to the next one of whatever level."""
    text = (SOURCE / page).read_text()
    found = re.search(
        rf"^{re.escape(title)}\n([-=~])\1+\n(.*?)(?=^[^\n]+\n[-=~]{{4,}}\n[^=]|\Z)",
        text,
        re.M | re.S,
    )
    assert found, f"{page} has no section {title}"
    return found.group(2)


def test_every_reason_code_is_explained_once() -> None:
    rows = _ROW.findall(section("admin/reasons.rst", "Reason codes"))
    assert sorted(rows) == sorted(code.value for code in Code)


def test_every_flavor_key_is_explained_once() -> None:
    rows = _ROW.findall(section("admin/flavor.rst", "Keys"))
    assert sorted(rows) == sorted(flavor_schema.FLAVOR["properties"])


def test_every_availability_zone_key_is_named() -> None:
    text = section("admin/flavor.rst", "Keys")
    assert all(f"``{key}``" in text for key in flavor_schema.AVAILABILITY_ZONE["properties"])


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_is_explained(command: str) -> None:
    assert f"``sriov-provider {command}" in section("admin/commands.rst", "sriov-provider")


def test_every_shared_option_is_named() -> None:
    text = section("configuration.rst", "Options of the stock provider")
    options = (*config.CONTROLLER_WORKER_OPTS, *config.NOVA_OPTS)
    general = {"service_name", "endpoint", "region_name", "endpoint_type", "insecure"}
    general |= {"ca_certificates_file"}
    missing = {o.dest for o in options if f"``{o.dest}``" not in text} - general
    assert missing == set()


def examples() -> list[dict[str, object]]:
    """The JSON blocks of the agent's page."""
    text = (SOURCE / "agent-api.rst").read_text()
    blocks = re.findall(r"\.\. code-block:: json\n\n((?:   .*\n|\n)+)", text)
    return [json.loads(block) for block in blocks]


def test_the_documents_example_is_accepted_and_complete() -> None:
    (example,) = [e for e in examples() if "listeners" in e]
    assert set(example) == set(schema.SCHEMA["properties"])
    assert len(schema.parse(example).interfaces) == 2


def test_the_keys_of_the_document_are_explained() -> None:
    rows = set(_ROW.findall(section("agent-api.rst", "POST /1.0/security-group")))
    interface = schema.SCHEMA["properties"]["interfaces"]["items"]["properties"]
    assert {*schema.SCHEMA["properties"], *interface} - rows == {"mac"}  # in the row of interfaces


def test_every_counter_is_explained_as_the_console_does() -> None:
    text = section("agent-api.rst", "POST /1.0/security-group")
    for name, meaning in COUNTERS.items():
        assert re.search(rf"^``{name}``\s+{re.escape(meaning)}$", text, re.M), name


def test_every_drop_reason_is_explained_as_the_command_does() -> None:
    text = section("admin/firewall.rst", "Firewalls: counters and drift")
    rows = dict(re.findall(r"^``([a-z]+)`` {2,}(\S.*)$", text, re.M))
    drops = {name: text for name, text in MEANINGS.items() if name.startswith("drop_")}
    assert {f"drop_{name}": words for name, words in rows.items()} == drops
