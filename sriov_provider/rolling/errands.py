"""What amphorae are replaced for: to free a host, to be of today's image, or because somebody says
so."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sriov_provider.capacity import failovers
from sriov_provider.capacity.model import Inside, Outside, Verdict
from sriov_provider.capacity.totals import Totals
from sriov_provider.compute.refusals import STRICT
from sriov_provider.db.engine import Sessions
from sriov_provider.errors import Code, ProviderError
from sriov_provider.rolling import age, records
from sriov_provider.rolling.model import Found, Prospect, Room, Target
from sriov_provider.worker import plan

# What our tables and the cloud say of VFs, now.
Survey = Callable[[], tuple[Inside, Outside, Totals]]
_ROOMS = {
    Verdict.POSSIBLE: Room.SURE,
    Verdict.IMPOSSIBLE: Room.NONE,
    Verdict.UNKNOWN: Room.UNKNOWN,
}


def _target(found: Found, why: str) -> Target:
    return Target(found.amphora_id, found.load_balancer_id, found.role, found.host, why)


class One:
    """One amphora, as somebody says so. Room is the job's own matter."""

    def __init__(self, found: Found) -> None:
        self._found = found

    def targets(self) -> Sequence[Target]:
        return (_target(self._found, "asked for"),)

    def wanted(self, target: Target, found: Found) -> bool:
        return True

    def prospect(self, found: Found) -> Prospect:
        return Prospect()

    def complaint(self, replacement: Found) -> str:
        return ""


class Drain:
    """All on a compute host; their new places have to be elsewhere."""

    def __init__(
        self, sessions: Sessions, host: str, survey: Survey, policy: str | None = None
    ) -> None:
        """:param policy: of server groups, of load balancers whose flavor names none"""
        self._sessions = sessions
        self._host = host
        self._survey = survey
        self._policy = policy

    def targets(self) -> Sequence[Target]:
        there = self._sessions.read(lambda s: records.amphorae(s, host=self._host))
        return [_target(found, f"on {self._host}") for found in there]

    def wanted(self, target: Target, found: Found) -> bool:
        return found.host == self._host

    def prospect(self, found: Found) -> Prospect:
        avoid = {self._host}
        if plan.anti_affinity(found.flavor, found.topology, self._policy) == STRICT:
            avoid |= found.peers
        verdict, hosts, why = failovers.elsewhere(found.amphora_id, avoid, *self._survey())
        return Prospect(_ROOMS[verdict], hosts, why, goes_first(found))

    def complaint(self, replacement: Found) -> str:
        if replacement.host != self._host:
            return ""
        return f"{replacement.amphora_id}, built in its place, is on {self._host} again"


class Refresh:
    """All whose image or agent is not of today."""

    def __init__(
        self,
        sessions: Sessions,
        load_balancer_id: str | None,
        image_of: Callable[[str], str | None],
        newest: Callable[[str], str],
        image_only: bool = False,
    ) -> None:
        """:param load_balancer_id: None for all
        :param image_of: what a server was made of; None when nobody knows
        :param newest: id of the newest image with a tag, for a flavor's tag or ``""``
        """
        self._sessions = sessions
        self._load_balancer_id = load_balancer_id
        self._image_of = image_of
        self._newest = newest
        self._image_only = image_only

    def targets(self) -> Sequence[Target]:
        lb_id = self._load_balancer_id
        found = self._sessions.read(lambda s: records.amphorae(s, load_balancer_id=lb_id))
        aged = ((one, self._why(one)) for one in found)
        return [_target(one, why) for one, why in aged if why]

    def wanted(self, target: Target, found: Found) -> bool:
        return bool(self._why(found))

    def prospect(self, found: Found) -> Prospect:
        """None without an image, which is the matter of this one alone."""
        try:
            self._newest_for(found)
        except ProviderError as error:
            if error.reason.code is not Code.NOT_FOUND:
                raise
            return Prospect(Room.NONE, why=f"It cannot be built anew: {error.reason.operator}")
        return Prospect()

    def complaint(self, replacement: Found) -> str:
        why = self._why(replacement)
        return (
            f"{replacement.amphora_id}, built in its place, is not of today: {why}" if why else ""
        )

    def _why(self, found: Found) -> str:
        image = self._image_of(found.compute_id) if found.compute_id else None
        try:
            newest = self._newest_for(found)
        except ProviderError as error:
            if error.reason.code is not Code.NOT_FOUND:
                raise
            return "its image tag has no image"
        agent = None if self._image_only else found.agent_version
        return age.why(image, newest, agent)

    def _newest_for(self, found: Found) -> str:
        return self._newest(str(found.flavor.get("amp_image_tag") or ""))


def goes_first(found: Found) -> bool:
    """The old amphora may be given up before the new one has its place."""
    return found.flavor.get("failover_strategy") == "release_first"
