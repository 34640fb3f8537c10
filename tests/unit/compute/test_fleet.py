from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sriov_provider.cloud import Cloud
from sriov_provider.compute.fleet import Images, NovaFleet, Sighting
from sriov_provider.compute.nova import NovaCompute
from tests.fakes.services import Services

NOVA = "/compute/v2.1"


def body(server_id: str, image: object = None, **more: Any) -> dict[str, Any]:
    return {"id": server_id, "name": "a", "status": "ACTIVE", "image": image or "", **more}


@pytest.fixture
def services() -> Iterator[Services]:
    with Services() as running:
        yield running


@pytest.fixture
def cloud(services: Services, tmp_path: Path) -> Cloud:
    return Cloud(services.conf(tmp_path))


def test_all_servers_page_by_page(services: Services, cloud: Cloud) -> None:
    path = f"{NOVA}/servers/detail"
    told = {"OS-EXT-SRV-ATTR:host": "compute1", "OS-SRV-USG:launched_at": "2029-01-01T00:00:00"}
    first = {"servers": [body("one", {"id": "image"}, **told)], "servers_links": [{"rel": "next"}]}
    services.answer("GET", path, first)
    services.answer("GET", path, {"servers": [body("two")]})
    assert NovaFleet(cloud).sightings() == {
        "one": Sighting("one", "ACTIVE", "compute1", "image", "2029-01-01T00:00:00"),
        "two": Sighting("two", "ACTIVE"),
    }
    assert services.last("GET").query == {"limit": ["1000"], "marker": ["one"]}


def test_images_of_all_and_of_those_that_come_later(services: Services, cloud: Cloud) -> None:
    rows = [body("one", {"id": "image"}), body("volume")]
    services.answer("GET", f"{NOVA}/servers/detail", {"servers": rows})
    services.answer("GET", f"{NOVA}/servers/new", {"server": body("new", {"id": "newer"})})
    images = Images(NovaCompute(cloud), NovaFleet(cloud))
    found = [images.of(i) for i in ("one", "volume", "new", "new", "gone", "one")]
    assert found == ["image", None, "newer", "newer", None, "image"]
    asked = services.calls(NOVA, "GET")
    assert asked.count(f"GET {NOVA}/servers/detail") == 1
    assert asked.count(f"GET {NOVA}/servers/new") == 1


def test_images_one_by_one(services: Services, cloud: Cloud) -> None:
    services.answer("GET", f"{NOVA}/servers/one", {"server": body("one", {"id": "image"})})
    assert Images(NovaCompute(cloud), None).of("one") == "image"
