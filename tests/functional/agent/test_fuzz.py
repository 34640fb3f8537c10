"""Whatever is sent to the agent: no internal error, and no rule changes unless it is accepted.

``SRIOV_TESTS_EXAMPLES=100000`` sends so many bodies instead of a few hundred.
"""

from __future__ import annotations

import collections
import dataclasses
import json
import logging
import os
import random
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from octavia.common import config  # noqa: F401  (registers the options)
from oslo_config import cfg, fixture
from werkzeug.test import TestResponse

from amphora_agent_ext import agent, model, schema
from amphora_agent_ext.apply import Firewall
from tests.functional import netns
from tests.functional.agent import mutants
from tests.functional.agent.conftest import DOCUMENT
from tests.unit.amphora_agent_ext.strategies import documents

EXAMPLES = int(os.environ.get("SRIOV_TESTS_EXAMPLES", "400"))
pytestmark = [pytest.mark.root, pytest.mark.timeout(max(300, EXAMPLES))]

# Bodies made of one document.
BATCH = 20
SEEDS = st.integers(0, 2**32)
PATH = "/1.0/security-group"
# Netlink: family, message "get generation" of nftables, its attribute "generation id".
_NETFILTER, _GET_GENERATION, _GENERATION_ID = 12, 0x0A10, 1


@dataclasses.dataclass(repr=False)
class Target:
    """The whole application over a real table, and a second table to compare it with.

    :ivar digest: of the document in force
    :ivar answers: how many there were of each status
    """

    space: netns.Namespace
    firewall: Firewall
    client: FlaskClient
    netlink: socket.socket
    complaints: list[str]
    replica: Replica
    digest: str = model.digest(model.Document())
    answers: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    def generation(self) -> int:
        """Of all rules in the namespace: the kernel counts every transaction."""
        self.netlink.send(struct.pack("=IHHIIBBH", 20, _GET_GENERATION, 1, 0, 0, 0, 0, 0))
        answer, at = self.netlink.recv(4096), 20
        while at < len(answer):
            length, kind = struct.unpack_from("=HH", answer, at)
            if kind == _GENERATION_ID:
                return int(struct.unpack_from(">I", answer, at + 4)[0])
            at += (length + 3) & ~3
        raise AssertionError(f"no generation in {answer!r}")

    def state(self) -> tuple[int, int, int]:
        """Differs when the rules or the kept document are written."""
        found = self.firewall.state.stat()
        return self.generation(), found.st_ino, found.st_mtime_ns

    def send(self, method: str, path: str, data: bytes | None, **more: Any) -> TestResponse:
        """One request; checks what holds for every request."""
        before = self.state()
        answer = self.client.open(path, method=method, data=data, **more)
        self.answers[f"{method if method == 'POST' else 'other'} {answer.status_code}"] += 1
        complained = "\n".join(self.complaints)
        self.complaints.clear()
        assert answer.status_code < 500, answer.text
        assert not complained
        if answer.status_code != 200 or method != "POST":
            assert self.state() == before
            return answer
        told: Any = answer.json
        digest = told["digest"]  # the agent has it from the kernel
        assert (self.generation() != before[0]) is (digest != self.digest)
        self.digest = digest
        return answer

    def post(self, data: bytes) -> bool:
        """Post a body; True when it was accepted, and then it is in force."""
        answer = self.send("POST", PATH, data)
        if answer.status_code == 200:
            assert self.digest == model.digest(schema.parse(json.loads(data)))
            return True
        assert answer.status_code == 400
        assert set(answer.json or ()) == {"message", "details", "path"}
        return False


@dataclasses.dataclass
class Replica:
    """A firewall that always makes its table anew."""

    space: netns.Namespace
    firewall: Firewall

    def content(self, document: model.Document) -> dict[str, list[str]]:
        self.space.nft("flush", "ruleset")
        self.firewall.apply(document)
        return content(self.space)


def content(space: netns.Namespace) -> dict[str, list[str]]:
    """Rules of each chain, elements of each set and map; without those that have none."""
    found: dict[str, list[str]] = collections.defaultdict(list)
    for entry in json.loads(space.nft("-j", "list", "ruleset"))["nftables"]:
        for kind, item in entry.items():
            if kind == "rule":
                found[item["chain"]].append(json.dumps(item["expr"]))
            elif kind in ("set", "map"):
                found[item["name"]] += [
                    *sorted(json.dumps(e) for e in item.get("elem", ())),
                    *filter(None, [item.get("comment")]),
                ]
    return {name: items for name, items in found.items() if items}


class Complaints(logging.Handler):
    """Errors, tracebacks, and all our own code is not content with, of the thread that asks."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.told: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread != self._thread:
            return  # what another test has left running
        ours = record.name.startswith("amphora_agent_ext")
        if ours or record.exc_info or record.levelno >= logging.ERROR:
            self.told.append(self.format(record))


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    directory = tmp_path_factory.mktemp("fuzz")
    options, complaints = fixture.Config(cfg.CONF), Complaints()
    options.setUp()
    options.config(group="amphora_agent", agent_server_network_dir=str(directory))
    logging.getLogger().addHandler(complaints)
    with netns.namespace("fuzz") as space, netns.namespace("again") as other:
        firewalls = []
        for place in (space, other):
            interfaces(place)
            state, plugged = (directory / f"{place.name}.{n}" for n in ("json", "plugged"))
            firewalls.append(Firewall(place.name, state, plugged))
        firewalls[0].apply(model.Document())
        client = agent.application(None, firewalls[0]).test_client()
        with space.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETFILTER) as netlink:
            found = Target(
                space, firewalls[0], client, netlink, complaints.told, Replica(other, firewalls[1])
            )
            yield found
    logging.getLogger().removeHandler(complaints)
    options.cleanUp()
    print("\nanswers:", dict(sorted(found.answers.items())))


def interfaces(space: netns.Namespace) -> None:
    """Those of generated documents, as far as they are plugged; silent ones."""
    space.sysctl("net.ipv6.conf.default.disable_ipv6", "1")
    for number in range(3):
        mac = f"fa:16:3e:00:00:{number:02x}"
        wire = ("type", "veth", "peer", "name", f"end{number}")
        space.ip("link", "add", f"eth{number}", "address", mac, *wire)


def share(part: float, each: int = 1, least: int = 1) -> settings:
    """Settings of a test that makes this part of all bodies, so many for each example."""
    return settings(
        max_examples=max(least, round(EXAMPLES * part / each)),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


JSON = st.recursive(
    st.one_of(
        *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
        st.sampled_from([*mutants.TEXTS, *mutants.NUMBERS]),
    ),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(mutants.TEXTS), inner)
    ),
    max_leaves=12,
)


@share(0.02, least=30)
@given(body=documents())
def test_a_valid_document_is_applied_exactly(target: Target, body: dict[str, Any]) -> None:
    assert target.post(json.dumps(body).encode())
    document = schema.parse(body)
    # As if it had been the first: not of all of very many, because it takes its time.
    if int(target.digest, 16) % max(1, EXAMPLES // 10_000) == 0:
        assert content(target.space) == target.replica.content(document)


@share(0.6, BATCH)
@given(body=documents(), seed=SEEDS)
def test_a_changed_document_is_applied_or_changes_nothing(
    target: Target, body: dict[str, Any], seed: int
) -> None:
    chance = random.Random(seed)
    for _ in range(BATCH):
        target.post(mutants.changed(chance, body))


@share(0.09)
@given(body=JSON)
def test_other_json_changes_nothing(target: Target, body: Any) -> None:
    assert not target.post(json.dumps(body).encode())


@share(0.2, BATCH)
@given(body=documents(), seed=SEEDS)
def test_other_bytes_change_nothing_unless_they_are_a_document(
    target: Target, body: dict[str, Any], seed: int
) -> None:
    chance = random.Random(seed)
    for _ in range(BATCH):
        target.post(mutants.spoiled(chance, body))


@pytest.mark.parametrize(
    "body",
    [b"[" * 50_000, b'{"version": 1, "interfaces": ' + b'{"a":' * 950 + b"0" + b"}" * 951],
    ids=["unclosed", "closed"],
)
def test_what_is_nested_too_deeply_changes_nothing(target: Target, body: bytes) -> None:
    assert not target.post(body)


@share(0.09)
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]),
    path=st.sampled_from([PATH, PATH + "/", PATH + "/x", PATH + "//", "/1.0/sriov-capabilities"]),
    query=st.text(max_size=10),
    headers=st.dictionaries(
        st.sampled_from(["Content-Type", "Content-Encoding", "Accept", "Range", "Expect"]),
        st.sampled_from(["application/json; charset=utf-9", "gzip", "text/html", "a=b", "bytes=9-"])
        | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=10),
    ),
    length=st.sampled_from([None, "", "0", "5", "-1", "abc", "9" * 30]),
    seed=SEEDS,
)
def test_other_requests_change_nothing(
    target: Target,
    method: str,
    path: str,
    query: str,
    headers: dict[str, str],
    length: str | None,
    seed: int,
) -> None:
    body = mutants.changed(random.Random(seed), DOCUMENT)
    environment = {} if length is None else {"CONTENT_LENGTH": length}
    more = {"headers": headers, "query_string": {"q": query}, "environ_overrides": environment}
    target.send(method, path, body, **more)
