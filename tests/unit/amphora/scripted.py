"""An agent in memory: answers what it is told to, remembers what it was asked."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

from sriov_provider.amphora.base import Endpoint
from sriov_provider.amphora.reply import Reply

DETAILS = {"haproxy_version": "2.6.12-1\n", "listeners": []}


@dataclasses.dataclass(frozen=True)
class Call:
    method: str
    path: str
    json: Any = None
    data: bytes | None = None
    timeout: tuple[float, float] | None = None
    attempts: int = 3

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclasses.dataclass
class ScriptedAgent:
    """:ivar answers: ``METHOD path`` -> answers in turn, the last one repeated; an exception is
        raised. Anything else is accepted.
    :ivar certificates: files by name
    """

    answers: dict[str, list[Reply | Exception]] = dataclasses.field(default_factory=dict)
    certificates: dict[str, bytes] = dataclasses.field(default_factory=dict)
    calls: list[Call] = dataclasses.field(default_factory=list)

    def request(
        self,
        endpoint: Endpoint,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: bytes | None = None,
        timeout: tuple[float, float] | None = None,
        attempts: int = 3,
    ) -> Reply:
        call = Call(method, path, json, data, timeout, attempts)
        self.calls.append(call)
        if str(call) in self.answers:
            script = self.answers[str(call)]
            answer = script.pop(0) if len(script) > 1 else script[0]
            if isinstance(answer, Exception):
                raise answer
            return answer
        if "/certificates/" in path:
            return self._certificate(call)
        if str(call) == "GET details":
            return Reply(200, DETAILS)
        return Reply(202, {"message": "OK"})

    def _certificate(self, call: Call) -> Reply:
        name = call.path.rsplit("/", 1)[1]
        if call.method == "PUT":
            assert call.data is not None
            self.certificates[name] = call.data
        elif call.method == "DELETE":
            self.certificates.pop(name, None)
        elif name not in self.certificates:
            return Reply(404, {"message": "Certificate Not Found"})
        else:
            digest = hashlib.md5(self.certificates[name], usedforsecurity=False).hexdigest()
            return Reply(200, {"md5sum": digest})
        return Reply(200, {"message": "OK"})

    def asked(self) -> list[str]:
        return [str(c) for c in self.calls]

    def changes(self) -> list[str]:
        return [str(c) for c in self.calls if c.method != "GET"]

    def sent(self, what: str) -> Call:
        """The last call of this kind."""
        return next(c for c in reversed(self.calls) if str(c) == what)
