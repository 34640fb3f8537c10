"""A small HTTP server on loopback that answers as Keystone, Nova, Neutron and Glance do.

Real requests over a real socket: what is proven is what goes over the wire.

::

    with Services() as services:
        services.answer("GET", "/network/v2.0/ports", {"ports": []})
        client = NeutronNetwork(Cloud(services.conf(tmp_path)))
        ...
        assert services.last("GET").query == {"description": ["lb-1"]}
"""

from __future__ import annotations

import collections
import dataclasses
import json
import pathlib
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sriov_provider import config

_CATALOG = {"compute": "/compute/v2.1", "network": "/network", "image": "/image"}
_TOKEN = "/identity/v3/auth/tokens"


@dataclasses.dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, list[str]]
    body: Any
    headers: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Reply:
    """:ivar hang_up: close the connection without an answer
    :ivar delay: seconds until then
    """

    body: Any = None
    status: int = 200
    hang_up: bool = False
    delay: float = 0.0


class Services:
    """Replies are given in the order they were set; the last one for a path stays.

    :ivar requests: everything that arrived, logins and discovery too
    :ivar url: where it listens
    :ivar catalog: where Keystone says that each service is
    """

    def __init__(self, region: str = "RegionOne", certificate: str | None = None) -> None:
        """:param certificate: file with the certificate and key to serve HTTPS with"""
        self.requests: list[Request] = []
        self.region = region
        self._replies: dict[tuple[str, str], collections.deque[Reply]] = {}
        self._lock = threading.Lock()
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        scheme = "http"
        if certificate:
            scheme = "https"
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"
        self.catalog = {kind: self.url + path for kind, path in _CATALOG.items()}
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._standing_replies()

    def __enter__(self) -> Services:
        self._thread.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self.close()

    def close(self) -> None:
        """Stop listening; for one that was never entered: nobody answers there."""
        self.closing.set()
        self._server.server_close()

    def answer(self, method: str, path: str, body: Any = None, status: int = 200) -> None:
        """Set (or queue) the reply to a request."""
        queue = self._replies.setdefault((method, path), collections.deque())
        queue.append(Reply(body, status))

    def answer_first(self, method: str, path: str, body: Any, status: int) -> None:
        """Give this reply once, before those that are set."""
        self._replies[method, path].appendleft(Reply(body, status))

    def refuse_logins(self) -> None:
        """From now on the credentials are wrong."""
        self._replies["POST", _TOKEN] = collections.deque(
            [Reply({"error": {"code": 401, "message": "wrong", "title": "Unauthorized"}}, 401)]
        )

    def hang_up(self, method: str, path: str) -> None:
        """Take the request, then close the connection: the caller gets no answer."""
        queue = self._replies.setdefault((method, path), collections.deque())
        queue.append(Reply(hang_up=True))

    def hang(self, method: str, path: str, seconds: float = 30.0) -> None:
        """Take the request from now on and do not answer for so long."""
        reply = Reply(hang_up=True, delay=seconds)
        self._replies[method, path] = collections.deque([reply])

    def calls(self, prefix: str = "", method: str = "") -> list[str]:
        """``METHOD /path`` of what arrived below a prefix, in order; without login and
        discovery."""
        return [
            f"{r.method} {r.path}"
            for r in self.requests
            if r.path.startswith(prefix) and r.method.startswith(method) and not is_overhead(r)
        ]

    def last(self, method: str) -> Request:
        """The last request with this method, logins aside."""
        return next(r for r in reversed(self.requests) if r.method == method and r.path != _TOKEN)

    def overhead(self) -> list[str]:
        """Logins and version discovery."""
        return [f"{r.method} {r.path}" for r in self.requests if is_overhead(r)]

    def conf(self, directory: pathlib.Path, extra: str = "", auth: str | None = None) -> Any:
        """Settings of an operator whose cloud this is."""
        text = auth if auth is not None else self.auth_section()
        path = directory / "octavia.conf"
        path.write_text(text + extra)
        return config.parse([str(path)])

    def auth_section(self, name: str = "service_auth") -> str:
        return (
            f"[{name}]\nauth_type = password\nauth_url = {self.url}/identity\n"
            "username = octavia\npassword = secret\nproject_name = service\n"
            "user_domain_name = Default\nproject_domain_name = Default\n"
        )

    def reply_to(self, request: Request) -> Reply:
        """Record a request and find its reply."""
        with self._lock:
            self.requests.append(request)
            queue = self._replies.get((request.method, request.path))
            if request.path == _TOKEN and queue is None:
                return Reply(self._token(), 201)
            if queue is None:
                return Reply({"error": {"message": f"no such path {request.path}"}}, 404)
            return queue.popleft() if len(queue) > 1 else queue[0]

    def _standing_replies(self) -> None:
        self.answer("GET", "/identity", {"versions": {"values": [self._version("identity/v3")]}})
        compute = self._version("compute/v2.1", "v2.1", version="2.96", min_version="2.1")
        self.answer("GET", "/compute/v2.1", {"version": compute})
        self.answer("GET", "/network", {"versions": [self._version("network/v2.0", "v2.0")]})
        self.answer("GET", "/network/v2.0", {"resources": []})
        self.answer("GET", "/image", {"versions": [self._version("image/v2", "v2.9")]})

    def _version(self, path: str, name: str = "v3.14", **extra: str) -> dict[str, Any]:
        links = [{"rel": "self", "href": f"{self.url}/{path}/"}]
        status = "stable" if name.startswith("v3") else "CURRENT"
        return {"id": name, "status": status, "links": links, **extra}

    def _token(self) -> dict[str, Any]:
        catalog = [
            {"type": kind, "name": kind, "id": kind, "endpoints": [self._endpoint(url)]}
            for kind, url in self.catalog.items()
        ]
        return {
            "token": {
                "methods": ["password"],
                "expires_at": "2099-01-01T00:00:00.000000Z",
                "issued_at": "2026-01-01T00:00:00.000000Z",
                "user": {"id": "u", "name": "octavia", "domain": {"id": "d", "name": "Default"}},
                "project": {"id": "p", "name": "service", "domain": {"id": "d", "name": "Default"}},
                "roles": [{"id": "r", "name": "admin"}],
                "catalog": catalog,
            }
        }

    def _endpoint(self, url: str) -> dict[str, str]:
        return {
            "id": url,
            "interface": "public",
            "region": self.region,
            "region_id": self.region,
            "url": url,
        }


def is_overhead(request: Request) -> bool:
    """A login or a version document."""
    roots = {"/network", "/network/v2.0", "/image", "/image/v2", "/compute/v2.1", "/compute"}
    return request.path.startswith("/identity") or request.path in roots


def _handler(services: Services) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            reply = services.reply_to(self._request())
            if reply.delay:
                services.closing.wait(reply.delay)
            if reply.hang_up:
                self.close_connection = True
                return
            content = b"" if reply.body is None else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("X-Subject-Token", "token")
            self.end_headers()
            self.wfile.write(content)

        def _request(self) -> Request:
            url = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(content) if content else None
            path = url.path.rstrip("/") or "/"
            return Request(self.command, path, parse_qs(url.query), body, dict(self.headers))

        do_GET = do_POST = do_PUT = do_DELETE = _serve

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    return Handler
