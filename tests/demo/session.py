"""A client that asks all the time."""

from __future__ import annotations

import threading
import time

from tests.demo.hosts import Host
from tests.demo.report import wait_for


class Session:
    """Runs within ``with``.

    :ivar longest: seconds between two answers
    :ivar number: of answers
    :ivar members: who has answered
    """

    def __init__(self, client: Host, url: str) -> None:
        self._client, self._url = client, url
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._asked = self._last = time.monotonic()
        self.longest, self.number = 0.0, 0
        self.members: set[str] = set()

    def __enter__(self) -> Session:
        self._asked = self._last = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def answered_after(self, moment: float) -> float:
        """When the first request after *moment* had its answer."""
        wait_for("an answer", lambda: self._asked > moment, seconds=60, pause=0.05)
        return self._last

    def _keep(self) -> None:
        while not self._end.wait(0.2):
            asked = time.monotonic()
            answer = self._client.get(self._url, seconds=1)
            now = time.monotonic()
            self.longest = max(self.longest, now - self._last)
            if answer:
                self._last, self._asked, self.number = now, asked, self.number + 1
                self.members.add(answer)
