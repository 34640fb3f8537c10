"""Load balancers without TLS."""

from __future__ import annotations

from collections.abc import Callable

from octavia.common import data_models as dm

from sriov_provider import tree
from tests.unit.amphora.scenarios import (
    OTHER_POOL,
    POOL,
    STATUSES,
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
    uid,
)


def http_l7() -> Scenario:
    headers = {"X-Forwarded-For": "true", "X-Forwarded-Port": "true", "X-Forwarded-Proto": "true"}
    rules = (
        tree.L7Rule(uid(50), "PATH", "STARTS_WITH", "/a b\\c"),
        tree.L7Rule(uid(51), "HEADER", "REGEX", "x.*", key="X-Name", invert=True),
        tree.L7Rule(uid(52), "FILE_TYPE", "EQUAL_TO", "jpg"),
        tree.L7Rule(uid(53), "COOKIE", "CONTAINS", "v", key="c", enabled=False),
    )
    host = (tree.L7Rule(uid(54), "HOST_NAME", "ENDS_WITH", "example.org"),)
    policies = (
        # Out of order on purpose: the position counts.
        tree.L7Policy(uid(41), "REJECT", 2, rules=host),
        tree.L7Policy(uid(40), "REDIRECT_TO_POOL", 1, redirect_pool_id=OTHER_POOL, rules=rules),
        tree.L7Policy(
            uid(42),
            "REDIRECT_TO_URL",
            3,
            redirect_url="http://example.com/",
            redirect_http_code=301,
            rules=host,
        ),
        tree.L7Policy(
            uid(43), "REDIRECT_PREFIX", 4, redirect_prefix="https://example.com", rules=host
        ),
        tree.L7Policy(uid(44), "REJECT", 5, enabled=False, rules=host),
        tree.L7Policy(uid(45), "REJECT", 6),
    )
    other = pool(id=OTHER_POOL, members=(member(3, pool_id=OTHER_POOL),))
    ours = listener(
        l7policies=policies,
        insert_headers=headers,
        connection_limit=5000,
        timeout_client_data=11,
        timeout_member_connect=12,
        timeout_member_data=13,
        timeout_tcp_inspect=14,
        allowed_cidrs=("10.0.0.0/8",),
    )
    return scenario((ours,), (pool(), other), [_stock_http_l7(headers)])


def _stock_http_l7(headers: dict[str, str]) -> object:
    def rule(number: int, kind: str, compare: str, value: str, **more: object) -> object:
        values = {"invert": False, "enabled": True, **more, **STATUSES}
        return dm.L7Rule(id=uid(number), type=kind, compare_type=compare, value=value, **values)

    def policy(number: int, action: str, rules: list[object], **more: object) -> object:
        values = {"enabled": True, "position": number - 39, **more, **STATUSES}
        return dm.L7Policy(id=uid(number), action=action, l7rules=rules, **values)

    other = stock_pool(id=OTHER_POOL, members=[stock_member(3)])
    host = rule(54, "HOST_NAME", "ENDS_WITH", "example.org")
    rules = [
        rule(50, "PATH", "STARTS_WITH", "/a b\\c"),
        rule(51, "HEADER", "REGEX", "x.*", key="X-Name", invert=True),
        rule(52, "FILE_TYPE", "EQUAL_TO", "jpg"),
        rule(53, "COOKIE", "CONTAINS", "v", key="c", enabled=False),
    ]
    policies = [
        policy(40, "REDIRECT_TO_POOL", rules, redirect_pool=other, redirect_pool_id=OTHER_POOL),
        policy(41, "REJECT", [host]),
        policy(
            42,
            "REDIRECT_TO_URL",
            [host],
            redirect_url="http://example.com/",
            redirect_http_code=301,
        ),
        policy(43, "REDIRECT_PREFIX", [host], redirect_prefix="https://example.com"),
        policy(44, "REJECT", [host], enabled=False),
        policy(45, "REJECT", []),
    ]
    return stock_listener(
        pools=[stock_pool(), other],
        l7policies=policies,
        insert_headers=headers,
        connection_limit=5000,
        timeout_client_data=11,
        timeout_member_connect=12,
        timeout_member_data=13,
        timeout_tcp_inspect=14,
    )


def _simple(protocol: str) -> Callable[[], Scenario]:
    def build() -> Scenario:
        return scenario(
            (listener("TCP"),), (pool(protocol),), [stock_listener("TCP", [stock_pool(protocol)])]
        )

    return build


def http_proxy_pool() -> Scenario:
    return scenario((listener(),), (pool("PROXY"),), [stock_listener(pools=[stock_pool("PROXY")])])


def https_passthrough() -> Scenario:
    return scenario(
        (listener("HTTPS", port=443),),
        (pool("HTTPS", lb_algorithm="SOURCE_IP", healthmonitor=monitor("TLS-HELLO")),),
        [
            stock_listener(
                "HTTPS",
                [
                    stock_pool(
                        "HTTPS",
                        lb_algorithm="SOURCE_IP",
                        health_monitor=stock_monitor("TLS-HELLO"),
                    )
                ],
                protocol_port=443,
            )
        ],
    )


def prometheus() -> Scenario:
    return scenario(
        (listener("PROMETHEUS", port=8088, default_pool_id=None),),
        (),
        [stock_listener("PROMETHEUS", protocol_port=8088)],
    )


def members() -> Scenario:
    http = {
        "http_method": "GET",
        "url_path": "/health",
        "expected_codes": "204",
        "http_version": 1.1,
        "domain_name": "example.org",
    }
    ours = (
        member(1, weight=7, backup=True),
        member(2, enabled=False),
        member(3, monitor_address="10.0.0.30", monitor_port=9000),
        member(4, address="2001:db8::4"),
    )
    stock = [
        stock_member(1, weight=7, backup=True),
        stock_member(2, enabled=False),
        stock_member(3, monitor_address="10.0.0.30", monitor_port=9000),
        stock_member(4, ip_address="2001:db8::4"),
    ]
    return scenario(
        (listener(),),
        (
            pool(
                lb_algorithm="LEAST_CONNECTIONS",
                members=ours,
                healthmonitor=monitor("HTTP", **http),
            ),
        ),
        [
            stock_listener(
                pools=[
                    stock_pool(
                        lb_algorithm="LEAST_CONNECTIONS",
                        members=stock,
                        health_monitor=stock_monitor("HTTP", **http),
                    )
                ]
            )
        ],
    )


def monitor_ping() -> Scenario:
    return scenario(
        (listener("TCP"),),
        (pool("TCP", healthmonitor=monitor("PING")),),
        [stock_listener("TCP", [stock_pool("TCP", health_monitor=stock_monitor("PING"))])],
    )


def monitor_disabled() -> Scenario:
    return scenario(
        (listener("TCP"),),
        (pool("TCP", healthmonitor=monitor("TCP", enabled=False)),),
        [
            stock_listener(
                "TCP", [stock_pool("TCP", health_monitor=stock_monitor("TCP", enabled=False))]
            )
        ],
    )


def _persistence(kind: str, cookie: str | None, topology: str) -> Callable[[], Scenario]:
    def build() -> Scenario:
        return scenario(
            (listener(),),
            (pool(session_persistence=tree.SessionPersistence(kind, cookie)),),
            [
                stock_listener(
                    pools=[
                        stock_pool(
                            session_persistence=dm.SessionPersistence(
                                pool_id=POOL, type=kind, cookie_name=cookie
                            )
                        )
                    ]
                )
            ],
            topology=topology,
        )

    return build


def additional_vips() -> Scenario:
    return scenario(
        (listener(),),
        (pool(),),
        [stock_listener(pools=[stock_pool()])],
        additional=("198.18.17.5", "2001:db8::5"),
    )


def two_listeners_one_disabled() -> Scenario:
    """A UDP listener beside them is none of haproxy's business."""
    return scenario(
        (
            listener("TCP"),
            listener(id=uid(11), port=81, enabled=False),
            listener("UDP", id=uid(12), port=53, default_pool_id=uid(22)),
        ),
        (pool("TCP", enabled=False), pool("UDP", id=uid(22))),
        [
            stock_listener("TCP", [stock_pool("TCP", enabled=False)]),
            stock_listener(
                id=uid(11),
                protocol_port=81,
                enabled=False,
                pools=[stock_pool("TCP", enabled=False)],
            ),
        ],
    )


def disabled_load_balancer() -> Scenario:
    return scenario((listener(),), (pool(),), [stock_listener(pools=[stock_pool()])], enabled=False)


def large_amphora() -> Scenario:
    """The agent's details decide on threads."""
    details = {"active_tuned_profiles": "virtual-guest amphora", "cpu_count": "4"}
    return scenario(
        (listener(),), (pool(),), [stock_listener(pools=[stock_pool()])], details=details
    )


SCENARIOS: dict[str, Callable[[], Scenario]] = {
    "http-l7": http_l7,
    "tcp": _simple("TCP"),
    "proxy": _simple("PROXY"),
    "proxyv2": _simple("PROXYV2"),
    "http-proxy": http_proxy_pool,
    "https-passthrough": https_passthrough,
    "prometheus": prometheus,
    "members": members,
    "monitor-ping": monitor_ping,
    "monitor-disabled": monitor_disabled,
    "source-ip": _persistence("SOURCE_IP", None, "SINGLE"),
    "source-ip-pair": _persistence("SOURCE_IP", None, "ACTIVE_STANDBY"),
    "http-cookie": _persistence("HTTP_COOKIE", None, "SINGLE"),
    "app-cookie": _persistence("APP_COOKIE", "JSESSIONID", "SINGLE"),
    "app-cookie-pair": _persistence("APP_COOKIE", "JSESSIONID", "ACTIVE_STANDBY"),
    "additional-vips": additional_vips,
    "listener-disabled": two_listeners_one_disabled,
    "disabled": disabled_load_balancer,
    "large-amphora": large_amphora,
}
