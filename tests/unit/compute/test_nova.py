"""The Nova and Glance client against a real HTTP server."""

from __future__ import annotations

import base64
import logging
from typing import Any

import pytest

from sriov_provider.compute.base import Compute, Server, ServerSpec
from sriov_provider.compute.nova import NovaCompute
from sriov_provider.errors import Code, ProviderError
from tests.fakes.services import Services

NOVA = "/compute/v2.1"
INTERFACES = f"{NOVA}/servers/server-1/os-interface"
SHOWN = {
    "id": "server-1",
    "name": "amphora-1",
    "status": "ACTIVE",
    "OS-EXT-SRV-ATTR:host": "compute-1",
}
ATTACHED = {
    "net_id": "mgmt",
    "port_id": "port-1",
    "port_state": "ACTIVE",
    "fixed_ips": [{"ip_address": "192.0.2.7", "subnet_id": "s"}],
}
UNEXPECTED = "Unexpected API Error. Please report this. <class 'nova.exception.PortBindingFailed'>"
CLAIM = "Failed to claim PCI device for server-1 during interface attach"


def refusal(message: str) -> dict[str, Any]:
    return {"badRequest": {"code": 400, "message": message}}


def test_it_fits_the_contract(nova: NovaCompute) -> None:
    compute: Compute = nova
    assert compute is nova


def test_create_sends_the_whole_amphora(services: Services, nova: NovaCompute) -> None:
    services.answer("POST", f"{NOVA}/servers", {"server": {"id": "server-1"}}, 202)
    spec = ServerSpec(
        name="amphora-1",
        flavor="65",
        image_id="image-1",
        networks=("mgmt",),
        port_ids=("port-1",),
        security_groups=("sg-mgmt",),
        key_name="ops",
        availability_zone="az-2",
        server_group_id="group-1",
        files={"/etc/octavia/agent.conf": "[amphora_agent]\n"},
        user_data="#cloud-config\n",
        owner="octavia-sriov:lb",
    )
    assert nova.create_server(spec) == Server("server-1", "amphora-1", "BUILD")
    request = services.last("POST")
    contents = base64.b64encode(b"[amphora_agent]\n").decode()
    assert request.body == {
        "server": {
            "name": "amphora-1",
            "imageRef": "image-1",
            "flavorRef": "65",
            "config_drive": True,
            "networks": [{"uuid": "mgmt"}, {"port": "port-1"}],
            "security_groups": [{"name": "sg-mgmt"}],
            "personality": [{"path": "/etc/octavia/agent.conf", "contents": contents}],
            "user_data": base64.b64encode(b"#cloud-config\n").decode(),
            "metadata": {"octavia_sriov": "octavia-sriov:lb"},
            "key_name": "ops",
            "availability_zone": "az-2",
        },
        "os:scheduler_hints": {"group": "group-1"},
    }
    # Later microversions refuse injected files.
    assert request.headers["OpenStack-API-Version"] == "compute 2.15"
    assert services.calls() == [f"POST {NOVA}/servers"]
    assert services.overhead() == [
        "GET /identity",
        "POST /identity/v3/auth/tokens",
        f"GET {NOVA}",
    ]


def test_injected_files_stay_out_of_the_debug_log(
    services: Services, nova: NovaCompute, caplog: pytest.LogCaptureFixture
) -> None:
    services.answer("POST", f"{NOVA}/servers", {"server": {"id": "server-1"}}, 202)
    services.answer("GET", f"{NOVA}/servers/server-1", {"server": SHOWN})
    secret = "-----BEGIN PRIVATE KEY-----"
    with caplog.at_level(logging.DEBUG):
        nova.create_server(ServerSpec("a", "1", "i", ("mgmt",), files={"/key.pem": secret}))
        nova.get_server("server-1")
    assert "servers/server-1" in caplog.text  # the log does show requests
    assert secret not in caplog.text
    assert base64.b64encode(secret.encode()).decode() not in caplog.text


def test_user_data_that_nova_shows_stays_out_of_the_debug_log(
    services: Services, nova: NovaCompute, caplog: pytest.LogCaptureFixture
) -> None:
    secret = base64.b64encode(b"-----BEGIN PRIVATE KEY-----").decode()
    shown = SHOWN | {"OS-EXT-SRV-ATTR:user_data": secret}
    services.answer("GET", f"{NOVA}/servers/server-1", {"server": shown})
    services.answer("GET", f"{NOVA}/servers/detail", {"servers": [shown]})
    with caplog.at_level(logging.DEBUG):
        assert nova.get_server("server-1") == nova.find_server("amphora-1")
    assert secret not in caplog.text


def test_create_without_options(services: Services, nova: NovaCompute) -> None:
    services.answer("POST", f"{NOVA}/servers", {"server": {"id": "server-1"}}, 202)
    nova.create_server(ServerSpec("a", "1", "image-1", ("mgmt",)))
    assert services.last("POST").body == {
        "server": {
            "name": "a",
            "imageRef": "image-1",
            "flavorRef": "1",
            "config_drive": True,
            "networks": [{"uuid": "mgmt"}],
        }
    }


def test_server_is_found_by_exactly_its_name(services: Services, nova: NovaCompute) -> None:
    other = SHOWN | {"id": "x", "name": "amphora-1x"}
    services.answer("GET", f"{NOVA}/servers/detail", {"servers": [other, SHOWN]})
    services.answer("GET", f"{NOVA}/servers/detail", {"servers": []})
    found = nova.find_server("amphora-1")
    assert found == Server("server-1", "amphora-1", "ACTIVE", "compute-1")
    assert services.last("GET").query == {"name": ["^amphora-1$"]}
    assert nova.find_server("amph.ra (1)") is None
    assert services.last("GET").query == {"name": [r"^amph\.ra \(1\)$"]}


def test_server_is_read_or_is_gone(services: Services, nova: NovaCompute) -> None:
    broken = SHOWN | {"status": "ERROR", "fault": {"code": 500, "message": "No valid host"}}
    services.answer("GET", f"{NOVA}/servers/server-1", {"server": broken})
    services.answer("GET", f"{NOVA}/servers/gone", {"itemNotFound": {"message": "x"}}, 404)
    found = nova.get_server("server-1")
    assert found is not None
    assert (found.status, found.fault) == ("ERROR", "No valid host")
    assert nova.get_server("gone") is None


def test_whether_a_server_is_there_is_asked_without_showing_it(
    services: Services, nova: NovaCompute
) -> None:
    services.answer("GET", f"{NOVA}/servers/server-1/metadata", {"metadata": {}})
    gone = {"itemNotFound": {"message": "x"}}
    services.answer("GET", f"{NOVA}/servers/gone/metadata", gone, 404)
    services.answer("GET", f"{NOVA}/servers/late/metadata", {}, 503)
    assert nova.has_server("server-1")
    assert not nova.has_server("gone")
    with pytest.raises(ProviderError) as caught:
        nova.has_server("late")
    assert caught.value.retriable


def test_management_address(services: Services, nova: NovaCompute) -> None:
    bare = ATTACHED | {"port_id": "p", "fixed_ips": []}
    body = {"interfaceAttachments": [bare, ATTACHED | {"net_id": "other"}, ATTACHED]}
    services.answer("GET", INTERFACES, body)
    assert nova.management_ip("server-1", "mgmt") == "192.0.2.7"
    assert nova.management_ip("server-1", "unknown") is None


def test_attach_is_one_call_by_port_id(services: Services, nova: NovaCompute) -> None:
    services.answer("POST", INTERFACES, {"interfaceAttachment": ATTACHED})
    nova.attach_port("server-1", "port-1")
    assert services.last("POST").body == {"interfaceAttachment": {"port_id": "port-1"}}
    assert services.calls() == [f"POST {INTERFACES}"]


def test_port_attached_to_this_server_already_is_success(
    services: Services, nova: NovaCompute
) -> None:
    services.answer("POST", INTERFACES, refusal("Port port-1 is still in use."), 409)
    services.answer("GET", INTERFACES, {"interfaceAttachments": [ATTACHED]})
    nova.attach_port("server-1", "port-1")
    assert services.calls() == [f"POST {INTERFACES}", f"GET {INTERFACES}"]


@pytest.mark.parametrize(
    ("status", "message", "code", "retriable"),
    [
        (400, CLAIM, Code.NO_VF, True),
        (400, "Failed to allocate additional resources to x", Code.NO_VF, True),
        (500, UNEXPECTED, Code.BINDING_FAILED, True),
        (409, "Port port-1 is still in use.", Code.PORT_BUSY, False),
        (409, "Cannot 'attach_interface' while it is in vm_state building", Code.CLOUD_ERROR, True),
        (404, "Port id port-1 could not be found.", Code.NOT_FOUND, False),
        (403, "Quota exceeded, too many ports", Code.QUOTA, False),
        (403, "Policy doesn't allow this", Code.CONFIGURATION, False),
        (500, "Failed to attach network adapter device", Code.CLOUD_ERROR, True),
        (400, "Invalid input", Code.CLOUD_ERROR, False),
    ],
)
def test_attach_refused(
    services: Services,
    nova: NovaCompute,
    status: int,
    message: str,
    code: Code,
    retriable: bool,
) -> None:
    services.answer("POST", INTERFACES, refusal(message), status)
    services.answer("GET", INTERFACES, {"interfaceAttachments": []})
    with pytest.raises(ProviderError) as caught:
        nova.attach_port("server-1", "port-1")
    assert (caught.value.reason.code, caught.value.retriable) == (code, retriable)
    assert message in caught.value.reason.operator


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [
        (400, "Flavor 65 could not be found.", Code.NOT_FOUND),
        (403, "Quota exceeded for instances: Requested 1, but already used 10", Code.QUOTA),
        (409, "Port port-1 is still in use.", Code.PORT_BUSY),
        (503, "The server is currently unavailable", Code.CLOUD_ERROR),
    ],
)
def test_create_refused(
    services: Services, nova: NovaCompute, status: int, message: str, code: Code
) -> None:
    services.answer("POST", f"{NOVA}/servers", refusal(message), status)
    secret = {"/key.pem": "-----BEGIN PRIVATE KEY-----"}
    with pytest.raises(ProviderError) as caught:
        nova.create_server(ServerSpec("a", "65", "image-1", ("mgmt",), files=secret))
    assert caught.value.reason.code is code
    assert "PRIVATE" not in str(caught.value)


def test_deletes_and_detaches_of_what_is_gone(services: Services, nova: NovaCompute) -> None:
    for path in ("servers/s", "servers/s/os-interface/p", "os-server-groups/g"):
        services.answer("DELETE", f"{NOVA}/{path}", {"itemNotFound": {"message": "x"}}, 404)
    nova.delete_server("s")
    nova.detach_port("s", "p")
    nova.delete_server_group("g")
    assert len(services.calls()) == 3


def test_detach_and_delete(services: Services, nova: NovaCompute) -> None:
    services.answer("DELETE", f"{INTERFACES}/port-1", None, 202)
    services.answer("DELETE", f"{NOVA}/servers/server-1", refusal("busy"), 409)
    nova.detach_port("server-1", "port-1")
    with pytest.raises(ProviderError) as caught:
        nova.delete_server("server-1")
    assert caught.value.retriable


def test_server_group_is_found_or_made(services: Services, nova: NovaCompute) -> None:
    path = f"{NOVA}/os-server-groups"
    there = {"id": "g-1", "name": "lb-1"}
    services.answer("GET", path, {"server_groups": [{"id": "g-0", "name": "other"}]})
    services.answer("GET", path, {"server_groups": [there]})
    services.answer("POST", path, {"server_group": there})
    assert nova.ensure_server_group("lb-1", "soft-anti-affinity") == "g-1"
    assert nova.ensure_server_group("lb-1", "soft-anti-affinity") == "g-1"
    assert services.calls(method="POST") == [f"POST {path}"]
    assert services.last("POST").body == {
        "server_group": {"name": "lb-1", "policies": ["soft-anti-affinity"]}
    }


def test_server_groups_beyond_the_first_page(services: Services, nova: NovaCompute) -> None:
    path = f"{NOVA}/os-server-groups"
    full = [{"id": str(n), "name": str(n)} for n in range(1000)]
    services.answer("GET", path, {"server_groups": full})
    services.answer("GET", path, {"server_groups": [{"id": "g-1", "name": "lb-1"}]})
    assert nova.ensure_server_group("lb-1", "anti-affinity") == "g-1"
    assert services.last("GET").query["offset"] == ["1000"]


def test_newest_active_image_with_the_tag(services: Services, nova: NovaCompute) -> None:
    services.answer("GET", "/image/v2/images", {"images": [{"id": "image-1"}]})
    assert nova.image_id("amphora", None) == "image-1"
    assert services.last("GET").query == {
        "tag": ["amphora"],
        "status": ["active"],
        "sort": ["created_at:desc"],
        "limit": ["1"],
    }
    nova.image_id("amphora", "project-1")
    assert services.last("GET").query["owner"] == ["project-1"]
    assert services.calls() == ["GET /image/v2/images"] * 2


@pytest.mark.parametrize(("owner", "said"), [(None, "'sriov'."), ("p", "'sriov' owned by p.")])
def test_no_image(services: Services, nova: NovaCompute, owner: str | None, said: str) -> None:
    services.answer("GET", "/image/v2/images", {"images": []})
    with pytest.raises(ProviderError) as caught:
        nova.image_id("sriov", owner)
    assert caught.value.reason.code is Code.NOT_FOUND
    assert caught.value.reason.operator.endswith(said)


def test_flavor(services: Services, nova: NovaCompute) -> None:
    services.answer("GET", f"{NOVA}/flavors/65", {"flavor": {"id": "65"}})
    services.answer("GET", f"{NOVA}/flavors/66", {"itemNotFound": {"message": "no"}}, 404)
    nova.check_flavor("65")
    with pytest.raises(ProviderError) as caught:
        nova.check_flavor("66")
    assert caught.value.reason.code is Code.NOT_FOUND
