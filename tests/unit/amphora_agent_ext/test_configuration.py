"""Files of haproxy and keepalived: those sent, and those that somebody else has changed."""

from __future__ import annotations

import json
from pathlib import Path

import flask
import pytest

from amphora_agent_ext import blueprint
from amphora_agent_ext.configuration import Configuration
from tests.unit.amphora_agent_ext.test_blueprint import FIREWALL

HAPROXY, VRRP = "lb-1/haproxy.cfg", "vrrp/octavia-keepalived.conf"


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    return Configuration(tmp_path)


def write(configuration: Configuration, name: str, text: str) -> None:
    path = configuration.base / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def send(configuration: Configuration, name: str, text: str | None) -> None:
    """As a controller does it; None: it has the file deleted."""
    before = configuration.files()
    if text is None:
        (configuration.base / name).unlink()
    else:
        write(configuration, name, text)
    configuration.sent(before)


def test_what_was_sent_is_as_it_was_sent(configuration: Configuration) -> None:
    assert configuration.changed() == ()
    for name in (
        HAPROXY, VRRP, "lvs/octavia-keepalivedlvs-x.conf", "certs/lb-1/cert.pem",
    ):  # fmt: skip
        send(configuration, name, "sent")
        assert name in configuration.files()
        assert configuration.changed() == ()
        write(configuration, name, "by hand")
        assert configuration.changed() == (name,)
        write(configuration, name, "sent")
    for other in ("certs/server.pem", "lb-1/servers-state", "plugged_interfaces"):
        write(configuration, other, "of no interest")
    assert len(configuration.files()) == 4


def test_a_file_that_somebody_deleted_is_missed(configuration: Configuration) -> None:
    send(configuration, HAPROXY, "sent")
    (configuration.base / HAPROXY).unlink()
    assert configuration.changed() == (HAPROXY,)
    send(configuration, VRRP, "sent")
    assert configuration.changed() == (HAPROXY,)
    send(configuration, HAPROXY, "sent again")
    assert configuration.changed() == ()


def test_a_file_that_the_controller_has_deleted_is_not(configuration: Configuration) -> None:
    send(configuration, HAPROXY, "sent")
    send(configuration, HAPROXY, None)
    assert configuration.changed() == ()


def test_another_file_that_is_sent_hides_no_change(configuration: Configuration) -> None:
    send(configuration, HAPROXY, "sent")
    write(configuration, HAPROXY, "by hand")
    send(configuration, VRRP, "sent")
    assert configuration.changed() == (HAPROXY,)


def test_files_of_before_the_first_record_count_as_sent(configuration: Configuration) -> None:
    write(configuration, HAPROXY, "of an earlier agent")
    assert configuration.changed() == ()
    send(configuration, VRRP, "sent")
    write(configuration, HAPROXY, "by hand")
    assert configuration.changed() == (HAPROXY,)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '"x"'])
def test_a_record_that_cannot_be_read_says_nothing(configuration: Configuration, text: str) -> None:
    send(configuration, HAPROXY, "sent")
    record = configuration.base / "sriov-configuration.json"
    assert list(json.loads(record.read_text())) == [HAPROXY]
    assert record.stat().st_mode & 0o777 == 0o600
    record.write_text(text)
    assert configuration.changed() == ()


def test_the_stock_calls_are_watched(configuration: Configuration) -> None:
    """Those that change files; also one that is answered by an error."""
    app = flask.Flask("agent")
    app.register_blueprint(blueprint.create(FIREWALL, configuration))

    @app.route("/1.0/loadbalancer/amphora/lb-1/haproxy", methods=["PUT", "GET"])
    def upload() -> tuple[str, int]:
        write(configuration, HAPROXY, flask.request.get_data(as_text=True) or "nothing")
        return "", 500

    client, path = app.test_client(), "/1.0/loadbalancer/amphora/lb-1/haproxy"
    client.put(path, data="one")
    assert configuration.changed() == ()
    client.get(path)
    assert configuration.changed() == (HAPROXY,)
    client.put(path, data="two")
    assert configuration.changed() == ()
