"""What a client of a VIP sees: who answers, and that nothing answers."""

from __future__ import annotations

import collections
import ipaddress
import socket
import time

import requests
from octavia_tempest_plugin.tests import validators
from oslo_log import log as logging
from tempest import config
from tempest.lib import exceptions

CONF = config.CONF
LOG = logging.getLogger(__name__)
# A client that is let in has its answer in a moment; one that is not must not hold the run up.
DROPPED_AFTER = 2
NOT_YET = (
    exceptions.InvalidHttpSuccessCode,
    exceptions.TimeoutException,
    requests.exceptions.RequestException,
)


def host(address: str) -> str:
    """An address as it stands in a URL."""
    return f"[{address}]" if ipaddress.ip_address(address).version == 6 else address


def own_address(target: str) -> str:
    """The address from which this host sends to another; nothing is sent."""
    family = socket.AF_INET6 if ipaddress.ip_address(target).version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect((target, 9))
        return str(sock.getsockname()[0])


def client_cidrs(vip: str) -> list[str]:
    """CIDRs of one address each: those of Tempest's requests as a VIP sees them."""
    version = ipaddress.ip_address(vip).version
    named = [ipaddress.ip_address(a) for a in CONF.sriov_load_balancer.client_addresses]
    seen = [a for a in named if a.version == version] or [ipaddress.ip_address(own_address(vip))]
    return [f"{address}/{address.max_prefixlen}" for address in seen]


def wider(cidr: str, by: int = 4) -> str:
    """A network around a CIDR."""
    return str(ipaddress.ip_network(cidr).supernet(prefixlen_diff=by))


class TrafficMixin(validators.ValidatorsMixin):
    """Assertions about one VIP."""

    def assert_answered_by(self, vip: str, port: int, names: set[str]) -> None:
        """Exactly these servers answer, in turn; waits until they do."""
        deadline = time.monotonic() + CONF.load_balancer.build_timeout
        rounds = 3
        while True:
            seen = self.answers(vip, port, rounds * len(names))
            if seen == dict.fromkeys(names, rounds):
                return
            if time.monotonic() > deadline:
                self.fail(f"{vip} port {port}: {seen} answered, wanted {rounds} of each of {names}")
            time.sleep(CONF.load_balancer.build_interval)

    def answers(self, vip: str, port: int, requested: int) -> dict[str, int]:
        """How often each server answered; refused and failed requests are under ``""``."""
        counted: collections.Counter[str] = collections.Counter()
        for _ in range(requested):
            try:
                name = self.make_request(host(vip), protocol_port=port)
            except NOT_YET as error:
                LOG.info("No answer from %s port %s: %s", vip, port, error)
                counted[""] += 1
                break
            counted[name] += 1
        return dict(counted)

    def assert_dropped(self, vip: str, port: int) -> None:
        """A connection gets no answer at all: neither an acceptance nor a refusal."""
        family = socket.AF_INET6 if ipaddress.ip_address(vip).version == 6 else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.settimeout(DROPPED_AFTER)
            self.assertRaises(TimeoutError, sock.connect, (vip, port))
