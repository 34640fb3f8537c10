"""The demo's story on a cloud without Nova: create, traffic, refusal, hot-plug, delete."""

from __future__ import annotations

from sriov_provider.config_local import Local
from tests.demo import chapters, leftovers, story
from tests.demo.amphorae import Amphora
from tests.demo.client import Client
from tests.demo.leftovers import Inventory
from tests.demo.report import Report, expect, wait_for
from tests.demo.session import Session
from tests.demo.settings import Settings
from tests.local import hosts
from tests.local.bootstrap import FLAVOR

# Seconds: VRRP gives a master up after three advertisements, one a second, that did not come.
TAKEOVER = 6.0
PAIR = "ACTIVE_STANDBY"
MANAGEMENT = Local().management_interface


class Story(story.Story):
    """State which the steps share."""

    def __init__(self, settings: Settings, report: Report) -> None:
        self.settings, self.report = settings, report
        self.client = Client(settings, report)
        self.sriov, self.flavor = True, FLAVOR
        with report.step("the worker has this host's own port on the management network"):
            wait_for("the port", lambda: MANAGEMENT in leftovers.wires(), 60)
        self.before = take(self.client)
        self.hosts = hosts.Cast(self.client)

    def tell(self) -> None:
        """All of it."""
        self.create()
        self.children()
        chapters.answers(self, "alternate between both members")
        self.plugged()
        chapters.refused(self)
        if self.settings.topology == PAIR:
            self.takeover()
        self.heard()
        self.unplug()
        self.finish()

    def amphorae(self) -> list[Amphora]:
        """The amphorae of web, as many as its topology wants."""
        found = hosts.of(self.client, self.web)
        wanted = 2 if self.settings.topology == PAIR else 1
        expect(len(found) == wanted, f"{len(found)} amphorae have the VIP, wanted {wanted}")
        return found

    def plugged(self) -> None:
        """Nobody has bound the ports, and nobody but the amphora filters them."""
        with self.report.step("ports: Neutron knows whose they are"):
            for amphora in self.amphorae():
                direct = [p for p in amphora.ports if p.binding_vnic_type == "direct"]
                expect(len(direct) == 2, f"{len(direct)} direct ports, wanted 2")
                for port in direct:
                    self.report.seen(
                        f"{amphora.server.name}: {port.mac_address}, {port.device_owner}, "
                        f"{port.binding_vif_type} in Neutron"
                    )

    def heard(self) -> None:
        """Heartbeats come through this host's own port on the management network."""
        with self.report.step("heartbeats: web is ONLINE"):
            wait_for(
                "web ONLINE",
                lambda: self.client.balancer("web").operating_status == "ONLINE",
                30,
                0.5,
            )

    def takeover(self) -> None:
        """The master dies; the other one has the VIP, and a failover makes a new pair."""
        client = self.hosts.friend
        vip = self.web.vip_address
        with (
            self.report.step("the master dies: the other amphora takes the VIP"),
            Session(client, chapters.url(self)) as session,
        ):
            pair = self.amphorae()
            (dead,) = (a for a in pair if a.has(vip))
            killed = dead.kill()
            seconds = session.answered_after(killed) - killed
            self.report.seen(f"{dead.server.name} killed; answers again after {seconds:.1f} s")
            expect(seconds < TAKEOVER, f"nobody answered for {seconds:.1f} s")
        with self.report.step("failover: the dead one is replaced"):
            self.client.type("openstack loadbalancer failover web")
            self.client.settle("web")
            new = {a.server.id for a in self.amphorae()}
            expect(dead.server.id not in new, "the dead amphora is still there")
            expect(client.get(chapters.url(self)), "no answer after the failover")

    def unplug(self) -> None:
        """The last member of a network takes the amphora's port there with it."""
        api = self.client.api.load_balancer
        with self.report.step("members deleted: their network is unplugged"):
            pool = api.find_pool("pool")
            for member in api.members(pool):
                api.delete_member(member, pool)
                self.client.settle("web")
            for amphora in self.amphorae():
                direct = [p for p in amphora.ports if p.binding_vnic_type == "direct"]
                links = amphora.run("ip", "-br", "link").splitlines()
                expect(len(direct) == 1 and len(links) == 2, f"{len(direct)} ports, {links}")
                self.report.seen(f"{amphora.server.name} has its VIP port alone")

    def finish(self) -> None:
        """Everything goes with one command, and nothing stays."""
        for amphora in self.amphorae():
            print(f"\nnft ruleset of amphora {amphora.server.name}:\n{amphora.ruleset()}")
            assert isinstance(amphora, hosts.Amphora)
            self.report.seen(f"{amphora.server.name}: {amphora.memory:.0f} MiB (PSS)")
        with self.report.step("delete --cascade leaves nothing behind"):
            self.client.type("openstack loadbalancer delete --cascade web")
            self.client.gone("web")
            self.hosts.remove()
            leftovers.nothing_new(self.before, take(self.client))
            self.report.seen("no port, security group, namespace, wire, file or process is left")


def take(client: Client) -> Inventory:
    """What is there now."""
    network = client.api.network
    return Inventory(
        {
            "port": {p.id: f"{p.name} {p.mac_address}" for p in network.ports()},
            "security group": {
                g.id: g.name for g in network.security_groups() if g.name != "default"
            },
            "namespace": {name: name for name in leftovers.namespaces()},
            "wire": {name: name for name in leftovers.wires()},
            "amphora": {place: place for place in hosts.places()},
        }
    )


def tell(settings: Settings, report: Report) -> None:
    """Tells the story; the first check that does not hold raises DemoFailure."""
    Story(settings, report).tell()
