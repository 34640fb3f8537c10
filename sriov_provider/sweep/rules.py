"""What is leaked, and what is missing. Pure.

Ours is what carries our tag in our own project. Servers of releases that did not tag them are known
by one of our ports and their name; server groups, which Nova lets nobody tag, by a load balancer
that has been ours. Names alone prove nothing: the stock provider uses the same ones.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Iterable, Iterator, Mapping

from sriov_provider.sweep.model import Found, Held, Kind, Known, Leak

_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
# Of both forms that amphorae's names have.
_SERVER = re.compile(rf"amphora-{_UUID}|a[0-9A-F]{{7,31}}")
_SERVER_GROUP = re.compile(rf"octavia-lb-({_UUID})")


def leaks(
    found: Iterable[Found], known: Known, now: datetime.datetime, grace: float
) -> tuple[Leak, ...]:
    """What is ours, on nobody's record, of no load balancer with an unfinished job and old enough;
    in the order of deleting.

    :param found: read before ``known``, as records are written before the cloud is asked
    :param grace: seconds
    """
    every = tuple(found)
    lost = [leak for f in ours(every, known) if (leak := _leak(f, known, now, grace))]
    going = {leak.found.id for leak in lost}
    servers = {f.id: f for f in every if f.kind is Kind.SERVER}
    order = list(Kind)
    return tuple(
        sorted(
            (dataclasses.replace(k, obstacle=_obstacle(k.found, going, servers)) for k in lost),
            key=lambda k: (order.index(k.found.kind), k.load_balancer_id, k.found.id),
        )
    )


def missing(found: Iterable[Found], known: Known) -> tuple[Held, ...]:
    """What is on record and was not found, of load balancers without an unfinished job."""
    there = {(f.kind, f.id) for f in found}
    return tuple(
        held
        for held in known.held
        if held.id and (held.kind, held.id) not in there and held.load_balancer_id not in known.busy
    )


def ours(found: Iterable[Found], known: Known) -> Iterator[Found]:
    """Those that are, each with its load balancer."""
    every = tuple(one for one in found if one.mine)
    owners = {f.server_id: f.load_balancer_id for f in every if f.server_id and f.load_balancer_id}
    for one in every:
        owner = one.load_balancer_id or _by_other_means(one, owners, known)
        if owner and (one.kind is not Kind.SERVER or _SERVER.fullmatch(one.name)):
            yield dataclasses.replace(one, load_balancer_id=owner)


def _by_other_means(one: Found, owners: Mapping[str, str], known: Known) -> str | None:
    if one.kind is Kind.SERVER:
        return owners.get(one.id)
    if one.kind is Kind.SERVER_GROUP and (name := _SERVER_GROUP.fullmatch(one.name)):
        return name[1] if name[1] in known.ended or name[1] in known.balancers else None
    return None


def _leak(one: Found, known: Known, now: datetime.datetime, grace: float) -> Leak | None:
    owner = one.load_balancer_id
    if owner is None or owner in known.busy or _is_held(one, known):
        return None
    times = [t for t in (one.created_at, known.ended.get(owner)) if t]
    age = (now - max(times)).total_seconds() if times else -1.0
    return Leak(one, owner, age, _why(one, owner, known)) if times and age >= grace else None


def _is_held(one: Found, known: Known) -> bool:
    """By its id; by its name where the answer to the create may have got lost."""
    return any(
        held.kind is one.kind and (held.id == one.id if held.id else held.name == one.name)
        for held in known.held
    )


def _why(one: Found, owner: str, known: Known) -> str:
    if one.id in known.given_up:
        return "could not be released before"
    if owner not in known.balancers:
        return "its load balancer is not on record"
    return "its load balancer's records do not mention it"


def _obstacle(one: Found, going: set[str], servers: dict[str, Found]) -> str | None:
    if one.server_id in servers and one.server_id not in going:
        return f"attached to server {one.server_id}, which is in use"
    stay = sorted(m for m in one.members if m not in going)
    return f"has servers that are in use: {', '.join(stay)}" if stay else None
