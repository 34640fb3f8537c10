"""A small HTTPS server with mutual TLS where the agent would listen."""

from __future__ import annotations

import contextlib
import dataclasses
import http.server
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any


@dataclasses.dataclass
class Answer:
    """:ivar delay: seconds before the answer
    :ivar html: announce a text body as a page, and not as (broken) JSON
    :ivar hang_up: close the connection instead of answering
    """

    status: int = 202
    body: Any = dataclasses.field(default_factory=lambda: {"message": "OK"})
    delay: float = 0.0
    html: bool = True
    hang_up: bool = False


@dataclasses.dataclass
class Agent:
    """:ivar answers: ``METHOD /path`` -> answers in turn, the last one repeated
    :ivar requests: method, path and body of each request that came through
    :ivar connections: ports the clients came from
    """

    port: int = 0
    answers: dict[str, list[Answer]] = dataclasses.field(default_factory=dict)
    requests: list[tuple[str, str, bytes]] = dataclasses.field(default_factory=list)
    connections: set[int] = dataclasses.field(default_factory=set)

    def asked(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.requests]

    def answer(self, what: str) -> Answer:
        script = self.answers.get(what)
        if not script:
            return Answer(404, {"error": "404 Not Found", "http_code": 404})
        return script.pop(0) if len(script) > 1 else script[0]


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *args: Any) -> None:
        self.open: list[socket.socket] = []
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.append(request)
        super().process_request(request, client_address)

    def hang_up(self) -> None:
        """As a service that stops: kept connections end too."""
        for connection in self.open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Handshakes that fail are what some tests want."""


def _handler(agent: Agent) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            agent.connections.add(self.client_address[1])
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            agent.requests.append((self.command, self.path, body))
            answer = agent.answer(f"{self.command} {self.path}")
            time.sleep(answer.delay)
            if answer.hang_up:
                self.close_connection = True
                return
            plain = isinstance(answer.body, str)
            content = (answer.body if plain else json.dumps(answer.body)).encode()
            self.send_response(answer.status)
            self.send_header(
                "Content-Type", "text/html" if plain and answer.html else "application/json"
            )
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = _serve

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


@contextlib.contextmanager
def serving(server_pem: str, client_ca: str, agent: Agent) -> Iterator[Agent]:
    """Serve on a free port of the loopback until the block ends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_pem)
    context.load_verify_locations(client_ca)
    context.verify_mode = ssl.CERT_REQUIRED
    server = _Server(("127.0.0.1", agent.port), _handler(agent))
    # The handshake belongs to the connection's own thread, not to the one that accepts.
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    agent.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield agent
    finally:
        server.shutdown()
        server.hang_up()
        server.server_close()
        thread.join()
