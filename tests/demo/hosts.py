"""Clients and members: namespaces of their own on the cloud's networks."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.demo.report import expect
from tests.demo.settings import LIVE
from tests.demo.virt import links

PROBE = Path(__file__).resolve().parent / "probe.py"


class Host:
    """One machine that is no amphora."""

    def __init__(self, name: str, network_id: str, address: str, prefix: int = 20) -> None:
        self.name, self.address = name, address
        links.run("ip", "netns", "add", name)
        links.plug(name, "eth0", f"h{name}"[:15], network_id)
        for command in ("link set lo up", "link set eth0 up"):
            links.run("ip", "-n", name, *command.split())
        links.run("ip", "-n", name, "addr", "add", f"{address}/{prefix}", "dev", "eth0")
        self.server: subprocess.Popen[bytes] | None = None

    def command(self, *words: str) -> list[str]:
        """The command line which runs on this host."""
        return ["ip", "netns", "exec", self.name, *words]

    def serve(self, port: int) -> None:
        """A web server which answers with the host's name."""
        root = LIVE / "www" / self.name
        root.mkdir(parents=True, exist_ok=True)
        (root / "index.html").write_text(self.name)
        web = (sys.executable, "-m", "http.server", "--bind", self.address, "-d", str(root))
        self.server = subprocess.Popen(
            self.command(*web, str(port)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def get(self, url: str, seconds: int = 3) -> str | None:
        """What curl gets; None when it gets nothing."""
        curl = ("curl", "-s", "-f", "-m", str(seconds), "--noproxy", "*", url)
        done = subprocess.run(self.command(*curl), capture_output=True, text=True, check=False)
        return None if done.returncode else done.stdout

    def knock(self, address: str, port: int) -> dict[str, int]:
        """Tries to connect and counts what passes the wire: SYNs out, SYN-ACKs and RSTs in."""
        words = (sys.executable, str(PROBE), "eth0", address, str(port))
        done = subprocess.run(self.command(*words), capture_output=True, text=True, check=False)
        expect(done.returncode == 0, f"{self.name}: probe failed: {done.stderr}")
        counts: dict[str, int] = json.loads(done.stdout)
        return counts

    def stop(self) -> None:
        """Ends the web server."""
        if self.server is not None:
            self.server.kill()
            self.server.wait()
            self.server = None

    def remove(self) -> None:
        """Ends the web server and removes the namespace."""
        self.stop()
        links.run("ip", "netns", "del", self.name, check=False)
        shutil.rmtree(LIVE / "www" / self.name, ignore_errors=True)
