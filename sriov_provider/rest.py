"""One service's REST calls: JSON in and out, failures as ProviderError."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from keystoneauth1 import exceptions as ks_exceptions
from oslo_config import cfg

from sriov_provider import cloud_errors
from sriov_provider.cloud import Cloud
from sriov_provider.cloud_errors import Refusal
from sriov_provider.errors import Code, ProviderError

# A service that is down looks like one without a usable version.
_NO_ANSWER = (
    ks_exceptions.ConnectionError,
    ks_exceptions.DiscoveryFailure,
)
_MISCONFIGURED = (
    ks_exceptions.AuthPluginException,
    ks_exceptions.CatalogException,
    ks_exceptions.AuthorizationFailure,
    ks_exceptions.Unauthorized,
    ks_exceptions.MissingAuthPlugin,
)


@dataclasses.dataclass(frozen=True)
class Answer:
    """:ivar body: the JSON object; empty when the service sent none"""

    status: int
    body: Mapping[str, Any]
    refusal: Refusal | None = None


class Rest:
    """Calls of one service."""

    def __init__(self, cloud: Cloud, service: str) -> None:
        self._cloud = cloud
        self._service = service

    def get(self, path: str, **params: Any) -> Mapping[str, Any]:
        """The body of an answer that has to be there."""
        return self.call("GET", path, params=params).body

    def find(self, path: str) -> Mapping[str, Any] | None:
        """The body, or None when the object does not exist."""
        answer = self.call("GET", path, accept=(404,))
        return None if answer.status == 404 else answer.body

    def delete(self, path: str, *, accept: tuple[int, ...] = ()) -> Answer:
        """Gone already is no error."""
        return self.call("DELETE", path, accept=(404, *accept))

    def project_id(self) -> str:
        """The project of our credentials, to which belongs what we make.

        :raises ProviderError: as :meth:`call`; CONFIGURATION when they are of no project
        """
        what = f"{self._service}: log in"
        found = _guarded(what, lambda: self._cloud.proxy(self._service).get_project_id())
        if not found:
            message = f"{what}: the credentials are of no project"
            raise cloud_errors.failure(Code.CONFIGURATION, message)
        return str(found)

    def pages(self, path: str, key: str, **params: Any) -> Iterator[Mapping[str, Any]]:
        """The items of a list, over all pages the service cuts it into."""
        while True:
            body = self.get(path, **params)
            yield from body[key]
            links = body.get(f"{key}_links") or ()
            if not any(link.get("rel") == "next" for link in links):
                return
            params["marker"] = body[key][-1]["id"]

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        accept: tuple[int, ...] = (),
        secret: bool = False,
    ) -> Answer:
        """One request.

        :param accept: statuses above 399 that the caller wants to see itself
        :param secret: keep request and answer out of the debug log, which shows bodies
        :raises ProviderError: every other refusal, and no answer at all
        """
        what = f"{self._service}: {method} {path}"
        options: dict[str, Any] = {"params": dict(params or {})}
        if json is not None:
            options["json"] = json
        if secret:
            options["log"] = False
        response = _guarded(what, lambda: self._send(method, path, options))
        answer = _answer(response)
        if answer.refusal and answer.status not in accept:
            raise self.error(answer, method, path)
        return answer

    def error(self, answer: Answer, method: str, path: str) -> ProviderError:
        """What a refusal means."""
        assert answer.refusal is not None, "only a refusal is an error"
        return cloud_errors.from_refusal(f"{self._service}: {method} {path}", answer.refusal)

    def _send(self, method: str, path: str, options: Mapping[str, Any]) -> Any:
        return self._cloud.proxy(self._service).request(path, method, **options)


def _guarded(what: str, send: Callable[[], Any]) -> Any:
    try:
        return send()
    except _NO_ANSWER as error:
        raise cloud_errors.timeout(f"{what}: no answer: {error}") from error
    except _MISCONFIGURED as error:
        message = f"{what}: cannot log in or find the service: {error}"
        raise cloud_errors.failure(Code.CONFIGURATION, message, retriable=True) from error
    except ks_exceptions.ClientException as error:
        raise cloud_errors.cloud_error(f"{what}: {error}", retriable=True) from error
    except (OSError, cfg.Error) as error:
        # Files of certificates that cannot be read are reported as a bare OSError.
        message = f"{what}: the settings cannot be used: {error}"
        raise cloud_errors.failure(Code.CONFIGURATION, message, retriable=True) from error


def _answer(response: Any) -> Answer:
    body = _json(response)
    if response.status_code < 400:
        return Answer(response.status_code, body)
    return Answer(response.status_code, body, _refusal(response, body))


def _json(response: Any) -> Mapping[str, Any]:
    try:
        body = response.json() if response.content else {}
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _refusal(response: Any, body: Mapping[str, Any]) -> Refusal:
    """Nova: {"badRequest": {"message"}}; Neutron: {"NeutronError": {"type", "message"}}; Zun:
    {"errors": [{"detail"}]}."""
    inner = next((v for v in body.values() if isinstance(v, dict)), {})
    listed = next((e for e in body.get("errors") or () if isinstance(e, dict)), {})
    message = inner.get("message") or listed.get("detail") or response.reason or ""
    return Refusal(response.status_code, str(inner.get("type", "")), str(message))
