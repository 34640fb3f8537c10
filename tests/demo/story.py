"""The story: a user makes a load balancer on VFs, uses it, breaks a member, and deletes it all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.demo import amphorae, chapters, leftovers, pairs, vitals
from tests.demo.client import Client
from tests.demo.report import Report, expect
from tests.demo.settings import Settings

BESIDE = "beside"


class Story:
    """State which the steps share."""

    def __init__(self, settings: Settings, report: Report) -> None:
        self.settings, self.report = settings, report
        self.client = Client(settings, report)
        self.sriov = settings.provider == "sriov"
        self.flavor = "SRIOV-public-members" if self.sriov else "stock"
        self.hosts = chapters.Cast(self.client)
        self.web: Any = None

    def tell(self) -> None:
        """All of it; the stock load balancer comes and goes meanwhile."""
        before = leftovers.take(self.client.api)
        with ThreadPoolExecutor(2) as pool:
            beside = pool.submit(self.beside) if self.sriov else None
            self.create()
            self.children()
            chapters.answers(self, "alternate between both members")
            vitals.heard(self)
            vitals.sick(self)
            if beside:
                beside.result()
                self.hardware()
                chapters.refused(self)
                deleted = pool.submit(self.still_there)
                chapters.moved(self)
                chapters.mixed(self)
                deleted.result()
        if self.sriov and self.settings.topology == "ACTIVE_STANDBY":
            pairs.takeover(self)
        epilogue = chapters.portrait(self)
        self.delete(before)
        print(epilogue, flush=True)

    def beside(self) -> None:
        """The stock provider, in the same octavia.conf."""
        with self.report.step("stock provider: a load balancer next to ours"):
            create = "openstack loadbalancer create --provider amphora --flavor stock"
            self.client.type(f"{create} --vip-subnet-id private --name {BESIDE}")
            self.client.settle(BESIDE)

    def still_there(self) -> None:
        """The stock load balancer is ACTIVE; it goes without touching ours."""
        with self.report.step("stock provider: delete"):
            expect(self.client.settle(BESIDE).provider == "amphora", "not the stock provider's")
            self.client.type(f"openstack loadbalancer delete {BESIDE}")
            self.client.gone(BESIDE)

    def create(self) -> None:
        """The command of the README, as typed."""
        with self.report.step(f"load balancer web, provider {self.settings.provider}"):
            create = f"openstack loadbalancer create --flavor {self.flavor}"
            self.client.type(f"{create} --vip-subnet-id public --name web")
            self.web = self.client.settle("web")
            expect(self.web.provider == self.settings.provider, f"provider is {self.web.provider}")
            self.report.seen(f"ACTIVE, VIP {self.web.vip_address}")

    def children(self) -> None:
        """Listener, pool and two members."""
        lb = "openstack loadbalancer"
        with self.report.step("listener with allowed_cidrs"):
            options = f"--protocol HTTP --protocol-port 80 --allowed-cidr {chapters.ALLOWED}"
            self.client.type(f"{lb} listener create --name http {options} web")
            self.client.settle("web")
            chapters.status(self, "listener", "http", "ACTIVE")
        with self.report.step("pool"):
            options = "--protocol HTTP --lb-algorithm ROUND_ROBIN"
            self.client.type(f"{lb} pool create --name pool --listener http {options}")
            self.client.settle("web")
        for member in self.hosts.members:
            with self.report.step(f"{member.name} on the network members"):
                self.client.type(chapters.member(member, request_sriov=self.sriov))
                self.client.settle("web")
                chapters.status(self, "member", member.name, "ACTIVE")

    def amphorae(self) -> list[amphorae.Amphora]:
        """The amphorae of web, as many as its topology wants."""
        found = amphorae.of(self.client, self.web)
        wanted = 2 if self.settings.topology == "ACTIVE_STANDBY" else 1
        expect(len(found) == wanted, f"{len(found)} amphorae have the VIP, wanted {wanted}")
        return found

    def hardware(self) -> None:
        """Nova and Neutron tell the same about the VFs."""
        with self.report.step("ports: direct, with a PCI slot; VIP as allowed address pair"):
            for amphora in self.amphorae():
                chapters.bound(self, amphora)

    def delete(self, before: leftovers.Inventory) -> None:
        """Everything goes with one command, and nothing stays."""
        with self.report.step("delete --cascade leaves nothing behind"):
            self.client.type("openstack loadbalancer delete --cascade web")
            self.client.gone("web")
            self.hosts.remove()
            chapters.nothing_left(self, before)


def tell(settings: Settings, report: Report) -> None:
    """Tells the story; the first check that does not hold raises DemoFailure."""
    Story(settings, report).tell()
