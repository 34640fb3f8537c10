"""Which load balancers are failed over, and why the others are not. Pure."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

# Fewer amphorae that are silent at the same time are never an outage by their share of all.
OUTAGE_LEAST = 5
# Heartbeats missed in a row, to count as silent when it is asked whether many are: those that fall
# silent together are all counted when the first of them is silent for too long.
_MISSED = 2.5
LONGEST_BACKOFF = 3600.0


class Verdict(str, enum.Enum):
    """What is done about amphorae; all but FAIL_OVER is nothing."""

    FAIL_OVER = "fail-over"
    UNHEARD = "unheard"
    BUSY = "busy"
    OUTAGE = "outage"
    DEAF = "deaf"
    LIMIT = "limit"
    BACK_OFF = "back-off"
    SWITCHED_OFF = "switched-off"


@dataclasses.dataclass(frozen=True)
class Rules:
    """Durations in seconds.

    :ivar timeout: silence after which an amphora counts as dead
    :ivar interval: between two heartbeats of an amphora
    :ivar threshold: this many silent ones at once are an outage; None for no such number
    :ivar share: and so are more than this part of all, from 0 to 1
    :ivar limit: failovers at the same time
    :ivar backoff: wait after a failover that failed; doubled each time
    :ivar enabled: whether anything is failed over at all
    """

    timeout: float = 60.0
    interval: float = 10.0
    threshold: int | None = None
    share: float = 0.5
    limit: int = 10
    backoff: float = 60.0
    enabled: bool = True

    @property
    def quiet(self) -> float:
        """Silence after which an amphora counts where it is about how many are silent at once."""
        return min(_MISSED * self.interval, self.timeout)


@dataclasses.dataclass(frozen=True)
class Serving:
    """An amphora that serves.

    :ivar heard_at: None when it was never heard
    :ivar built_at: when the job that built it ended; None when that is long ago
    :ivar host: of the compute service; empty when it is not known
    """

    amphora_id: str
    load_balancer_id: str
    heard_at: datetime.datetime | None
    built_at: datetime.datetime | None = None
    host: str = ""


@dataclasses.dataclass(frozen=True)
class History:
    """Of a load balancer.

    :ivar busy: a job is pending or running
    :ivar claims: failovers that were ever placed here; None for no row yet
    :ivar failures: failovers that failed in a row
    :ivar failed_at: when the last of them did
    """

    busy: bool = False
    claims: int | None = None
    failures: int = 0
    failed_at: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True)
class View:
    """All that counts, at one moment.

    :ivar serving: amphorae that are ready; all of each load balancer that has a silent one, and
        those that were never heard
    :ivar quiet: how many of all were not heard for :attr:`Rules.quiet`, by host
    :ivar heard: how many of all were ever heard, by host; counted until it is clear that those that
        are silent are no outage
    :ivar abandoned: load balancers without any amphora that serves, and no job is at it
    :ivar incomplete: those with one of two
    :ivar undone: those that their last failover, which failed, left as they were, but in ERROR
    :ivar running: failovers that are pending or running now
    :ivar listening_since: when this process began to hear, and to reach the database, without
        interruption
    :ivar outage_at: when there was an :func:`outage` last
    """

    now: datetime.datetime
    listening_since: datetime.datetime
    serving: Sequence[Serving] = ()
    quiet: Mapping[str, int] = dataclasses.field(default_factory=dict)
    heard: Mapping[str, int] = dataclasses.field(default_factory=dict)
    abandoned: Sequence[str] = ()
    incomplete: Sequence[str] = ()
    undone: Sequence[str] = ()
    histories: Mapping[str, History] = dataclasses.field(default_factory=dict)
    running: int = 0
    outage_at: datetime.datetime | None = None

    def history(self, load_balancer_id: str) -> History:
        return self.histories.get(load_balancer_id, History())


@dataclasses.dataclass(frozen=True)
class Decision:
    """:ivar amphora_ids: those of the load balancer that are silent
    :ivar reason: a sentence for the operator
    :ivar missing: none is silent, but one of two is not there
    """

    load_balancer_id: str
    amphora_ids: tuple[str, ...]
    verdict: Verdict
    reason: str
    missing: bool = False


def silent(serving: Iterable[Serving], now: datetime.datetime, seconds: float) -> list[Serving]:
    """Amphorae that were heard once and not for so long. While one is built it may be silent: its
    agent sends nothing until keepalived runs."""
    latest = now - datetime.timedelta(seconds=seconds)
    return [a for a in serving if a.heard_at and max(a.heard_at, a.built_at or a.heard_at) < latest]


def outage(view: View, rules: Rules) -> str | None:
    """Why the network, the database or the receivers are to blame, as so many are silent at once;
    None when they are not."""
    tried = _tried(view, rules)
    quiet, heard = Counter(view.quiet) - tried, Counter(view.heard) - tried
    stale, known = quiet.total(), heard.total()
    if rules.threshold is not None and stale >= rules.threshold:
        return f"{stale} amphorae are silent at once, failover_threshold is {rules.threshold}"
    if stale < OUTAGE_LEAST or stale <= rules.share * known or _one_host(quiet, heard, rules):
        return None
    most = 100 * rules.share
    return f"{stale} of {known} amphorae are silent at once, more than {most:.0f} %"


def _tried(view: View, rules: Rules) -> Counter[str]:
    """By host, those that were silent before a failover of theirs failed: it is they."""
    return Counter(
        a.host
        for a in silent(view.serving, view.now, rules.timeout)
        if a.heard_at and _failed_since(view.history(a.load_balancer_id), a.heard_at)
    )


def _failed_since(history: History, moment: datetime.datetime) -> bool:
    return bool(history.failures and history.failed_at and history.failed_at > moment)


def _one_host(quiet: Counter[str], heard: Counter[str], rules: Rules) -> bool:
    """Whether it is that host: most amphorae of the other ones are well."""
    hosts = [host for host in quiet if host]
    if not hosts:
        return False
    worst = max(hosts, key=lambda host: quiet[host])
    stale, known = quiet.total() - quiet[worst], heard.total() - heard[worst]
    return stale < known and stale <= rules.share * known


def decide(view: View, rules: Rules) -> tuple[Decision, ...]:
    """One decision for each load balancer something is wrong with, the most urgent first: those
    that do not serve at all before those that have an amphora left."""
    stale = silent(view.serving, view.now, rules.timeout)
    by_load_balancer = _grouped(stale)
    dead = {a.amphora_id for a in stale}
    alive = {a.load_balancer_id for a in view.serving if a.amphora_id not in dead}
    urgent = [*view.abandoned, *(i for i in by_load_balancer if i not in alive)]
    order = [*urgent, *(i for i in by_load_balancer if i in alive), *view.incomplete, *view.undone]
    guard = _guard(view, rules)
    left = rules.limit - view.running
    decisions = [*_unheard(view, rules)]
    for load_balancer_id in dict.fromkeys(order):
        amphorae = by_load_balancer.get(load_balancer_id, [])
        decision = guard or _wait(view.history(load_balancer_id), view.now, rules)
        if decision is None and left <= 0:
            decision = Verdict.LIMIT, f"{rules.limit} failovers are under way already"
        if decision is None:
            left -= 1
            undone = load_balancer_id in view.undone
            why = _why(amphorae, load_balancer_id in alive, undone, view.now)
            decision = Verdict.FAIL_OVER, why
        ids = tuple(a.amphora_id for a in amphorae)
        missing = not ids and load_balancer_id in view.incomplete
        decisions.append(Decision(load_balancer_id, ids, *decision, missing))
    return tuple(decisions)


def _grouped(stale: Iterable[Serving]) -> dict[str, list[Serving]]:
    found: dict[str, list[Serving]] = {}
    for amphora in sorted(stale, key=lambda a: (a.heard_at, a.amphora_id)):
        found.setdefault(amphora.load_balancer_id, []).append(amphora)
    return found


def _guard(view: View, rules: Rules) -> tuple[Verdict, str] | None:
    """What holds for all load balancers alike."""
    if not rules.enabled:
        return Verdict.SWITCHED_OFF, "automatic failovers are switched off"
    heard = (view.now - view.listening_since).total_seconds()
    if heard < rules.timeout:
        return Verdict.DEAF, f"this process has listened for {heard:.0f} s only"
    if why := outage(view, rules):
        return Verdict.OUTAGE, why
    if view.outage_at is None:
        return None
    # Not all are heard again at the same moment.
    ago = (view.now - view.outage_at).total_seconds()
    if ago < rules.timeout:
        return Verdict.OUTAGE, f"an outage of many amphorae ended {ago:.0f} s ago"
    return None


def _wait(history: History, now: datetime.datetime, rules: Rules) -> tuple[Verdict, str] | None:
    if history.busy:
        return Verdict.BUSY, "a job of this load balancer waits or runs"
    if not history.failures or history.failed_at is None:
        return None
    wait = min(rules.backoff * 2.0 ** min(history.failures - 1, 32), LONGEST_BACKOFF)
    left = wait - (now - history.failed_at).total_seconds()
    if left <= 0:
        return None
    return Verdict.BACK_OFF, f"{history.failures} failovers failed in a row; next in {left:.0f} s"


def _why(
    amphorae: Sequence[Serving], other_serves: bool, undone: bool, now: datetime.datetime
) -> str:
    if not amphorae and undone:
        return "it is in ERROR since a failover failed, and left everything as it was"
    if not amphorae:
        return "one of two amphorae is missing" if other_serves else "no amphora serves"
    times = [(now - a.heard_at).total_seconds() for a in amphorae if a.heard_at]
    names = " and ".join(a.amphora_id for a in amphorae)
    last = "another one serves" if other_serves else "no other one serves"
    return f"amphora {names} not heard for {min(times):.0f} s; {last}"


def _unheard(view: View, rules: Rules) -> Iterable[Decision]:
    """Never heard may well be a firewall or a wrong address: a new amphora would not help."""
    for amphora in view.serving:
        if amphora.heard_at is not None or view.history(amphora.load_balancer_id).busy:
            continue
        built = amphora.built_at
        if built and (view.now - built).total_seconds() < rules.timeout:
            continue
        reason = f"no heartbeat of amphora {amphora.amphora_id} was ever heard"
        yield Decision(amphora.load_balancer_id, (amphora.amphora_id,), Verdict.UNHEARD, reason)
