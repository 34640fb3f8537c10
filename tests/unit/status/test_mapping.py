"""Every verb, well and badly ended, on one tree.

lb -- listener l1 -- default pool p1 -- members m1, m2 (disabled); health monitor hm1
   |            `-- policy pol1 (rule r1) -> pool p2
   `- listener l2 -- policy pol2 (no rules) -> pool p1; policy pol3 (disabled, rule r3) -> p1
   `- pool p2 -- member m3
"""

from __future__ import annotations

import dataclasses

import pytest

from sriov_provider.errors import Code, Reason
from sriov_provider.records import Action, Job, ObjectRef, ObjectType
from sriov_provider.status.mapping import statuses
from sriov_provider.tree import (
    HealthMonitor,
    L7Policy,
    L7Rule,
    Listener,
    LoadBalancer,
    Member,
    Pool,
)

MONITOR = HealthMonitor("hm1", "HTTP", 5, 5, 3, 3)
P1 = Pool(
    "p1",
    "HTTP",
    "ROUND_ROBIN",
    members=(Member("m1", "p1", "10.0.0.1", 80), Member("m2", "p1", "10.0.0.2", 80, enabled=False)),
    healthmonitor=MONITOR,
)
P2 = Pool("p2", "HTTP", "ROUND_ROBIN", members=(Member("m3", "p2", "10.0.0.3", 80),))
RULE = L7Rule("r1", "PATH", "EQUAL_TO", "/")
POL1 = L7Policy("pol1", "REDIRECT_TO_POOL", 1, redirect_pool_id="p2", rules=(RULE,))
POL2 = L7Policy("pol2", "REDIRECT_TO_POOL", 1, redirect_pool_id="p1")
POL3 = L7Policy(
    "pol3",
    "REDIRECT_TO_POOL",
    2,
    redirect_pool_id="p1",
    enabled=False,
    rules=(dataclasses.replace(RULE, id="r3"),),
)
L1 = Listener("l1", "HTTP", 80, default_pool_id="p1", l7policies=(POL1,))
L2 = Listener("l2", "HTTP", 81, l7policies=(POL2, POL3))
TREE = LoadBalancer(
    "lb", "project", "192.0.2.1", "port", "subnet", "net", listeners=(L1, L2), pools=(P1, P2)
)
ALL = {"lb", "l1", "l2", "p1", "p2", "m1", "m2", "m3", "hm1", "pol1", "pol2", "pol3", "r1", "r3"}
TYPES = {
    "lb": ObjectType.LOADBALANCER,
    "l": ObjectType.LISTENER,
    "p": ObjectType.POOL,
    "m": ObjectType.MEMBER,
    "hm": ObjectType.HEALTHMONITOR,
    "pol": ObjectType.L7POLICY,
    "r": ObjectType.L7RULE,
}
REASON = Reason(Code.NO_VF, "user", "operator")
C, U, D, F = Action.CREATE, Action.UPDATE, Action.DELETE, Action.FAILOVER
ACTIVE, ERROR, DELETED = "ACTIVE", "ERROR", "DELETED"


def _type(name: str) -> ObjectType:
    return TYPES[name.rstrip("0123456789")]


def _job(action: Action, name: str, parent: str | None = None) -> Job:
    ref = ObjectRef(_type(name), name, action, parent)
    return Job("job", "lb", action, _type(name), name, (ref,))


def _told(
    job: Job, *failed: str, tree: LoadBalancer | None = TREE, column: str = "provisioning_status"
) -> dict[str, str]:
    """What Octavia is told, as id -> status."""
    answer = statuses(job, tree, {(_type(name), name): REASON for name in failed})
    for kind, entries in answer.items():
        for entry in entries:
            assert _type(entry["id"]).value == kind
    return {
        entry["id"]: entry[column]
        for entries in answer.values()
        for entry in entries
        if column in entry
    }


# verb, object, what the API had put in PENDING_UPDATE above it
CHILD_VERBS = [
    (C, "l1", {"lb"}),
    (U, "l1", {"lb"}),
    (C, "p1", {"l1", "lb"}),
    (U, "p1", {"l1", "lb"}),
    (C, "p2", {"l1", "lb"}),
    (U, "p2", {"l1", "lb"}),
    (C, "m1", {"p1", "l1", "lb"}),
    (U, "m1", {"p1", "l1", "lb"}),
    (D, "m1", {"p1", "l1", "lb"}),
    (C, "m3", {"p2", "l1", "lb"}),
    (U, "m3", {"p2", "l1", "lb"}),
    (D, "m3", {"p2", "l1", "lb"}),
    (C, "hm1", {"p1", "l1", "lb"}),
    (U, "hm1", {"p1", "l1", "lb"}),
    (D, "hm1", {"p1", "l1", "lb"}),
    (C, "pol1", {"l1", "lb"}),
    (U, "pol1", {"l1", "lb"}),
    (C, "pol2", {"l2", "lb"}),
    (U, "pol2", {"l2", "lb"}),
    (D, "pol2", {"l2", "lb"}),
    (C, "r1", {"pol1", "l1", "lb"}),
    (U, "r1", {"pol1", "l1", "lb"}),
    (D, "r1", {"pol1", "l1", "lb"}),
]
# object, what disappears with it, what stays pending above it
DELETES = [
    ("l1", {"pol1", "r1"}, {"lb"}),
    ("l2", {"pol2", "pol3", "r3"}, {"lb"}),
    ("p1", {"m1", "m2", "hm1"}, {"l1", "lb"}),
    ("p2", {"m3"}, {"l1", "lb"}),
    ("pol1", {"r1"}, {"l1", "lb"}),
]


@pytest.mark.parametrize(("action", "name", "above"), CHILD_VERBS)
def test_child_change_that_worked(action: Action, name: str, above: set[str]) -> None:
    own = DELETED if action is D else ACTIVE
    assert _told(_job(action, name)) == dict.fromkeys(above, ACTIVE) | {name: own}


@pytest.mark.parametrize(
    ("action", "name", "above"),
    [*CHILD_VERBS, *((D, name, above) for name, _below, above in DELETES)],
)
def test_child_change_that_failed(action: Action, name: str, above: set[str]) -> None:
    assert _told(_job(action, name), name) == dict.fromkeys(above, ACTIVE) | {name: ERROR}
    operating = _told(_job(action, name), name, column="operating_status")
    assert operating[name] == ERROR
    assert operating["lb"] == "ONLINE"


@pytest.mark.parametrize(("name", "below", "above"), DELETES)
def test_delete_takes_what_is_below_with_it(name: str, below: set[str], above: set[str]) -> None:
    gone = dict.fromkeys(below | {name}, DELETED)
    assert _told(_job(D, name)) == gone | dict.fromkeys(above, ACTIVE)
    assert not gone.keys() & _told(_job(D, name), column="operating_status").keys()


@pytest.mark.parametrize("action", [C, U, F])
def test_load_balancer_that_worked(action: Action) -> None:
    assert _told(_job(action, "lb")) == dict.fromkeys(ALL, ACTIVE)
    assert _told(_job(action, "lb"), "m1") == dict.fromkeys(ALL, ACTIVE) | {"m1": ERROR}


# what waits behind a failover, and what it leaves to that
WAITING = [
    (_job(U, "l2"), {"lb", "l2", "pol2", "pol3", "r3"}),
    (_job(D, "m3", "p2"), {"lb", "p2", "m3", "l1"}),
    (_job(C, "l3"), {"lb"}),
    (_job(C, "p3"), {"lb", "l1", "l2"}),
    (_job(C, "m4", "p1"), {"lb", "p1", "l1", "l2"}),
    (_job(F, "lb"), {"lb"}),
]


@pytest.mark.parametrize(("behind", "locked"), WAITING)
def test_what_a_request_behind_it_has_locked_is_left_to_that(behind: Job, locked: set[str]) -> None:
    told = statuses(_job(F, "lb"), TREE, {}, waiting=[behind])
    assert {entry["id"] for group in told.values() for entry in group} == ALL - locked
    root = ObjectType.LOADBALANCER, "lb"
    assert statuses(_job(F, "lb"), TREE, {root: REASON}, waiting=[behind]) == {}


def test_load_balancer_that_failed() -> None:
    assert _told(_job(C, "lb"), "lb") == dict.fromkeys(ALL, ERROR)
    for action in (U, F, D):
        assert _told(_job(action, "lb"), "lb") == {"lb": ERROR}
    assert _told(_job(C, "lb"), "lb", tree=None) == {"lb": ERROR}


def test_load_balancer_deleted() -> None:
    assert _told(_job(D, "lb")) == dict.fromkeys(ALL, DELETED)
    assert _told(_job(D, "lb"), tree=None) == {"lb": DELETED}


def test_member_batch() -> None:
    refs = tuple(
        ObjectRef(ObjectType.MEMBER, name, action, "p1")
        for name, action in (("m1", U), ("m2", D), ("m9", C))
    )
    job = Job("job", "lb", U, ObjectType.POOL, "p1", refs)
    above = dict.fromkeys(("p1", "l1", "lb"), ACTIVE)
    assert _told(job) == above | {"m1": ACTIVE, "m2": DELETED, "m9": ACTIVE}
    assert _told(job, "m1", "m9") == above | {"m1": ERROR, "m2": DELETED, "m9": ERROR}


def test_members_that_failed_before_stay_in_error() -> None:
    told = _told(_job(U, "l1"), "m3")
    assert told == {"l1": ACTIVE, "lb": ACTIVE, "m3": ERROR}
    assert _told(_job(U, "l1"), "m99") == {"l1": ACTIVE, "lb": ACTIVE}


def test_a_failed_load_balancer_fails_the_change() -> None:
    assert _told(_job(C, "m1"), "lb") == {"m1": ERROR, "p1": ACTIVE, "l1": ACTIVE, "lb": ERROR}
    assert _told(_job(D, "p2"), "lb") == {"p2": ERROR, "l1": ACTIVE, "lb": ERROR}


@pytest.mark.parametrize(
    ("name", "parent", "above"),
    [
        ("m9", "p1", {"p1", "l1", "lb"}),
        ("hm9", "p2", {"p2", "l1", "lb"}),
        ("pol9", "l2", {"l2", "lb"}),
        ("r9", "pol2", {"pol2", "l2", "lb"}),
        ("l9", "lb", {"lb"}),
        ("p9", "lb", {"lb"}),
    ],
)
def test_objects_that_are_not_in_the_tree(name: str, parent: str, above: set[str]) -> None:
    assert _told(_job(D, name, parent)) == dict.fromkeys(above, ACTIVE) | {name: DELETED}
    assert _told(_job(C, name, parent), name) == dict.fromkeys(above, ACTIVE) | {name: ERROR}


def test_without_a_tree_the_parent_is_still_answered() -> None:
    job = _job(D, "m1", "p1")
    assert _told(job, tree=None) == {"m1": DELETED, "p1": ACTIVE, "lb": ACTIVE}
    assert _told(job, tree=None, column="operating_status") == {}


def test_job_without_objects_is_about_its_own() -> None:
    job = Job("job", "lb", D, ObjectType.MEMBER, "m1")
    assert _told(job)["m1"] == DELETED


@pytest.mark.parametrize("action", [U, F])
def test_an_amphora_is_no_matter_of_octavia_but_members_it_lost_are(action: Action) -> None:
    ref = ObjectRef(ObjectType.AMPHORA, "amp", F, "lb")
    job = Job("job", "lb", action, ObjectType.AMPHORA, "amp", (ref,))
    reason = Reason(Code.NO_VF, "u", "o")
    assert statuses(job, TREE, {}) == {}
    assert statuses(job, TREE, {(ObjectType.AMPHORA, "amp"): reason}) == {}
    told = statuses(job, TREE, {(ObjectType.MEMBER, "m1"): reason})
    assert told == {
        "members": [{"id": "m1", "provisioning_status": ERROR, "operating_status": ERROR}]
    }
    root = (ObjectType.LOADBALANCER, "lb")
    told = statuses(job, TREE, {}, recovered={root})
    assert [entry["provisioning_status"] for entry in told["loadbalancers"]] == [ACTIVE]


def test_operating_statuses() -> None:
    tree = dataclasses.replace(TREE, enabled=False)
    told = _told(_job(C, "lb"), "l2", tree=tree, column="operating_status")
    online = dict.fromkeys(ALL, "ONLINE")
    assert told == online | {
        "lb": "OFFLINE",
        "l2": "ERROR",
        "m2": "OFFLINE",
        "m3": "NO_MONITOR",
        "pol3": "OFFLINE",
    }


def test_what_heartbeats_tell_is_left_to_them() -> None:
    heard = {(_type(name), name) for name in ("lb", "l1", "l2", "p1", "m1", "m2", "m3")}
    tree = dataclasses.replace(TREE, pools=(P1, dataclasses.replace(P2, enabled=False)))
    failed = {(ObjectType.LISTENER, "l2"): REASON}
    told = statuses(_job(F, "lb"), tree, failed, heard=heard | {(ObjectType.POOL, "p2")})
    entries = [entry for kind in told.values() for entry in kind]
    assert {entry["id"] for entry in entries if "provisioning_status" in entry} == ALL
    assert {e["id"]: e["operating_status"] for e in entries if "operating_status" in e} == {
        "l2": "ERROR",
        "p2": "OFFLINE",
        "m2": "OFFLINE",
        "hm1": "ONLINE",
        "pol1": "ONLINE",
        "pol2": "ONLINE",
        "pol3": "OFFLINE",
        "r1": "ONLINE",
        "r3": "ONLINE",
    }


def test_members_that_were_heard_do_not_follow_their_monitor() -> None:
    told = statuses(_job(C, "hm1"), TREE, {}, heard={(ObjectType.MEMBER, "m1")})
    assert told["members"] == [{"id": "m2", "operating_status": "OFFLINE"}]


@pytest.mark.parametrize(
    ("action", "failed", "m1"),
    [
        (C, (), "ONLINE"),
        (U, (), "ONLINE"),
        (D, (), "NO_MONITOR"),
        (C, ("hm1",), "NO_MONITOR"),
        (C, ("m1",), "ERROR"),
    ],
)
def test_members_follow_their_monitor(action: Action, failed: tuple[str, ...], m1: str) -> None:
    job = _job(action, "hm1")
    told = _told(job, *failed, column="operating_status")
    assert (told["m1"], told["m2"], "m3" in told) == (m1, "OFFLINE", False)
    assert ("m1" in _told(job, *failed)) is ("m1" in failed)
