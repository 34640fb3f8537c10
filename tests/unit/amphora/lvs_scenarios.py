"""UDP and SCTP load balancers."""

from __future__ import annotations

from collections.abc import Callable

from octavia.common import data_models as dm

from sriov_provider import tree
from tests.unit.amphora.scenarios import (
    POOL,
    Scenario,
    listener,
    member,
    monitor,
    pool,
    scenario,
    stock_listener,
    stock_member,
    stock_monitor,
    stock_pool,
)


def udp() -> Scenario:
    persistence = tree.SessionPersistence("SOURCE_IP", None, 60, "255.255.255.0")
    stock_persistence = dm.SessionPersistence(
        pool_id=POOL,
        type="SOURCE_IP",
        persistence_timeout=60,
        persistence_granularity="255.255.255.0",
    )
    return scenario(
        (listener("UDP", port=53, connection_limit=1000),),
        (
            pool(
                "UDP",
                members=(member(1, weight=3), member(2, enabled=False)),
                healthmonitor=monitor("UDP-CONNECT"),
                session_persistence=persistence,
            ),
        ),
        [
            stock_listener(
                "UDP",
                [
                    stock_pool(
                        "UDP",
                        members=[stock_member(1, weight=3), stock_member(2, enabled=False)],
                        health_monitor=stock_monitor("UDP-CONNECT"),
                        session_persistence=stock_persistence,
                    )
                ],
                protocol_port=53,
                connection_limit=1000,
            )
        ],
    )


def _monitored(protocol: str, kind: str, **more: object) -> Callable[[], Scenario]:
    def build() -> Scenario:
        return scenario(
            (listener(protocol, port=3868),),
            (
                pool(
                    protocol,
                    lb_algorithm="SOURCE_IP",
                    members=(member(1), member(2, monitor_address="10.0.0.9", monitor_port=1)),
                    healthmonitor=monitor(kind, **more),
                ),
            ),
            [
                stock_listener(
                    protocol,
                    [
                        stock_pool(
                            protocol,
                            lb_algorithm="SOURCE_IP",
                            members=[
                                stock_member(1),
                                stock_member(2, monitor_address="10.0.0.9", monitor_port=1),
                            ],
                            health_monitor=stock_monitor(kind, **more),
                        )
                    ],
                    protocol_port=3868,
                )
            ],
        )

    return build


def both_families() -> Scenario:
    return scenario(
        (listener("UDP"),),
        (pool("UDP", members=(member(1), member(2, address="2001:db8::2"))),),
        [
            stock_listener(
                "UDP",
                [
                    stock_pool(
                        "UDP", members=[stock_member(1), stock_member(2, ip_address="2001:db8::2")]
                    )
                ],
            )
        ],
        additional=("2001:db8::5",),
    )


def disabled() -> Scenario:
    return scenario(
        (listener("SCTP", enabled=False),),
        (pool("SCTP"),),
        [stock_listener("SCTP", [stock_pool("SCTP")], enabled=False)],
    )


SCENARIOS: dict[str, Callable[[], Scenario]] = {
    "udp": udp,
    "udp-http": _monitored(
        "UDP", "HTTP", http_method="GET", url_path="/h", expected_codes="200-201"
    ),
    "udp-tcp": _monitored("UDP", "TCP"),
    "sctp": _monitored("SCTP", "SCTP"),
    "lvs-two-families": both_families,
    "lvs-disabled": disabled,
}
