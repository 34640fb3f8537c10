"""HTTP behaviour that needs no kernel."""

from __future__ import annotations

from pathlib import Path

import flask
import pytest

from amphora_agent_ext import VERSION, blueprint
from amphora_agent_ext.apply import Firewall
from amphora_agent_ext.configuration import Configuration

FIREWALL = Firewall("no-such-namespace", Path("/nonexistent/state.json"), Path("/nonexistent/x"))


def application() -> flask.Flask:
    app = flask.Flask("agent")
    app.register_blueprint(blueprint.create(FIREWALL, Configuration(Path("/nonexistent"))))
    return app


def test_capabilities() -> None:
    told = application().test_client().get("/1.0/sriov-capabilities").json
    assert told["extension"] == VERSION
    assert told["security_group"] == 2
    assert told["nftables"] == "" or told["nftables"][0].isdigit()


def test_a_refusal_needs_no_kernel() -> None:
    answer = application().test_client().post("/1.0/security-group", json={"version": 1})
    assert answer.status_code == 400
    assert set(answer.json) == {"message", "path", "details"}


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "security-group"), ("PUT", "sriov-interfaces/down")]
)
def test_what_the_kernel_says_is_told(method: str, path: str) -> None:
    answer = application().test_client().open(f"/1.0/{path}", method=method)
    assert answer.status_code == 500
    assert "no-such-namespace" in answer.json["message"]
