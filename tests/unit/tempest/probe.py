"""``python -m unittest tests.unit.tempest.probe``: what the plugin says about a VIP, on loopback.

Tempest configures the whole process it is imported in, so these run in one of their own.
"""

from __future__ import annotations

import http.server
import itertools
import json
import socket
import subprocess
import sys
import threading
import time
import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

from tempest import config

from sriov_provider.tempest.plugin import SriovProviderTempestPlugin
from sriov_provider.tempest.tests import traffic, webserver

LOOPBACK = "127.0.0.1"


class Probe(traffic.TrafficMixin):
    """The mix-in as a test has it."""

    def runTest(self) -> None:
        """Nothing."""


@contextmanager
def vip(*names: str) -> Iterator[int]:
    """The port of a load balancer on loopback whose members answer in turn."""
    turns = itertools.cycle(names)

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(next(turns).encode())

        def log_message(self, *_: object) -> None:
            """Nobody wants to know."""

    with http.server.HTTPServer((LOOPBACK, 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def unused() -> int:
    """A port on which nobody listens."""
    with socket.socket() as sock:
        sock.bind((LOOPBACK, 0))
        return int(sock.getsockname()[1])


class Answers(unittest.TestCase):
    def setUp(self) -> None:
        timeouts = {"build_timeout": 0, "build_interval": 0}
        patch = mock.patch.object(traffic.CONF._config, "load_balancer", mock.Mock(**timeouts))
        patch.start()
        self.addCleanup(patch.stop)

    def check(self, *names: str) -> Callable[[], None]:
        return lambda: Probe().assert_answered_by(LOOPBACK, self.port, set(names))

    def test_both_answer_in_turn(self) -> None:
        with vip("a", "b") as self.port:
            self.check("a", "b")()

    def test_one_is_missing(self) -> None:
        with vip("a") as self.port:
            self.assertRaises(AssertionError, self.check("a", "b"))

    def test_one_too_many(self) -> None:
        with vip("a", "b") as self.port:
            self.assertRaises(AssertionError, self.check("a"))

    def test_one_has_more_than_its_share(self) -> None:
        with vip("a", "a", "b") as self.port:
            self.assertRaises(AssertionError, self.check("a", "b"))

    def test_nobody_answers(self) -> None:
        self.port = unused()
        with mock.patch.object(Probe, "make_request", side_effect=traffic.NOT_YET[1]):
            self.assertRaises(AssertionError, self.check("a"))


class Dropped(unittest.TestCase):
    def test_an_open_port(self) -> None:
        with vip("a") as port, self.assertRaises(AssertionError):
            Probe().assert_dropped(LOOPBACK, port)

    def test_a_port_that_refuses(self) -> None:
        with self.assertRaises(ConnectionRefusedError):
            Probe().assert_dropped(LOOPBACK, unused())

    def test_a_port_that_keeps_silent(self) -> None:
        with mock.patch.object(traffic, "DROPPED_AFTER", 0.2), socket.socket() as full:
            full.bind((LOOPBACK, 0))
            full.listen(0)
            port = full.getsockname()[1]
            with socket.create_connection((LOOPBACK, port)):
                Probe().assert_dropped(LOOPBACK, port)


class Clients(unittest.TestCase):
    def test_the_address_towards_the_vip(self) -> None:
        self.assertEqual(["127.0.0.1/32"], traffic.client_cidrs("127.0.0.7"))

    def test_addresses_that_are_named(self) -> None:
        named = mock.Mock(client_addresses=["192.0.2.1", "2001:db8::1"])
        with mock.patch.object(config.CONF._config, "sriov_load_balancer", named):
            self.assertEqual(["192.0.2.1/32"], traffic.client_cidrs("127.0.0.7"))
            self.assertEqual(["2001:db8::1/128"], traffic.client_cidrs("::1"))

    def test_a_wider_network(self) -> None:
        self.assertEqual("192.0.2.0/28", traffic.wider("192.0.2.1/32"))
        self.assertEqual("2001:db8::/124", traffic.wider("2001:db8::1/128"))


class UserData(unittest.TestCase):
    def test_the_default_serves_the_name(self) -> None:
        port = unused()
        script = webserver.script("tempest-webserver-1", port)
        program = script.split("<<'EOF'\n")[1].split("EOF\n")[0]
        with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL) as server:
            self.addCleanup(server.kill)
            for _ in range(100):
                with socket.socket() as sock:
                    if sock.connect_ex((LOOPBACK, port)) == 0:
                        break
                time.sleep(0.05)
            name = Probe().make_request(LOOPBACK, protocol_port=port, request_timeout=5)
            server.kill()
        self.assertEqual("tempest-webserver-1", name)


def scenarios() -> None:
    """Prints [module, test, IP version] of all that the plugin has Tempest load."""

    def flat(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
        for entry in suite:
            if isinstance(entry, unittest.TestSuite):
                yield from flat(entry)
            else:
                yield entry

    directory, top = SriovProviderTempestPlugin().load_tests()
    found = flat(unittest.TestLoader().discover(directory, top_level_dir=top))
    # the loader makes a test that fails of a module which cannot be imported
    rows = [(type(t).__module__, t.id().split(".")[-1], getattr(t, "ip_version", 0)) for t in found]
    print(json.dumps(rows))


if __name__ == "__main__":
    scenarios()
