"""What the client asks of an agent, in which order, and what it makes of the answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sriov_provider.amphora.base import AgentInfo, Endpoint, FirewallState, VipPlug
from sriov_provider.amphora.client import AgentClient, Pace
from sriov_provider.amphora.model import Serving
from sriov_provider.amphora.reply import Reply
from sriov_provider.errors import Code, ProviderError
from sriov_provider.firewall.counts import Count, Counters, ListenerCount
from tests.unit.amphora import plain_scenarios, tls_scenarios
from tests.unit.amphora.scenarios import (
    AMPHORA,
    LB,
    LISTENER,
    PEER_PORT,
    VIEWS,
    Scenario,
    listener,
    pool,
    scenario,
    sha1,
    uid,
)
from tests.unit.amphora.scripted import DETAILS, ScriptedAgent
from tests.unit.amphora.test_plugs import NETWORK, VIP

ENDPOINT = Endpoint(AMPHORA, "192.0.2.10")
PACE = Pace(ready_interval=0.001, plug_interval=0.001, plug_timeout=0.2)
NO_INTERFACE = Reply(404, {"details": "No suitable network interface found"})
STOCK_404 = Reply(404, {"error": "404 Not Found", "http_code": 404})
INFO = Reply(200, {"api_version": "1.0", "haproxy_version": "2.6.12-1\n", "hostname": "amp"})


class Words:
    """Renders to something recognisable."""

    def certificate_directory(self, load_balancer_id: str) -> str:
        return f"/certs/{load_balancer_id}"

    def haproxy(
        self, serving: Serving, amphora_id: str, haproxy_version: str, details: Mapping[str, Any]
    ) -> str:
        return f"haproxy {haproxy_version.strip()} for {amphora_id} peers {serving.peer_port}"

    def lvs(self, serving: Serving, listener_id: str) -> str:
        return f"lvs {listener_id} {serving.topology}"

    def vrrp(self, serving: Serving, amphora_id: str, interface: str, vip: VipPlug) -> str:
        peers = [a.vrrp_ip for a in serving.amphorae if a.id != amphora_id]
        return f"vrrp {interface} {vip.vip_address} {serving.topology} with {peers}"


def client(agent: ScriptedAgent) -> AgentClient:
    return AgentClient(agent, Words(), PACE)


def configure(agent: ScriptedAgent, what: Scenario, by: AgentClient | None = None) -> None:
    serving = what.serving
    (by or client(agent)).configure(
        ENDPOINT, serving.load_balancer, serving.topology, serving.amphorae, PEER_PORT
    )


def code(error: pytest.ExceptionInfo[ProviderError]) -> Code:
    return error.value.reason.code


def unreachable() -> ProviderError:
    return ProviderError(Code.AGENT_UNREACHABLE, "u", "refused", retriable=True)


class TestReady:
    def test_at_once(self) -> None:
        capabilities = Reply(200, {"extension": "0.1.0", "security_group": 1})
        agent = ScriptedAgent({"GET info": [INFO], "GET sriov-capabilities": [capabilities]})
        assert client(agent).wait_ready(ENDPOINT, 1) == AgentInfo("1.0", "2.6.12-1", "0.1.0")
        assert agent.asked() == ["GET info", "GET sriov-capabilities"]

    def test_image_without_extension(self) -> None:
        agent = ScriptedAgent({"GET info": [INFO], "GET sriov-capabilities": [STOCK_404]})
        assert client(agent).wait_ready(ENDPOINT, 1).extension is None

    def test_booting(self) -> None:
        booting: list[Reply | Exception] = [
            unreachable(),
            ProviderError(Code.CERTIFICATE, "u", "not yet valid"),
            Reply(404, None, "<html>"),
            Reply(503),
            INFO,
        ]
        agent = ScriptedAgent({"GET info": booting, "GET sriov-capabilities": [STOCK_404]})
        assert client(agent).wait_ready(ENDPOINT, 5).api_version == "1.0"
        assert agent.asked().count("GET info") == 5

    def test_never(self) -> None:
        agent = ScriptedAgent({"GET info": [unreachable()]})
        with pytest.raises(ProviderError) as caught:
            client(agent).wait_ready(ENDPOINT, 0.3)
        assert code(caught) is Code.AGENT_UNREACHABLE
        assert len(agent.calls) > 2

    @pytest.mark.parametrize("answer", [Reply(403, {"message": "no"}), Reply(200, {}), STOCK_404])
    def test_something_else_answers(self, answer: Reply) -> None:
        agent = ScriptedAgent({"GET info": [answer]})
        with pytest.raises(ProviderError) as caught:
            client(agent).wait_ready(ENDPOINT, 5)
        assert code(caught) is Code.AGENT_ERROR
        assert len(agent.calls) == 1


class TestPlug:
    PATHS = {
        "plug_vip": (f"POST plug/vip/{VIP.vip_address}", (VIP,)),
        "plug_network": ("POST plug/network", (NETWORK,)),
        "plug_network_on_vip": ("POST plug/network", (VIP, NETWORK)),
    }

    @pytest.mark.parametrize("verb", PATHS)
    def test_device_appears_late(self, verb: str) -> None:
        call, plugs = self.PATHS[verb]
        agent = ScriptedAgent({call: [NO_INTERFACE, Reply(404), NO_INTERFACE, Reply(202)]})
        getattr(client(agent), verb)(ENDPOINT, *plugs)
        assert agent.asked() == [call] * 4
        assert agent.calls[0].json["is_sriov"] is False

    @pytest.mark.parametrize("verb", PATHS)
    def test_device_never_appears(self, verb: str) -> None:
        call, plugs = self.PATHS[verb]
        agent = ScriptedAgent({call: [NO_INTERFACE]})
        with pytest.raises(ProviderError) as caught:
            getattr(client(agent), verb)(ENDPOINT, *plugs)
        assert code(caught) is Code.AGENT_ERROR and caught.value.retriable
        assert plugs[-1].mac in caught.value.reason.operator
        assert 2 < len(agent.calls) < 210

    @pytest.mark.parametrize("verb", PATHS)
    @pytest.mark.parametrize("answer", [Reply(400), Reply(500), STOCK_404])
    def test_refused_at_once(self, verb: str, answer: Reply) -> None:
        call, plugs = self.PATHS[verb]
        agent = ScriptedAgent({call: [answer]})
        with pytest.raises(ProviderError) as caught:
            getattr(client(agent), verb)(ENDPOINT, *plugs)
        assert code(caught) is Code.AGENT_ERROR
        assert len(agent.calls) == 1

    def test_vip_plugged_already(self) -> None:
        call = self.PATHS["plug_vip"][0]
        agent = ScriptedAgent({call: [Reply(409, {"message": "Interface already exists"})]})
        client(agent).plug_vip(ENDPOINT, VIP)
        assert agent.asked() == [call]


class TestVrrp:
    WHERE = f"GET interface/{VIP.vrrp_ip}"

    def test_the_interface_is_asked_for(self) -> None:
        agent = ScriptedAgent({self.WHERE: [Reply(200, {"message": "OK", "interface": "eth7"})]})
        lb = scenario((), (), []).serving.load_balancer
        client(agent).configure_vrrp(ENDPOINT, lb, VIEWS, VIP)
        assert agent.asked() == [self.WHERE, "PUT vrrp/upload", "PUT vrrp/start"]
        sent = agent.sent("PUT vrrp/upload").data
        assert sent == f"vrrp eth7 198.18.16.5 ACTIVE_STANDBY with ['{VIEWS[1].vrrp_ip}']".encode()

    @pytest.mark.parametrize("answer", [Reply(404, {"message": "Error"}), Reply(200, {})])
    def test_no_such_interface(self, answer: Reply) -> None:
        agent = ScriptedAgent({self.WHERE: [answer]})
        lb = scenario((), (), []).serving.load_balancer
        with pytest.raises(ProviderError) as caught:
            client(agent).configure_vrrp(ENDPOINT, lb, VIEWS, VIP)
        assert code(caught) is Code.AGENT_ERROR
        assert agent.changes() == []

    @pytest.mark.parametrize("what", ["stop", "start"])
    def test_asked_once_with_patience(self, what: str) -> None:
        agent = ScriptedAgent()
        getattr(client(agent), f"{what}_vrrp")(ENDPOINT, (2.0, 5.0))
        (call,) = agent.calls
        assert (str(call), call.timeout, call.attempts) == (f"PUT vrrp/{what}", (2.0, 5.0), 1)


class TestStandDown:
    CALL = "PUT sriov-interfaces/down"

    def test_asked_once_with_patience(self) -> None:
        agent = ScriptedAgent({self.CALL: [Reply(200, {"down": ["eth1"]})]})
        client(agent).stand_down(ENDPOINT, (2.0, 5.0))
        (call,) = agent.calls
        assert (str(call), call.timeout, call.attempts) == (self.CALL, (2.0, 5.0), 1)

    @pytest.mark.parametrize("answer", [STOCK_404, Reply(500, {"message": "no"})])
    def test_an_image_that_is_too_old_and_one_that_cannot(self, answer: Reply) -> None:
        agent = ScriptedAgent({self.CALL: [answer]})
        with pytest.raises(ProviderError) as caught:
            client(agent).stand_down(ENDPOINT, (2.0, 5.0))
        assert code(caught) is Code.AGENT_ERROR


class TestProbe:
    def test_asked_once_with_patience(self) -> None:
        agent = ScriptedAgent({"GET info": [INFO]})
        client(agent).probe(ENDPOINT, (2.0, 5.0))
        (call,) = agent.calls
        assert (call.timeout, call.attempts) == ((2.0, 5.0), 1)

    @pytest.mark.parametrize("answer", [unreachable(), Reply(500)])
    def test_nobody_there(self, answer: Reply | ProviderError) -> None:
        agent = ScriptedAgent({"GET info": [answer]})
        with pytest.raises(ProviderError):
            client(agent).probe(ENDPOINT, (2.0, 5.0))
        assert len(agent.calls) == 1


class TestFirewall:
    DOCUMENT = {"version": 1, "interfaces": []}
    OLD = Reply(
        200,
        {
            "digest": "abc",
            "interfaces": {"m1": "eth1", "m2": None},
            "counters": {
                "named": {"drop_new": {"packets": 3, "bytes": 180}},
                "refused": {"l1": {"packets": 1, "bytes": 60}},
            },
        },
    )
    NEW = Reply(
        200,
        {
            "digest": "",
            "table": "def",
            "drifted": True,
            "interfaces": {"m1": "eth1", "m2": None},
            "counters": {
                "named": {"drop_new": {"packets": 3, "bytes": 180}},
                "listeners": {
                    "l1": {
                        "accepted": {"packets": 9, "bytes": 540},
                        "refused": {"packets": 1, "bytes": 60},
                    }
                },
            },
        },
    )

    def test_apply_and_read(self) -> None:
        agent = ScriptedAgent({"POST security-group": [self.OLD], "GET security-group": [self.OLD]})
        named = {"drop_new": Count(3, 180)}
        counted = Counters(named, {"l1": ListenerCount(None, Count(1, 60))})
        expected = FirewallState("abc", counted, interfaces={"m1": "eth1", "m2": None})
        assert client(agent).apply_firewall(ENDPOINT, self.DOCUMENT) == expected
        assert client(agent).firewall(ENDPOINT) == expected
        assert agent.calls[0].json == self.DOCUMENT

    def test_newer_agents_tell_what_the_kernel_holds(self) -> None:
        agent = ScriptedAgent({"GET security-group": [self.NEW]})
        counted = Counters(
            {"drop_new": Count(3, 180)}, {"l1": ListenerCount(Count(9, 540), Count(1, 60))}
        )
        interfaces = {"m1": "eth1", "m2": None}
        expected = FirewallState("", counted, "def", True, interfaces)
        assert client(agent).firewall(ENDPOINT) == expected

    def test_a_look_without_counters_is_short(self) -> None:
        path = "GET security-group?counters=false"
        agent = ScriptedAgent({path: [Reply(200, {"digest": "abc", "interfaces": {}})]})
        state = client(agent).firewall(ENDPOINT, counters=False, patience=(1.0, 2.0))
        assert state == FirewallState("abc")
        assert agent.asked() == [path]
        assert (agent.calls[0].timeout, agent.calls[0].attempts) == ((1.0, 2.0), 1)

    @pytest.mark.parametrize(
        ("answer", "expected"),
        [
            (STOCK_404, Code.EXTENSION_MISSING),
            (Reply(404), Code.EXTENSION_MISSING),
            (Reply(400, {"message": "m", "path": "members/0"}), Code.FIREWALL_REFUSED),
            (Reply(500), Code.AGENT_ERROR),
            (Reply(200, {"digest": None}), Code.AGENT_ERROR),
            (Reply(200, None, "hello"), Code.AGENT_ERROR),
            (Reply(200, {"digest": "a", "counters": {"named": {"x": 3}}}), Code.AGENT_ERROR),
            (Reply(200, {"digest": "a", "interfaces": ["eth1"]}), Code.AGENT_ERROR),
        ],
    )
    def test_refused(self, answer: Reply, expected: Code) -> None:
        agent = ScriptedAgent({"POST security-group": [answer], "GET security-group": [answer]})
        with pytest.raises(ProviderError) as applied:
            client(agent).apply_firewall(ENDPOINT, self.DOCUMENT)
        with pytest.raises(ProviderError) as read:
            client(agent).firewall(ENDPOINT)
        assert code(applied) is code(read) is expected


HAPROXY = f"PUT loadbalancer/{AMPHORA}/{LB}/haproxy"
RELOAD = f"PUT loadbalancer/{LB}/reload"


class TestConfigure:
    def test_http(self) -> None:
        agent = ScriptedAgent()
        configure(agent, plain_scenarios.http_l7())
        assert agent.asked() == ["GET details", HAPROXY, RELOAD]
        config = f"haproxy 2.6.12-1 for {AMPHORA} peers {PEER_PORT}".encode()
        assert agent.sent(HAPROXY).data == config

    def test_certificates_come_before_the_configuration_that_names_them(self) -> None:
        agent = ScriptedAgent()
        configure(agent, tls_scenarios.terminated())
        changes = agent.changes()
        assert all("/certificates/" in c for c in changes[:-2])
        assert changes[-2:] == [HAPROXY, RELOAD]
        assert len(agent.certificates) == 6

    def test_certificate_on_the_amphora_is_not_sent_again(self) -> None:
        agent = ScriptedAgent()
        configure(agent, tls_scenarios.terminated())
        agent.calls.clear()
        agent.certificates[f"{LISTENER}.pem"] = b"/old/list\n"
        configure(agent, tls_scenarios.terminated())
        path = f"loadbalancer/{LB}/certificates/{LISTENER}.pem"
        assert agent.changes() == [f"PUT {path}", HAPROXY, RELOAD]

    def test_certificates_no_longer_used_go_after_the_reload(self) -> None:
        agent = ScriptedAgent()
        same = client(agent)
        configure(agent, tls_scenarios.terminated(), same)
        agent.calls.clear()
        configure(agent, tls_scenarios.terminated_plain(), same)
        assert set(agent.certificates) == {sha1("default") + ".pem", f"{LISTENER}.pem"}
        changes = agent.changes()
        assert all(c.startswith("DELETE") for c in changes[changes.index(RELOAD) + 1 :])

    def test_stale_certificate_that_stays_is_no_failure(self) -> None:
        path = f"loadbalancer/{LB}/certificates/{sha1('one')}.pem"
        agent = ScriptedAgent({f"DELETE {path}": [Reply(500)]})
        same = client(agent)
        configure(agent, tls_scenarios.terminated(), same)
        configure(agent, tls_scenarios.terminated_plain(), same)
        assert sha1("one") + ".pem" in agent.certificates
        assert sha1("two") + ".pem" not in agent.certificates

    def test_lvs_beside_haproxy(self) -> None:
        agent = ScriptedAgent()
        configure(agent, plain_scenarios.two_listeners_one_disabled())
        upload = f"PUT listeners/{AMPHORA}/{uid(12)}/udp_listener"
        reload = f"PUT loadbalancer/{uid(12)}/reload"
        assert agent.changes() == [HAPROXY, RELOAD, upload, reload]
        assert agent.sent(upload).data == f"lvs {uid(12)} SINGLE".encode()

    def test_lvs_only_takes_haproxy_down(self) -> None:
        agent = ScriptedAgent()
        configure(agent, scenario((listener("UDP"),), (pool("UDP"),), []))
        assert agent.changes() == [
            f"DELETE listeners/{LB}",
            f"PUT listeners/{AMPHORA}/{LISTENER}/udp_listener",
            f"PUT loadbalancer/{LISTENER}/reload",
        ]

    def test_listeners_that_are_gone_are_deleted_last(self) -> None:
        running = [LISTENER, uid(77), "prometheus-exporter-internal-endpoint"]
        agent = ScriptedAgent({"GET details": [Reply(200, {**DETAILS, "listeners": running})]})
        configure(agent, plain_scenarios.http_l7())
        assert agent.changes() == [HAPROXY, RELOAD, f"DELETE listeners/{uid(77)}"]

    def test_last_listener_deleted(self) -> None:
        agent = ScriptedAgent({"GET details": [Reply(200, {**DETAILS, "listeners": [LISTENER]})]})
        configure(agent, scenario((), (), []))
        assert agent.changes() == [f"DELETE listeners/{LB}", f"DELETE listeners/{LISTENER}"]

    def test_configuration_refused_is_not_reloaded(self) -> None:
        refusal = Reply(400, {"message": "Invalid request", "details": "[ALERT] line 3"})
        agent = ScriptedAgent({HAPROXY: [refusal]})
        with pytest.raises(ProviderError) as caught:
            configure(agent, plain_scenarios.http_l7())
        assert code(caught) is Code.AGENT_ERROR
        assert "[ALERT] line 3" in caught.value.reason.operator
        assert RELOAD not in agent.asked()

    def test_unreadable_certificate_changes_nothing(self) -> None:
        agent = ScriptedAgent()
        with pytest.raises(ProviderError) as caught:
            configure(agent, scenario((listener("TERMINATED_HTTPS"),), (), []))
        assert code(caught) is Code.CERTIFICATE
        assert agent.changes() == []

    def test_no_key_in_a_message(self) -> None:
        path = f"loadbalancer/{LB}/certificates/{sha1('default')}.pem"
        agent = ScriptedAgent({f"PUT {path}": [Reply(500, None, "disk full")]})
        with pytest.raises(ProviderError) as caught:
            configure(agent, tls_scenarios.terminated())
        assert "KEY" not in str(caught.value) and "disk full" in str(caught.value)

    def test_certificate_cannot_be_compared(self) -> None:
        path = f"loadbalancer/{LB}/certificates/{sha1('default')}.pem"
        agent = ScriptedAgent({f"GET {path}": [Reply(500)]})
        with pytest.raises(ProviderError) as caught:
            configure(agent, tls_scenarios.terminated())
        assert code(caught) is Code.AGENT_ERROR
        assert agent.changes() == []


def test_another_certificate_of_the_agent() -> None:
    agent = ScriptedAgent()
    client(agent).upload_certificate(ENDPOINT, b"certificate and key")
    (call,) = agent.calls
    assert (str(call), call.data) == ("PUT certificate", b"certificate and key")
    agent.answers["PUT certificate"] = [Reply(500, {"error": "disk full"})]
    with pytest.raises(ProviderError) as caught:
        client(agent).upload_certificate(ENDPOINT, b"certificate and key")
    assert caught.value.reason.code is Code.AGENT_ERROR
    assert "certificate and key" not in str(caught.value.reason)
