"""The protocol over HTTP.

What cannot be understood is answered with 400, a path nobody knows with 404; what was understood
and refused with 200 and ``Err``, as the protocol has it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

import flask
from werkzeug.exceptions import HTTPException

from sriov_provider.errors import ProviderError
from sriov_provider.portdriver.libnetwork import protocol
from sriov_provider.portdriver.libnetwork.driver import RemoteDriver

LOG = logging.getLogger(__name__)

Json = Mapping[str, Any]
Verb = Callable[[Json], Json]


def make(driver: RemoteDriver) -> flask.Flask:
    """The application of one remote driver."""
    app = flask.Flask(__name__)
    for path, verb in verbs(driver).items():
        app.add_url_rule(path, path, _view(verb), methods=["POST"])
    app.register_error_handler(ProviderError, _refused)
    app.register_error_handler(protocol.MalformedError, _malformed)
    app.register_error_handler(HTTPException, _http)
    return app


def verbs(driver: RemoteDriver) -> dict[str, Verb]:
    """By path. Swarm's calls, discovery and published ports are heard and left alone."""
    return {
        "/Plugin.Activate": lambda _body: {"Implements": ["NetworkDriver"]},
        "/NetworkDriver.GetCapabilities": lambda _body: {
            "Scope": "local",
            "ConnectivityScope": "global",
        },
        "/NetworkDriver.DiscoverNew": _nothing,
        "/NetworkDriver.DiscoverDelete": _nothing,
        "/NetworkDriver.AllocateNetwork": lambda body: {"Options": body.get("Options")},
        "/NetworkDriver.FreeNetwork": _nothing,
        "/NetworkDriver.CreateNetwork": driver.create_network,
        "/NetworkDriver.DeleteNetwork": driver.delete_network,
        "/NetworkDriver.CreateEndpoint": driver.create_endpoint,
        "/NetworkDriver.EndpointOperInfo": driver.endpoint_info,
        "/NetworkDriver.DeleteEndpoint": driver.delete_endpoint,
        "/NetworkDriver.Join": driver.join,
        "/NetworkDriver.Leave": driver.leave,
        "/NetworkDriver.ProgramExternalConnectivity": _nothing,
        "/NetworkDriver.RevokeExternalConnectivity": _nothing,
    }


def _nothing(_body: Json) -> Json:
    return {}


def _view(verb: Verb) -> Callable[[], flask.Response]:
    return lambda: _answer(verb(_body()))


def _body() -> Json:
    """The engine does not say that it sends JSON, and sends nothing where there is nothing."""
    try:
        found = json.loads(flask.request.get_data() or b"{}")
    except ValueError as error:
        raise protocol.MalformedError(f"no JSON: {error}") from error
    if not isinstance(found, dict):
        raise protocol.MalformedError("no JSON object")
    return found


def _answer(body: Json, status: int = 200) -> flask.Response:
    return flask.Response(json.dumps(body), status, content_type=protocol.CONTENT_TYPE)


def _refused(error: ProviderError) -> flask.Response:
    LOG.warning("%s: %s", flask.request.path, error.reason)
    return _answer({"Err": error.reason.operator})


def _malformed(error: protocol.MalformedError) -> flask.Response:
    return _answer({"Err": str(error)}, 400)


def _http(error: HTTPException) -> flask.Response:
    return _answer({"Err": f"{error.code}: {error.name}"}, error.code or 500)
