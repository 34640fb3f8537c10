"""WSGI middleware: answers some calls as a cloud in trouble would.

Every file ``*.json`` in a directory is one rule; a test writes it and removes it, other tests have
rules of their own. The services stay as they are, and their access logs show these calls too.

Keys of a rule, all but the first two optional::

    method, path    the calls: a verb, and a regular expression for the path
    body            regular expression for the request's body
    server          regular expression for the body with which the server named in the path was made
    status, answer  the answer, JSON; without a status the call goes on to the service
    after           true: the service carries the call out, and only its answer is replaced
    delay           seconds before anything else
    times           how many calls; without it all

Each call a rule has caught adds a line to the rule's file with the suffix ``.hits``.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]
SERVER = re.compile(r"/servers/([0-9a-f-]{36})")


class Faults:
    """Wraps an application."""

    def __init__(self, application: Application, rules: Path) -> None:
        self.application, self.rules = application, rules
        self.lock = threading.Lock()
        self.servers: dict[str, str] = {}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = read(environ) if environ.get("CONTENT_LENGTH") else ""
        rule = self.take(environ["REQUEST_METHOD"], path_of(environ), body)
        time.sleep(rule.get("delay", 0))
        if "status" not in rule:
            return self.forward(environ, start_response, body)
        if rule.get("after"):
            list(self.forward(environ, lambda *_: None, body))
        return answer(rule, start_response)

    def take(self, method: str, path: str, body: str) -> dict[str, Any]:
        """The first rule for a call, empty when there is none; the hit is counted."""
        with self.lock:
            for file, rule in load(self.rules):
                hits = file.with_suffix(".hits")
                used = len(hits.read_text().splitlines()) if hits.exists() else 0
                if used < rule.get("times", used + 1) and self.fits(rule, method, path, body):
                    with hits.open("a") as out:
                        out.write(f"{time.time():.3f} {method} {path}\n")
                    return rule
        return {}

    def fits(self, rule: dict[str, Any], method: str, path: str, body: str) -> bool:
        """Whether a rule is about a call."""
        named = SERVER.search(path)
        made = self.servers.get(named[1], "") if named else ""
        return (
            method == rule["method"]
            and re.search(rule["path"], path) is not None
            and re.search(rule.get("body", ""), body) is not None
            and re.search(rule.get("server", ""), made) is not None
        )

    def forward(
        self, environ: Environ, start_response: StartResponse, body: str
    ) -> Iterable[bytes]:
        """Lets the service answer; remembers with which request a server was made."""
        result = self.application(environ, start_response)
        if environ["REQUEST_METHOD"] != "POST" or not path_of(environ).endswith("/servers"):
            return result
        content = b"".join(result)
        if (made := re.search(rb'"id": *"([0-9a-f-]{36})"', content)) is not None:
            self.servers[made[1].decode()] = body
        return [content]


def load(directory: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The rules which are there."""
    for file in sorted(directory.glob("*.json")):
        with contextlib.suppress(FileNotFoundError):
            yield file, json.loads(file.read_text())


def path_of(environ: Environ) -> str:
    """The path of a call, with its query."""
    query = environ.get("QUERY_STRING")
    return str(environ["PATH_INFO"]) + (f"?{query}" if query else "")


def read(environ: Environ) -> str:
    """The body of a request, left in place for the service."""
    content = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    environ["wsgi.input"] = io.BytesIO(content)
    return str(content.decode(errors="replace"))


def answer(rule: dict[str, Any], start_response: StartResponse) -> list[bytes]:
    """A rule's own answer."""
    content = json.dumps(rule.get("answer", {})).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(content)))]
    start_response(f"{rule['status']} {HTTPStatus(rule['status']).phrase}", headers)
    return [content]
