"""Settings as an operator's octavia.conf gives them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from octavia.opts import list_opts
from oslo_config import cfg

from sriov_provider import config, config_health

SHARED = {
    "controller_worker": config.CONTROLLER_WORKER_OPTS,
    "haproxy_amphora": config.HAPROXY_AMPHORA_OPTS,
    "nova": config.NOVA_OPTS,
    "driver_agent": config.DRIVER_AGENT_OPTS,
    "networking": config.NETWORKING_OPTS,
    "house_keeping": config.HOUSE_KEEPING_OPTS,
    "health_manager": config_health.STOCK_OPTS,
}


def _stock(group: str) -> dict[str, Any]:
    return {o.dest: o for g, opts in list_opts() if str(g) == group for o in opts}


def _amphora(tmp_path: Path, text: str) -> config.Amphora:
    path = tmp_path / "octavia.conf"
    path.write_text(text)
    return config.settings(config.parse([str(path)])).amphora


@pytest.mark.parametrize(
    ("group", "option"),
    [pytest.param(g, o, id=f"{g}-{o.dest}") for g, opts in SHARED.items() for o in opts],
)
def test_a_shared_option_is_the_stock_one(group: str, option: Any) -> None:
    stock = _stock(group)[option.dest]
    assert type(option.type).__name__ == type(stock.type).__name__
    assert option.default == stock.default


def test_amphorae_are_booted_as_the_stock_providers_are(tmp_path: Path) -> None:
    found = _amphora(
        tmp_path,
        "[controller_worker]\namp_boot_network_list = mgmt,extra\namp_secgroup_list = one,two\n"
        "amp_flavor_id = 7\namp_image_tag = amphora\namp_image_owner_id = owner\n"
        "amp_ssh_key_name = key\namp_active_retries = 4\namp_active_wait_sec = 5\n"
        "[nova]\nenable_anti_affinity = true\nanti_affinity_policy = soft-anti-affinity\n"
        "random_amphora_name_length = 12\navailability_zone = az1\n"
        "[haproxy_amphora]\nconnection_max_retries = 3\nconnection_retry_interval = 7\n"
        "[networking]\nport_detach_timeout = 9\n",
    )
    assert found == config.Amphora(
        boot_networks=("mgmt", "extra"),
        security_groups=("one", "two"),
        flavor="7",
        image_tag="amphora",
        image_owner="owner",
        key_name="key",
        boot_timeout=20.0,
        boot_interval=5.0,
        agent_timeout=21.0,
        availability_zone="az1",
        anti_affinity="soft-anti-affinity",
        random_name_length=12,
        detach_timeout=9.0,
    )


def test_anti_affinity_is_off_unless_asked_for(tmp_path: Path) -> None:
    assert _amphora(tmp_path, "[nova]\nanti_affinity_policy = anti-affinity\n") == config.Amphora()


def test_the_database_url_is_not_shown() -> None:
    assert "hidden" not in repr(config.Settings(database_connection="mysql://u:hidden@h/d"))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 10.0),
        ("[health_manager]\nheartbeat_interval = 3\n", 3.0),
        (
            "[health_manager]\nheartbeat_interval = 3\n"
            "[sriov_provider]\nfirewall_check_interval = 0",
            0.0,
        ),
    ],
    ids=["default", "heartbeats", "never"],
)
def test_firewalls_are_looked_at_as_often_as_hearts_beat(
    tmp_path: Path, text: str, seconds: float
) -> None:
    path = tmp_path / "octavia.conf"
    path.write_text(text)
    assert config.settings(config.parse([str(path)])).firewall_check_interval == seconds


@pytest.mark.parametrize("seconds", [0, 21600, 604800])
def test_ended_jobs_are_kept_for_hours_or_for_ever(tmp_path: Path, seconds: int) -> None:
    path = tmp_path / "octavia.conf"
    path.write_text(f"[sriov_provider]\njob_retention = {seconds}\n")
    assert config.settings(config.parse([str(path)])).worker.job_retention == seconds


@pytest.mark.parametrize(
    ("seconds", "why"),
    [(-1, "or equal to 0"), (1, "21600, not 1"), (21599, "21600, not 21599")],
)
def test_jobs_are_not_forgotten_while_they_matter(tmp_path: Path, seconds: int, why: str) -> None:
    path = tmp_path / "octavia.conf"
    path.write_text(f"[sriov_provider]\njob_retention = {seconds}\n")
    with pytest.raises(cfg.ConfigFileValueError) as raised:
        config.settings(config.parse([str(path)]))
    assert "job_retention" in str(raised.value)
    assert why in str(raised.value)


def test_the_health_manager_has_the_stock_ones_key_and_rules(tmp_path: Path) -> None:
    path = tmp_path / "octavia.conf"
    path.write_text(
        "[health_manager]\nheartbeat_key = hidden\nheartbeat_timeout = 30\n"
        "heartbeat_interval = 4\nhealth_check_interval = 2\n"
        "failover_threshold = 7\nfailover_threads = 4\n"
        "[sriov_provider]\nheartbeat_bind = 192.0.2.1:5556, [2001:db8::1]:5556\n"
        "heartbeat_controllers = 192.0.2.1:5556\nheartbeat_in_worker = false\n"
        "automatic_failover = false\noutage_share = 0.8\n"
    )
    found = config.settings(config.parse([str(path)]))
    assert found.health == config_health.Health(
        bind=("192.0.2.1:5556", "[2001:db8::1]:5556"),
        in_worker=False,
        controllers=("192.0.2.1:5556",),
        key="hidden",
        interval=4.0,
        timeout=30.0,
        check_interval=2.0,
        threshold=7,
        share=0.8,
        limit=4,
        automatic=False,
    )
    assert "hidden" not in repr(found)
