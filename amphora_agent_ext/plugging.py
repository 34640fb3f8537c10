"""Interfaces that are plugged go up in a fork of the agent, which starts no command for it."""

from __future__ import annotations

import concurrent.futures
import json
import logging
import multiprocessing

import flask
from octavia.amphorae.backends.agent.api_server import osutils

from amphora_agent_ext import interfaces, namespace

LOG = logging.getLogger(__name__)


def take_over() -> None:
    """Have the stock agent of this process set interfaces up as here."""
    osutils.BaseOS.bring_interface_up = staticmethod(bring_up)


def bring_up(name: str, told_as: str) -> None:
    """Set up an interface whose file the stock agent has written.

    :param name: in the amphora's namespace, such as ``eth1``
    :param told_as: what the caller hears was being plugged
    :raises werkzeug.exceptions.HTTPException: with the stock agent's answer of status 500
    """
    # Stock code takes the namespace of a process for that of the thread it runs in.
    fork = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(1, fork) as pool:
        trouble = pool.submit(_bring_up, name).result()
    if trouble:
        LOG.error("Failed to set up %s: %s", name, trouble)
        body = json.dumps({"message": f"Error plugging {told_as}", "details": trouble})
        flask.abort(flask.Response(body, 500, mimetype="application/json"))


def _bring_up(name: str) -> str:
    """:returns: what went wrong, or nothing"""
    try:
        namespace.enter(namespace.AMPHORA)
        return interfaces.change(name, "up")
    except Exception as error:
        return str(error)
