"""The committed files below etc/ are what the code means today."""

from __future__ import annotations

import configparser
import json
from pathlib import Path

import pytest
from oslo_config import generator

from sriov_provider import config
from sriov_provider.api import flavor_schema

ETC = Path(__file__).resolve().parents[2] / "etc"


def test_the_sample_configuration_is_current(tmp_path: Path) -> None:
    fresh = tmp_path / "sample"
    generator.main(["--namespace", "sriov_provider", "--output-file", str(fresh)])
    assert (ETC / "sriov_provider.conf.sample").read_text() == fresh.read_text(), (
        "run: tox -e genconfig"
    )


def test_the_sample_names_every_option() -> None:
    text = (ETC / "sriov_provider.conf.sample").read_text()
    for option in config.OPTS:
        assert f"#{option.dest} = " in text


def test_the_snippet_is_understood() -> None:
    snippet = ETC / "octavia.conf.sriov-snippet"
    settings = config.settings(config.parse([str(snippet)]))
    assert settings.database_connection.startswith("mysql+pymysql://sriov_provider:")
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(snippet.read_text())
    assert parser["driver_agent"]["enabled_provider_agents"] == "sriov"
    drivers = parser["api_settings"]["enabled_provider_drivers"].split(",")
    assert {d.split(":")[0] for d in drivers} == {"amphora", "sriov"}


@pytest.mark.parametrize("path", sorted(ETC.glob("flavor-profile*.json")), ids=lambda p: p.name)
def test_flavor_profiles_are_accepted(path: Path) -> None:
    profile = json.loads(path.read_text())
    assert profile["provider_name"] == "sriov"
    assert profile["flavor_data"]["sriov_vip"] is True
    flavor_schema.check_flavor(profile["flavor_data"])


def test_there_are_flavor_profiles() -> None:
    assert (ETC / "flavor-profile.json").exists()
