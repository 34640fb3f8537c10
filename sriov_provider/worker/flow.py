"""Lays out a plan as one TaskFlow flow. No decisions: those are in the plan.

start, in parallel:                security group  |  servers
build, each amphora in parallel:   server up  |  ports, then agent + deny all  |  attach
(a lone amphora that is replaced stands down here, and goes beside what follows; one of a pair goes
while the new one's VIP is plugged or, where no room is to be made, from here on to keepalived)
plug, each amphora in parallel:    VIP, then member networks in parallel
serve:                             close rules -> configuration -> open rules
pair, those that serve first:      keepalived
release:                           surplus ports

Beside all of it from build on: the amphora that the next plan needs.
"""

from __future__ import annotations

from taskflow import flow as base_flow
from taskflow.patterns import linear_flow, unordered_flow

from sriov_provider.records import PortRecord
from sriov_provider.worker.plan_model import AmphoraPlan, Plan, ReleaseWhen
from sriov_provider.worker.run import Run
from sriov_provider.worker.tasks import (
    ahead,
    amphorae,
    anew,
    firewall,
    groups,
    members,
    ports,
    servers,
    standing_down,
)

# An amphora that goes gives room to member interfaces of the one that is built.
_ROOM_COMES = (ReleaseWhen.BEFORE_PLUG, ReleaseWhen.BEFORE_MEMBERS)


def build(run: Run) -> base_flow.Flow:
    """The flow of a run's plan."""
    plan = run.plan
    if plan.remove_all:
        return _removal(run)
    if plan.repair_firewall:
        return _parallel("repair", [firewall.RepairFirewall(run, a) for a in plan.amphorae])
    flow = linear_flow.Flow(f"{plan.job.action.value}:{plan.job.id}")
    flow.add(*(amphorae.MarkStale(run, a.id) for a in plan.left_out))
    if plan.server_group_policy:
        flow.add(groups.EnsureServerGroup(run, plan.load_balancer_id))
    early = plan.release_when is ReleaseWhen.BEFORE_BUILD
    if early:
        flow.add(*_release_amphorae(run))
    flow.add(_start(run))
    if plan.ahead is None:
        return flow.add(*_rest(run))
    return flow.add(_parallel("beside", [_serial("rest", _rest(run)), _ahead(run, plan.ahead)]))


def _rest(run: Run) -> list[base_flow.Flow]:
    plan = run.plan
    prepared = [a for a in plan.amphorae if not a.boot and not a.record.serves]
    builds = [_build(run, a) for a in plan.amphorae if a.boot]
    return [
        _parallel("prepared", [servers.RecordAmphora(run, a) for a in prepared]),
        _parallel("build", [*builds, *_ask_leaving(run)]),
        *_plug_and_serve(run),
        _parallel("release", _release_ports(run, plan.release_ports, detach=True)),
    ]


def _plug_and_serve(run: Run) -> list[base_flow.Flow]:
    """Who goes has handed the VIP over before anybody's rules close to it."""
    plan, plug, serve = run.plan, [*_plug(run), _unplug(run)], _serve(run)
    ready = _parallel("ready", [amphorae.MarkReady(run, a) for a in plan.amphorae])
    if plan.release_when is ReleaseWhen.BEFORE_PLUG:
        serving = _serial("serving", [*plug, *serve, *_vrrp(run), ready])
        going = _serial("going", _let_go(run))
        return [*_stand_down(run), _parallel("replace", [going, serving])]
    if plan.release_when is not ReleaseWhen.BEFORE_VRRP:
        return [*plug, *serve, *_vrrp(run), ready]
    hand_over, *going = _release_amphorae(run)
    return [
        _parallel("hand-over", [hand_over, _serial("plugging", plug)]),
        _parallel("replace", [_serial("going", going), _serial("serving", serve)]),
        *_vrrp(run),
        ready,
    ]


def _stand_down(run: Run) -> list[base_flow.Flow]:
    """What an earlier run has left before what serves: it may not go at all."""
    gone = run.plan.release_amphorae
    steps = {a.id: standing_down.StandDown(run, a.id) for a in gone}
    return [
        _parallel("left", [steps[a.id] for a in gone if not a.serves]),
        _parallel("stand-down", [steps[a.id] for a in gone if a.serves]),
    ]


def _let_go(run: Run) -> list[base_flow.Flow]:
    gone = run.plan.release_amphorae
    rows = [p for a in gone for p in run.book.ports(a.id)]
    let_ports_go = [standing_down.LetPortGo(run, p, detach=False) for p in rows]
    return [
        _parallel("let-servers-go", [standing_down.LetServerGo(run, a.id) for a in gone]),
        _parallel("let-ports-go", let_ports_go),
    ]


def _ahead(run: Run, plan: Plan) -> ahead.BuildAhead:
    """The server, which :func:`_start` makes of others, and its interfaces."""
    its = run.of(plan)
    flow = linear_flow.Flow(f"ahead:{plan.job.id}")
    for amphora in plan.amphorae:
        if not amphora.boots_with:
            flow.add(_server(its, amphora))
        flow.add(_build(its, amphora), _plug_vip(its, amphora), _plug_members(its, amphora))
    return ahead.BuildAhead(run, its, flow)


def _parallel(name: str, parts: list[base_flow.Flow]) -> base_flow.Flow:
    return unordered_flow.Flow(name).add(*parts)


def _serial(name: str, parts: list[base_flow.Flow]) -> base_flow.Flow:
    return linear_flow.Flow(name).add(*parts)


def _start(run: Run) -> base_flow.Flow:
    """Servers boot while the group is made that ports need; those that are booted with ports wait
    for it."""
    servers_only = [_server(run, a) for a in run.plan.amphorae if a.boot and not a.boots_with]
    group = groups.EnsureSecurityGroup(run, run.plan.load_balancer_id)
    return unordered_flow.Flow("start").add(group, *servers_only)


def _ask_leaving(run: Run) -> list[standing_down.AskLeaving]:
    if run.plan.release_when is not ReleaseWhen.BEFORE_PLUG:
        return []
    return [standing_down.AskLeaving(run, a.id) for a in run.plan.release_amphorae if a.serves]


def _server(run: Run, amphora: AmphoraPlan) -> base_flow.Flow:
    return linear_flow.Flow(f"server:{amphora.record.id}").add(
        servers.RecordAmphora(run, amphora), servers.EnsureServer(run, amphora)
    )


def _build(run: Run, amphora: AmphoraPlan) -> base_flow.Flow:
    """Ports the server is booted with are made before it, the others while it boots; the base port
    is attached while the agent starts."""
    name = amphora.record.id
    room = run.plan.release_when not in _ROOM_COMES or not run.plan.release_amphorae
    early = amphora.hot_plugged
    flow = linear_flow.Flow(f"build:{name}")
    while_booting = unordered_flow.Flow(f"boot:{name}").add(servers.WaitServer(run, amphora))
    if amphora.boots_with:
        flow.add(servers.RecordAmphora(run, amphora), _ports_to_boot_with(run, amphora))
        flow.add(servers.EnsureServer(run, amphora))
    elif amphora.vip_port:
        while_booting.add(ports.EnsureVipPort(run, amphora.vip_port))
    while_booting.add(*(members.EnsureMemberPort(run, amphora, p, room=room) for p in early))
    steps = [members.AttachMember(run, amphora, p, room=room) for p in early]
    attach = linear_flow.Flow(f"attach:{name}").add(
        ports.AttachVipPort(run, amphora),
        _parallel(f"attach-members:{name}", steps),
        ports.BindVipPort(run, amphora),
    )
    return flow.add(
        while_booting, _parallel(f"ready:{name}", [amphorae.WaitAgent(run, amphora), attach])
    )


def _ports_to_boot_with(run: Run, amphora: AmphoraPlan) -> base_flow.Flow:
    flow = unordered_flow.Flow(f"ports:{amphora.record.id}")
    if amphora.vip_port:
        flow.add(ports.EnsureVipPort(run, amphora.vip_port))
    booted = [p for p in amphora.member_ports if p.record.id in amphora.boots_with]
    return flow.add(*(members.EnsureMemberPort(run, amphora, p) for p in booted))


def _anew(run: Run) -> list[base_flow.Flow]:
    """Rules before interfaces, as after a boot."""
    there = [a for a in run.plan.amphorae if a.record.id in run.plan.anew]
    parts = [linear_flow.Flow(f"anew:{a.record.id}") for a in there]
    for part, amphora in zip(parts, there, strict=True):
        part.add(anew.ReadAnew(run, amphora), anew.PlugAnew(run, amphora))
    return parts


def _plug(run: Run) -> list[base_flow.Flow]:
    """An amphora that is replaced may go beside its first half, as the plan says."""
    there, when = run.plan.amphorae, run.plan.release_when
    vips = {a.record.id: _plug_vip(run, a) for a in there}
    members = {a.record.id: _plug_members(run, a) for a in there}
    if when is ReleaseWhen.BEFORE_MEMBERS:
        plugged = [_serial("room", _release_amphorae(run)), *vips.values()]
        return [*_anew(run), _parallel("plug", plugged), _parallel("members", [*members.values()])]
    both = [_serial(f"plug:{i}", [vips[i], members[i]]) for i in vips]
    return [*_anew(run), _parallel("plug", both)]


def _plug_vip(run: Run, amphora: AmphoraPlan) -> base_flow.Flow:
    flow = linear_flow.Flow(f"vip:{amphora.record.id}")
    if amphora.vip_port:
        flow.add(ports.PlugVip(run, amphora))
    if amphora.vip_subnets:
        flow.add(members.ExtendVipPort(run, amphora))
    if not amphora.boot:
        if run.plan.vip_qos[0]:
            flow.add(ports.SetVipQos(run, amphora))
        if run.plan.vip_groups:
            flow.add(ports.SetVipGroups(run, amphora))
    return flow


def _plug_members(run: Run, amphora: AmphoraPlan) -> base_flow.Flow:
    plugs = [members.PlugMemberNetwork(run, amphora, p) for p in amphora.member_ports]
    return _parallel(f"members:{amphora.record.id}", plugs)


def _unplug(run: Run) -> base_flow.Flow:
    """What one of a pair has got for members that the other could not be given a port for."""
    pairs = [(a, p) for a in run.plan.amphorae for p in a.member_ports if p.members]
    several = len(run.plan.amphorae) > 1
    parts = [members.UnplugFailed(run, a, p) for a, p in pairs] if several else []
    return _parallel("unplug", parts)


def _serve(run: Run) -> list[base_flow.Flow]:
    """Closing comes before the haproxy change, opening after it."""
    plan = run.plan
    close = [amphorae.CloseFirewall(run, a) for a in plan.amphorae]
    configure = [amphorae.Configure(run, a) for a in plan.amphorae if plan.configure]
    return [
        _parallel("close", close),
        _parallel("configure", configure),
        groups.SyncGroupRules(run, plan.load_balancer_id),
        _parallel("open", [amphorae.OpenFirewall(run, a) for a in plan.amphorae]),
    ]


def _vrrp(run: Run) -> list[base_flow.Flow]:
    """Each lets the other's packets in by now. One that serves has to know of a new one before that
    listens for it, or both would have the VIP for a moment."""
    plan = run.plan
    if not plan.vrrp:
        return []
    there = [amphorae.ConfigureVrrp(run, a) for a in plan.amphorae if a.record.serves]
    new = [amphorae.ConfigureVrrp(run, a) for a in plan.amphorae if not a.record.serves]
    return [_parallel("vrrp", there), _parallel("vrrp-new", new)]


def _release_amphorae(run: Run) -> list[base_flow.Flow]:
    """Servers first: a port of a server that is gone needs no detach."""
    gone = run.plan.release_amphorae
    ids = {a.id for a in gone}
    rows = tuple(p for p in run.book.ports() if p.amphora_id in ids)
    return [
        _parallel("yield", [amphorae.YieldVip(run, a.id) for a in run.plan.yields]),
        _parallel("release-servers", [servers.ReleaseAmphora(run, a.id) for a in gone]),
        _parallel("release-their-ports", _release_ports(run, rows, detach=False)),
    ]


def _release_ports(run: Run, rows: tuple[PortRecord, ...], *, detach: bool) -> list[base_flow.Flow]:
    return [ports.ReleasePort(run, p, detach=detach) for p in rows]


def _removal(run: Run) -> base_flow.Flow:
    plan = run.plan
    orphans = {a.id for a in plan.release_amphorae}
    rows = tuple(p for p in plan.release_ports if p.amphora_id not in orphans)
    return linear_flow.Flow(f"remove:{plan.load_balancer_id}").add(
        *_release_amphorae(run),
        _parallel("release-ports", _release_ports(run, rows, detach=False)),
        ports.ReleaseTagged(run, plan.load_balancer_id),
        groups.ReleaseGroups(run, plan.load_balancer_id),
    )


def describe(flow: base_flow.Flow) -> list[str]:
    """Names of the tasks, in order of the layout; for ``explain``."""
    parts = [node for node, _ in flow.iter_nodes()]
    return [
        name
        for part in parts
        for name in (describe(part) if isinstance(part, base_flow.Flow) else [part.name])
    ]
