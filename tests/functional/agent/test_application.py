"""The stock application with our blueprint, and the guard around its plug calls."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import flask
import pytest
from octavia.common import config  # noqa: F401  (registers the options)
from oslo_config import cfg, fixture
from pyroute2 import netns as pyroute2_netns
from werkzeug import exceptions

from amphora_agent_ext import agent, blueprint, kernel, namespace, plugging
from amphora_agent_ext.apply import Firewall
from amphora_agent_ext.configuration import Configuration
from amphora_agent_ext.errors import NamespaceError
from tests.functional.agent.conftest import Amphora

pytestmark = pytest.mark.root


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[fixture.Config]:
    found = fixture.Config(cfg.CONF)
    found.setUp()
    found.config(group="amphora_agent", agent_server_network_dir=str(tmp_path))
    yield found
    found.cleanUp()


def test_the_stock_application_has_our_calls(amphora: Amphora, settings: fixture.Config) -> None:
    client = agent.application(None, amphora.firewall).test_client()
    assert client.get("/").json == {"api_version": "1.0"}
    assert client.get("/1.0/sriov-capabilities").json["security_group"] == 2
    assert client.post("/1.0/security-group", json={}).status_code == 400
    assert client.get("/1.0/nothing").status_code == 404


def test_gunicorn_asks_for_the_controllers_certificate(settings: fixture.Config) -> None:
    settings.config(group="haproxy_amphora", bind_host="198.18.0.5", bind_port=9443)
    settings.config(group="amphora_agent", agent_tls_protocol="TLSv1.2")
    options = agent.server_options(cfg.CONF)
    assert options["bind"] == "198.18.0.5:9443"
    assert options["cert_reqs"] is ssl.CERT_REQUIRED
    assert options["ssl_version"] is ssl.PROTOCOL_TLSv1_2


def test_an_interface_that_cannot_be_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the stock agent answers."""
    monkeypatch.setattr(namespace, "AMPHORA", "no-such-namespace")
    with pytest.raises(exceptions.HTTPException) as caught:
        plugging.bring_up("eth9", "network")
    answer = caught.value.get_response()
    assert answer.status_code == 500
    told = json.loads(answer.get_data())
    assert told["message"] == "Error plugging network"
    assert told["details"].startswith("Namespace no-such-namespace cannot be entered")


@pytest.fixture
def stock(amphora: Amphora) -> Iterator[flask.Flask]:
    """Stands for the stock plug call: notes whether the table was there when it ran."""
    app = flask.Flask("stock")
    app.register_blueprint(blueprint.create(amphora.firewall, Configuration()))
    app.extensions["answer"] = 202

    @app.post("/1.0/plug/network")
    def plug() -> tuple[dict[str, bool], int]:
        present = bool(kernel.fingerprint(amphora.firewall.netns)[1])
        amphora.space.nft("delete", "table", "inet", "amphora_sriov")
        app.extensions["plugged"] = True
        return {"guarded": present}, app.extensions["answer"]

    @app.get("/1.0/info")
    def info() -> dict[str, str]:
        return {}

    yield app


@pytest.mark.parametrize("status", [202, 409, 500])
def test_plugging_is_guarded_before_and_after(
    amphora: Amphora, stock: flask.Flask, status: int
) -> None:
    """After an error as well: a first try may have ended half-way."""
    stock.extensions["answer"] = status
    assert not kernel.fingerprint(amphora.firewall.netns)[1]
    answer = stock.test_client().post("/1.0/plug/network")
    assert (answer.status_code, answer.json) == (status, {"guarded": True})
    assert kernel.fingerprint(amphora.firewall.netns)[1]


def test_other_calls_do_not_touch_the_table(amphora: Amphora, stock: flask.Flask) -> None:
    assert stock.test_client().get("/1.0/info").status_code == 200
    assert not kernel.fingerprint(amphora.firewall.netns)[1]
    amphora.firewall.restore()


@pytest.mark.parametrize("failing", [1, 2])
def test_nothing_is_plugged_without_a_firewall(
    amphora: Amphora, stock: flask.Flask, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    calls: list[str] = []
    replace = kernel.replace

    def refuse(name: str, transaction: str) -> None:
        calls.append(name)
        replace(name, "nonsense\n" if len(calls) == failing else transaction)

    monkeypatch.setattr(kernel, "replace", refuse)
    answer = stock.test_client().post("/1.0/plug/network")
    assert answer.status_code == 500
    assert "syntax error" in answer.json["details"]
    assert stock.extensions.get("plugged", False) is (failing == 2)
    monkeypatch.undo()
    amphora.firewall.restore()


def test_a_namespace_is_made_when_there_is_none(tmp_path: Path) -> None:
    name = f"made-{tmp_path.name[-8:]}"
    firewall = Firewall(name, tmp_path / "state.json", tmp_path / "plugged")
    try:
        firewall.restore()
        assert firewall.read().digest == ""
        assert name in pyroute2_netns.listnetns()
    finally:
        pyroute2_netns.remove(name)


def test_a_namespace_that_cannot_be_made(tmp_path: Path) -> None:
    firewall = Firewall("no/such/place", tmp_path / "state.json", tmp_path / "plugged")
    with pytest.raises(NamespaceError):
        firewall.restore()
