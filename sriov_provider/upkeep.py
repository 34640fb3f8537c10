"""Jobs that no user asks for: an amphora is replaced or brought up to date.

Octavia hears nothing of them but that what had failed works again. A failed one changes nothing
there: the amphora's peer may well serve, and who placed the job places another one.
"""

from __future__ import annotations

import uuid

from sriov_provider.records import Action, AmphoraRecord, Job, ObjectRef, ObjectType


def failover(amphora: AmphoraRecord) -> Job:
    """Replace exactly this amphora; nothing is done when it is gone by then, except that an
    amphora which is missing is built."""
    return _job(amphora, Action.FAILOVER)


def refresh(amphora: AmphoraRecord) -> Job:
    """What is configured shall be on the amphora: for one that was away while something changed."""
    return _job(amphora, Action.UPDATE)


def _job(amphora: AmphoraRecord, action: Action) -> Job:
    kind, lb_id = ObjectType.AMPHORA, amphora.load_balancer_id
    # Nothing of it is to become visible in Octavia's tree first, as it is for a user's update.
    ref = ObjectRef(kind, amphora.id, Action.FAILOVER, lb_id)
    return Job(str(uuid.uuid4()), lb_id, action, kind, amphora.id, (ref,))
