"""The checks of the story, each on its own."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from tests.demo import leftovers
from tests.demo.amphorae import Amphora
from tests.demo.client import Client
from tests.demo.hosts import Host
from tests.demo.report import expect, wait_for

if TYPE_CHECKING:
    from tests.demo.story import Story

ALLOWED, OTHER = "198.18.31.0/25", "198.18.31.128/25"
PORT = 80


class Cast:
    """Two clients on the public network, and members; neither is known to the cloud."""

    def __init__(self, client: Client) -> None:
        networks = {n.name: n.id for n in client.api.network.networks()}
        self.friend = Host("client-allowed", networks["public"], "198.18.31.10")
        self.stranger = Host("client-refused", networks["public"], "198.18.31.200")
        self.members = [Host(f"member-{n}", networks["members"], f"198.18.47.1{n}") for n in (1, 2)]
        for member in self.members:
            member.serve(PORT)

    def remove(self) -> None:
        """All hosts."""
        for host in (self.friend, self.stranger, *self.members):
            host.remove()


def member(host: Host, request_sriov: bool) -> str:
    """The command which makes a host a member of the pool."""
    where = f"--name {host.name} --address {host.address} --subnet-id members"
    sriov = " --request-sriov" if request_sriov else ""
    return f"openstack loadbalancer member create {where} --protocol-port {PORT}{sriov} pool"


def child(story: Story, kind: str, name: str) -> Any:
    """A listener, pool or member as the API shows it now."""
    api = story.client.api.load_balancer
    if kind == "member":
        return api.find_member(name, api.find_pool("pool"))
    return getattr(api, f"find_{kind}")(name)


def status(story: Story, kind: str, name: str, wanted: str) -> None:
    """The provisioning status of a child."""
    found = child(story, kind, name)
    expect(found is not None, f"{kind} {name} is not there")
    seen = found.provisioning_status
    if seen != wanted:
        story.client.explain(story.web)
    expect(seen == wanted, f"{kind} {name} is {seen}, wanted {wanted}")
    story.report.seen(f"{kind} {name} is {seen}")


def url(story: Story) -> str:
    """What the clients ask for."""
    return f"http://{story.web.vip_address}/"


def answers(story: Story, why: str, client: Host | None = None) -> None:
    """Six requests through the VIP, answered by both members in turn."""
    client = client or story.hosts.friend
    with story.report.step(f"curl {url(story)}: answers {why}"):
        wait_for(f"an answer from {url(story)}", lambda: client.get(url(story)), seconds=20)
        seen = [client.get(url(story)) for _ in range(6)]
        story.report.seen(f"{client.name} ({client.address}): {', '.join(map(str, seen))}")
        turns = all(a and b and a != b for a, b in itertools.pairwise(seen))
        expect(turns and len(set(seen)) == 2, f"answers do not alternate: {seen}")


def knock(story: Story, client: Host) -> dict[str, int]:
    """A refused attempt: SYNs go out, nothing comes back, the drop counter rises."""
    before = sum(amphora.dropped() for amphora in story.amphorae())
    counts = client.knock(story.web.vip_address, PORT)
    after = sum(amphora.dropped() for amphora in story.amphorae())
    story.report.seen(
        f"{client.name} ({client.address}): {counts['syn']} SYN sent, {counts['syn_ack']} SYN-ACK,"
        f" {counts['rst']} RST back; dropped by nftables: {before} -> {after}"
    )
    expect(counts["syn"] >= 1, "the client sent no SYN")
    expect(counts["syn_ack"] == 0 and counts["rst"] == 0, f"the client got an answer: {counts}")
    expect(after - before >= counts["syn"], "the drop counter did not count the SYNs")
    return counts


def refused(story: Story) -> None:
    """The client outside allowed_cidrs."""
    with story.report.step(f"a client outside {ALLOWED} is dropped"):
        knock(story, story.hosts.stranger)


def moved(story: Story) -> None:
    """Other allowed_cidrs: who was refused is let in, who was let in is refused."""
    with story.report.step(f"allowed_cidrs changed to {OTHER}"):
        change = f"openstack loadbalancer listener set --allowed-cidr {OTHER} http"
        story.client.type(change)
        story.client.settle("web")
        page = story.hosts.stranger.get(url(story))
        expect(page, "the client which is allowed now gets no answer")
        story.report.seen(f"{story.hosts.stranger.name} gets {page}")
        knock(story, story.hosts.friend)


def mixed(story: Story) -> None:
    """A member of the other kind on an attached network: the API refuses it, with a sentence."""
    with story.report.step("a member which cannot be had is refused at once"):
        host = story.hosts.members[0]
        wrong = member(host, request_sriov=False).replace(f"--name {host.name}", "--name mixed")
        said = story.client.refused(
            wrong.replace(f"--protocol-port {PORT}", "--protocol-port 8080")
        )
        sentence = "All members of one network need the same type."
        expect(sentence in said, f"the refusal does not say why: {said}")
        expect(child(story, "member", "mixed") is None, "the member is there all the same")
        status(story, "listener", "http", "ACTIVE")
    answers(story, "go on", story.hosts.stranger)


def bound(story: Story, amphora: Amphora) -> None:
    """The VIP port and the member port of an amphora are VFs which Nova has claimed."""
    direct = [port for port in amphora.ports if port.binding_vnic_type == "direct"]
    expect(len(direct) == 2, f"{amphora.server.name} has {len(direct)} direct ports, wanted 2")
    attached = {i.port_id for i in story.client.api.compute.server_interfaces(amphora.server.id)}
    for port in direct:
        slot = port.binding_profile.get("pci_slot")
        expect(port.id in attached, f"Nova does not list port {port.id} on the server")
        expect(slot, f"the binding profile of port {port.id} has no PCI slot")
        story.report.seen(f"{amphora.server.name}: {port.mac_address} is VF {slot}")
    vip = [p for p in direct if p.network_id == story.web.vip_network_id]
    pairs = [pair["ip_address"] for port in vip for pair in port.allowed_address_pairs]
    wanted = {story.web.vip_address, f"{story.web.vip_address}/32"}
    expect(wanted & set(pairs), f"allowed address pairs are {pairs}")
    story.report.seen(f"allowed address pairs of the base port: {', '.join(pairs)}")


def portrait(story: Story) -> str:
    """The ruleset in force and who owns which VF, for the end of the run."""
    networks = {n.id: n.name for n in story.client.api.network.networks()}
    text = []
    for amphora in story.amphorae():
        text.append(f"\nnft ruleset of amphora {amphora.server.name}:\n{amphora.ruleset()}")
    text.append("VFs and their owners (Nova, Neutron):")
    for port in story.client.api.network.ports():
        slot = (port.binding_profile or {}).get("pci_slot")
        if slot:
            owner = story.client.api.compute.get_server(port.device_id)
            where = f"{port.binding_host_id} {slot} {port.binding_vif_type}"
            text.append(f"  {where}  {port.mac_address}  {networks[port.network_id]}  {owner.name}")
    return "\n".join(text)


def nothing_left(story: Story, before: leftovers.Inventory) -> None:
    """No port, server, group, namespace or wire but those of before."""
    api = story.client.api
    wait_for(
        "servers gone", lambda: not leftovers.take(api).beyond(before).get("server"), seconds=30
    )  # fmt: skip
    leftovers.nothing_new(before, leftovers.take(api))
    story.report.seen("no port, server, server group, security group, namespace or veth is left")
