"""The Zun client against an HTTP server that answers as Zun's API is documented to.

A fake: no Zun has been asked.
"""

from __future__ import annotations

import base64
import logging
import pathlib
from typing import Any

import pytest

from sriov_provider import config
from sriov_provider.cloud import Cloud
from sriov_provider.compute import drivers
from sriov_provider.compute.base import Compute, Server, ServerSpec
from sriov_provider.compute.zun.driver import ZunCompute, request
from sriov_provider.config_zun import Size, Zun
from sriov_provider.errors import Code, ProviderError
from sriov_provider.network.base import Port
from sriov_provider.vnic import Binding, Filter
from tests.fakes.services import Services

ZUN = "/container/v1"
ONE = f"{ZUN}/containers/c-1"
SHOWN = {
    "uuid": "c-1",
    "name": "amphora-1",
    "status": "Running",
    "status_reason": None,
    "status_detail": "Up 2 minutes",
    "host": "node-1",
    "image": "registry/amphora:1",
    "addresses": {
        "mgmt": [{"addr": "192.0.2.7", "version": 4, "port": "port-m", "subnet_id": "s"}],
        "vip": [{"addr": "198.51.100.7", "version": 4, "port": "port-1", "subnet_id": "v"}],
    },
}
EXTRA = """
[sriov_provider]
compute_driver = zun
[controller_worker]
amp_flavor_id = small
[zun_compute]
image = registry/amphora:1
flavors = small:512:1, large:4096:2.5
"""
SPEC = ServerSpec(
    name="amphora-1",
    flavor="small",
    image_id="registry/amphora:1",
    networks=("mgmt",),
    port_ids=("port-1", "port-2"),
    security_groups=("sg-mgmt",),
    key_name="ops",
    availability_zone="az-2",
    server_group_id="lb-1",
    files={"/etc/octavia/amphora-agent.conf": "[amphora_agent]\n"},
    owner="octavia-sriov:lb",
)


def refusal(message: str, status: int) -> dict[str, Any]:
    return {"errors": [{"code": "container.x", "status": status, "detail": message}]}


@pytest.fixture
def zun(services: Services, tmp_path: pathlib.Path) -> ZunCompute:
    services.catalog["container"] = services.url + ZUN
    conf = services.conf(tmp_path, EXTRA)
    found = drivers.build(conf, Cloud(conf))
    assert isinstance(found, ZunCompute)
    return found


def test_it_fits_the_contract(zun: ZunCompute) -> None:
    compute: Compute = zun
    compute.start()
    assert compute is zun


def test_create_sends_the_whole_amphora(services: Services, zun: ZunCompute) -> None:
    services.answer("POST", f"{ZUN}/containers", SHOWN | {"status": "Creating"}, 202)
    assert zun.create_server(SPEC) == Server("c-1", "amphora-1", "BUILD")
    sent = services.last("POST")
    content = base64.b64encode(b"[amphora_agent]\n").decode()
    assert sent.query == {"run": ["true"]}
    assert sent.headers["OpenStack-API-Version"] == "container 1.23"
    assert sent.body == {
        "name": "amphora-1",
        "image": "registry/amphora:1",
        "image_driver": "docker",
        "nets": [{"network": "mgmt"}, {"port": "port-1"}, {"port": "port-2"}],
        "mounts": [
            {
                "type": "bind",
                "source": content,
                "destination": "/etc/octavia/amphora-agent.conf",
            }
        ],
        "privileged": True,
        "labels": {"octavia_sriov": "octavia-sriov:lb"},
        "memory": 512,
        "cpu": 1.0,
        "security_groups": ["sg-mgmt"],
        "availability_zone": "az-2",
    }
    # Zun is not asked for its versions: it tells them in words of its own.
    assert services.calls() == [f"POST {ZUN}/containers"]


def test_what_is_not_asked_for_is_left_to_zun() -> None:
    bare = request(ServerSpec("amphora-1", "", "image-1", ("mgmt",)), Zun(privileged=False))
    assert bare == {
        "name": "amphora-1",
        "image": "image-1",
        "image_driver": "glance",
        "nets": [{"network": "mgmt"}],
        "mounts": [],
        "privileged": False,
        "labels": {},
    }
    kata = request(SPEC, Zun(runtime="kata", flavors={"small": Size(64, 0.5)}))
    assert (kata["runtime"], kata["memory"], kata["cpu"]) == ("kata", 64, 0.5)


def test_the_key_stays_out_of_the_debug_log(
    services: Services, zun: ZunCompute, caplog: pytest.LogCaptureFixture
) -> None:
    services.answer("POST", f"{ZUN}/containers", SHOWN, 202)
    secret = "-----BEGIN PRIVATE KEY-----"
    with caplog.at_level(logging.DEBUG):
        zun.create_server(ServerSpec("a-1", "small", "i", ("mgmt",), files={"/key.pem": secret}))
    assert "containers" in caplog.text
    assert base64.b64encode(secret.encode()).decode() not in caplog.text


def test_user_data_needs_what_containers_do_not_run(zun: ZunCompute) -> None:
    with pytest.raises(ProviderError, match="user_data_config_drive") as caught:
        zun.create_server(ServerSpec("a", "small", "i", ("mgmt",), user_data="#cloud-config"))
    assert caught.value.reason.code is Code.CONFIGURATION


@pytest.mark.parametrize(
    ("status", "reason", "server", "fault"),
    [
        ("Creating", None, "BUILD", None),
        ("Created", None, "BUILD", None),
        ("Running", None, "ACTIVE", None),
        ("Paused", None, "PAUSED", None),
        ("Error", "No valid host was found. x", "ERROR", "No valid host was found. x"),
        ("Stopped", None, "ERROR", "Up 2 minutes"),
        ("Dead", "killed", "ERROR", "killed"),
        ("Deleting", None, "DELETING", None),
        ("Deleted", None, "DELETED", None),
    ],
)
def test_states(
    services: Services,
    zun: ZunCompute,
    status: str,
    reason: str | None,
    server: str,
    fault: str | None,
) -> None:
    services.answer("GET", ONE, SHOWN | {"status": status, "status_reason": reason})
    assert zun.has_server("c-1") == (status != "Deleted")
    told = zun.get_server("c-1")
    assert told == Server("c-1", "amphora-1", server, "node-1", fault, "registry/amphora:1")


def test_containers_are_found_by_exactly_their_name(services: Services, zun: ZunCompute) -> None:
    other = SHOWN | {"uuid": "x", "name": "amphora-1x"}
    services.answer("GET", f"{ZUN}/containers", {"containers": [other, SHOWN]})
    services.answer("GET", f"{ZUN}/containers", {"containers": []})
    found = zun.find_server("amphora-1")
    assert found is not None and found.id == "c-1"
    assert services.last("GET").query == {"name": ["amphora-1"]}
    assert zun.find_server("amphora-1") is None


def test_what_is_gone_is_gone(services: Services, zun: ZunCompute) -> None:
    assert zun.get_server("gone") is None
    assert zun.management_ip("gone", "mgmt") is None
    zun.delete_server("gone")
    assert services.calls(method="DELETE") == []


def test_the_management_address(services: Services, zun: ZunCompute) -> None:
    services.answer("GET", ONE, SHOWN | {"addresses": None})
    services.answer("GET", ONE, SHOWN)
    assert zun.management_ip("c-1", "mgmt") is None
    assert zun.management_ip("c-1", "mgmt") == "192.0.2.7"
    assert zun.management_ip("c-1", "elsewhere") is None


def test_a_container_is_stopped_and_deleted_once(services: Services, zun: ZunCompute) -> None:
    services.answer("GET", ONE, SHOWN)
    services.answer("GET", ONE, SHOWN | {"status": "Deleting"})
    services.answer("DELETE", ONE, None, 204)
    zun.delete_server("c-1")
    assert services.last("DELETE").query == {"stop": ["true"]}
    zun.delete_server("c-1")
    assert services.calls(method="DELETE") == [f"DELETE {ONE}"]


def test_one_that_is_still_created_is_deleted_later(services: Services, zun: ZunCompute) -> None:
    services.answer("GET", ONE, SHOWN | {"status": "Creating"})
    words = "Cannot delete_after_stop container c-1 in Creating state"
    services.answer("DELETE", ONE, refusal(words, 409), 409)
    with pytest.raises(ProviderError, match="in Creating state") as caught:
        zun.delete_server("c-1")
    assert caught.value.retriable


def test_there_is_no_hot_plug(services: Services, zun: ZunCompute) -> None:
    services.answer("GET", ONE, SHOWN)
    zun.attach_port("c-1", "port-1")  # made with it
    with pytest.raises(ProviderError, match="port-9 cannot be plugged") as caught:
        zun.attach_port("c-1", "port-9")
    assert (caught.value.reason.code, caught.value.retriable) == (Code.UNSUPPORTED, False)
    assert services.calls(method="POST") == []


def test_a_port_is_detached_or_is_not_there(services: Services, zun: ZunCompute) -> None:
    path = f"{ONE}/network_detach"
    services.answer("POST", path, None, 202)
    services.answer("POST", path, refusal("Port 'p' is not attached to container 'c-1'.", 400), 400)
    services.answer("POST", path, refusal("gone", 404), 404)
    services.answer("POST", path, refusal("no", 400), 400)
    for _again in range(3):
        zun.detach_port("c-1", "port-1")
    assert services.last("POST").query == {"port": ["port-1"]}
    with pytest.raises(ProviderError, match="HTTP 400: no"):
        zun.detach_port("c-1", "port-1")


def test_zuns_words_are_told(services: Services, zun: ZunCompute) -> None:
    words = "Quota exceeded for resources: ['containers']"
    services.answer("POST", f"{ZUN}/containers", refusal(words, 403), 403)
    with pytest.raises(ProviderError, match="Quota exceeded for resources") as caught:
        zun.create_server(SPEC)
    assert caught.value.reason.code is Code.QUOTA


def test_flavors_are_ours(zun: ZunCompute) -> None:
    zun.check_flavor("large")
    zun.check_flavor("")
    with pytest.raises(ProviderError, match=r"no 'huge' \(there are: large, small\)"):
        zun.check_flavor("huge")
    with pytest.raises(ProviderError, match="no 'huge'"):
        zun.create_server(ServerSpec("a", "huge", "i", ("mgmt",)))


def test_images(services: Services, zun: ZunCompute, tmp_path: pathlib.Path) -> None:
    assert zun.image_id("amphora", None) == "registry/amphora:1"
    conf = services.conf(tmp_path)
    plain = ZunCompute(Cloud(conf), Zun())
    services.answer("GET", "/image/v2/images", {"images": [{"id": "newest"}]})
    services.answer("GET", "/image/v2/images", {"images": []})
    assert plain.image_id("amphora", "us") == "newest"
    assert services.last("GET").query["owner"] == ["us"]
    with pytest.raises(ProviderError, match="tagged 'amphora' owned by us"):
        plain.image_id("amphora", "us")


def test_server_groups_are_names(zun: ZunCompute) -> None:
    assert zun.ensure_server_group("lb-1", "soft-anti-affinity") == "lb-1"
    zun.delete_server_group("lb-1")
    with pytest.raises(ProviderError) as caught:
        zun.ensure_server_group("lb-1", "anti-affinity")
    assert caught.value.reason.code is Code.UNSUPPORTED


def test_neutrons_binding_is_believed(zun: ZunCompute) -> None:
    port = Port(
        id="p",
        name="",
        network_id="n",
        mac="fa:16:3e:00:00:01",
        fixed_ips=(),
        vif_type="hw_veb",
        host="node-1",
        port_filter=False,
    )
    told = zun.read_back(port, "node-1")
    assert (told.state, told.filter) == (Binding.BOUND, Filter.AMPHORA)
    assert zun.read_back(port, "node-2").state is Binding.ELSEWHERE


def test_the_endpoint_may_be_set(services: Services, tmp_path: pathlib.Path) -> None:
    conf = services.conf(tmp_path, f"[zun_compute]\nendpoint = {services.url}/elsewhere\n")
    path = "/elsewhere/v1/containers/c-1"
    services.answer("GET", path, SHOWN)
    assert ZunCompute(Cloud(conf), Zun()).get_server("c-1") is not None
    assert services.calls() == [f"GET {path}"]


@pytest.mark.parametrize(("driver", "hotplug"), [("nova", True), ("local", True), ("zun", False)])
def test_plans_are_told(tmp_path: pathlib.Path, driver: str, hotplug: bool) -> None:
    path = tmp_path / "octavia.conf"
    path.write_text(f"[sriov_provider]\ncompute_driver = {driver}\n")
    settings = config.settings(config.parse([str(path)]))
    assert settings.amphora.hotplug is hotplug
