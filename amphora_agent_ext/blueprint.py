"""The HTTP side: calls of our own, and guards around the stock ones that plug and configure."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess

import flask

from amphora_agent_ext import VERSION, links, schema
from amphora_agent_ext.apply import Firewall
from amphora_agent_ext.configuration import Configuration
from amphora_agent_ext.errors import DocumentError, FirewallError

PREFIX = "/1.0"
_PLUG = f"{PREFIX}/plug/"
# Stock calls that change files of haproxy and keepalived.
_CONFIGURING = tuple(f"{PREFIX}/{name}/" for name in ("loadbalancer", "listeners", "vrrp"))
# Bytes of a request's body: a hundred thousand IPv6 networks, written out, fit in.
MOST = 8 << 20


def create(firewall: Firewall, configuration: Configuration) -> flask.Blueprint:
    """The blueprint to register on the stock agent's application."""
    blueprint = flask.Blueprint("sriov_firewall", __name__, url_prefix=PREFIX)
    blueprint.add_url_rule("/sriov-capabilities", view_func=_capabilities, methods=["GET"])
    blueprint.add_url_rule(
        "/security-group",
        "read",
        functools.partial(_read, firewall, configuration),
        methods=["GET"],
    )
    blueprint.add_url_rule(
        "/security-group", "write", functools.partial(_write, firewall), methods=["POST"]
    )
    blueprint.add_url_rule(
        "/sriov-interfaces/down",
        "down",
        functools.partial(_down, firewall.netns),
        methods=["PUT"],
    )
    blueprint.before_app_request(functools.partial(_before_plug, firewall))
    blueprint.after_app_request(functools.partial(_after_plug, firewall))
    blueprint.before_app_request(functools.partial(_before_configuring, configuration))
    blueprint.after_app_request(functools.partial(_after_configuring, configuration))
    blueprint.register_error_handler(FirewallError, _failed)
    return blueprint


def _capabilities() -> flask.Response:
    return flask.jsonify(extension=VERSION, security_group=2, nftables=_nft_version())


def _read(firewall: Firewall, configuration: Configuration) -> flask.Response:
    counters = flask.request.args.get("counters", "true").lower() != "false"
    told = firewall.read(counters=counters).plain()
    return flask.jsonify({**told, "changed_files": configuration.changed()})


def _write(firewall: Firewall) -> flask.Response:
    # One byte more than is taken tells too much from enough, whatever the client announced.
    announced = flask.request.content_length or 0
    body = b"" if announced > MOST else flask.request.stream.read(MOST + 1)
    size = max(announced, len(body))
    if size > MOST:
        details = f"{size} bytes or more; at most {MOST} are taken"
        return _answer(413, "The rule document is too large", details)
    try:
        document = schema.decode(body)
    except DocumentError as error:
        return _answer(400, "The rule document is not valid", error.reason, error.path)
    return flask.jsonify(firewall.apply(document).plain())


def _down(netns: str) -> flask.Response:
    """Another amphora takes over what this one serves."""
    return flask.jsonify(down=links.down(netns))


def _before_plug(firewall: Firewall) -> flask.Response | None:
    """No interface goes up before the table is there that drops what it does not know."""
    if not flask.request.path.startswith(_PLUG):
        return None
    try:
        firewall.restore()
    except FirewallError as error:
        return _failed(error)
    return None


def _after_plug(firewall: Firewall, response: flask.Response) -> flask.Response:
    """An interface that has just got its name gets its rules.

    Also after an error: "exists already" (409) may be the answer to a repeated call whose first
    try ended half-way.
    """
    if not flask.request.path.startswith(_PLUG):
        return response
    try:
        firewall.restore()
    except FirewallError as error:
        return _failed(error)
    return response


def _before_configuring(configuration: Configuration) -> None:
    if _configures():
        flask.g.sriov_files = configuration.files()


def _after_configuring(configuration: Configuration, response: flask.Response) -> flask.Response:
    """Also after an error: what the controller sent may be in place all the same."""
    if "sriov_files" in flask.g:
        configuration.sent(flask.g.sriov_files)
    return response


def _configures() -> bool:
    return flask.request.method != "GET" and flask.request.path.startswith(_CONFIGURING)


def _failed(error: FirewallError) -> flask.Response:
    return _answer(500, error.message, error.details)


def _answer(status: int, message: str, details: str, path: str = "") -> flask.Response:
    response = flask.jsonify(message=message, details=details, path=path)
    response.status_code = status
    return response


@functools.cache
def _nft_version() -> str:
    command = shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if command is None:
        return ""
    told = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"v(\d[\d.]*)", told.stdout)
    return found.group(1) if found else ""
