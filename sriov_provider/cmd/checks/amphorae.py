"""Amphorae that serve: some of their agents, and everybody's heartbeats."""

from __future__ import annotations

import datetime
import functools
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from sriov_provider.amphora.base import Endpoint, FirewallState
from sriov_provider.cmd import firewall
from sriov_provider.cmd.checks.model import Check, Result, fail, ok, warn
from sriov_provider.config import Settings
from sriov_provider.db import overview
from sriov_provider.db.engine import Sessions
from sriov_provider.db.overview import Seen
from sriov_provider.db.types import utcnow
from sriov_provider.errors import ProviderError
from sriov_provider.records import AmphoraState

# Agents asked, all at the same time; seconds each may take to connect, and to answer.
SAMPLE, PATIENCE = 8, 3.0
_SHOWN = 5
_DAY = 86400.0
_SERVING = (AmphoraState.READY.value, AmphoraState.STALE.value)
_SILENT = "see 'sriov-provider amphora show' and the console log of the server"

Ask = Callable[[Endpoint], FirewallState]


def checks(settings: Settings) -> Iterator[Check]:
    """All need the tables, which the first one that can reads."""
    files = settings.config_files
    serving = functools.cache(lambda: _serving(settings.database_connection))

    def agents() -> Result:
        some = serving()
        chosen = random.sample(some, min(SAMPLE, len(some)))
        return ask_agents(chosen, firewall.agents(files, PATIENCE)) if chosen else _NONE

    def heartbeats() -> Result:
        health = settings.health
        return judge_heartbeats(serving(), utcnow(), health.timeout, bool(health.bind))

    def certificates() -> Result:
        return judge_certificates(serving(), utcnow(), settings.certificates.expiry_buffer)

    database = "correct [sriov_provider] database_connection"
    yield Check("agents", agents, "check certificates, management network and amp_secgroup_list")
    yield Check("heartbeats", heartbeats, database)
    yield Check("agent certificates", certificates, database)


_NONE = ok("no amphora serves")


def _serving(url: str) -> list[Seen]:
    sessions = Sessions(url)
    try:
        return [a for a in sessions.read(overview.amphorae) if a.state in _SERVING]
    finally:
        sessions.dispose()


def ask_agents(chosen: Sequence[Seen], ask: Ask) -> Result:
    """:param chosen: at least one"""

    def problem(seen: Seen) -> str | None:
        try:
            ask(Endpoint(seen.id, seen.management_ip or ""))
        except ProviderError as error:
            return f"{seen.id}: {error.reason}"
        return None

    with ThreadPoolExecutor(len(chosen)) as threads:
        problems = [p for p in threads.map(problem, chosen) if p]
    asked = f"{len(chosen) - len(problems)} of {len(chosen)} asked answer"
    if not problems:
        return ok(asked)
    told = f"{asked}; {_some(problems)}"
    return (fail if len(problems) == len(chosen) else warn)(told, _SILENT)


def judge_heartbeats(
    serving: Sequence[Seen], now: datetime.datetime, timeout: float, heard: bool
) -> Result:
    """Pure.

    :param timeout: seconds after which an amphora counts as silent
    :param heard: False when nobody is told to listen
    """
    if not heard:
        return warn("nobody listens for them", "set [sriov_provider] heartbeat_bind")
    if not serving:
        return _NONE
    oldest = now - datetime.timedelta(seconds=timeout)
    silent = [a.id for a in serving if a.heartbeat is None or a.heartbeat < oldest]
    if not silent:
        return ok(f"{len(serving)} amphorae were heard within {timeout:g} s")
    told = f"{len(silent)} of {len(serving)} amphorae not heard for {timeout:g} s: {_some(silent)}"
    if len(silent) < len(serving):
        return warn(told, _SILENT)
    return fail(told, "check that a health manager or worker runs, heartbeat_bind and firewalls")


def judge_certificates(serving: Sequence[Seen], now: datetime.datetime, buffer: float) -> Result:
    """Whether renewals keep up. Pure.

    :param buffer: seconds before its end that a certificate is to be renewed
    """
    known = sorted((a.certificate_expires, a.id) for a in serving if a.certificate_expires)
    ended = [name for end, name in known if end <= now]
    if ended:
        told = f"{len(ended)} of {len(known)} have ended: {_some(ended)}"
        return fail(told, "run for each: sriov-provider amphora failover")
    late = [name for end, name in known if end < now + datetime.timedelta(seconds=buffer / 2)]
    if late:
        days = buffer / 2 / _DAY
        told = f"{len(late)} of {len(known)} end within {days:.3g} days: {_some(late)}"
        return warn(told, "see the log of a worker for why they are not renewed")
    return ok(f"{len(known)} are renewed in time")


def _some(lines: Sequence[str]) -> str:
    more = len(lines) - _SHOWN
    return "; ".join(lines[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
