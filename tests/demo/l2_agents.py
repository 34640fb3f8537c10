"""Stands in for neutron-openvswitch-agent and neutron-sriov-nic-agent of every compute host.

Speaks the agents' own RPC: heartbeats, "port is up" for bound ports, "port is down" for ports that
were disabled (their wire is cut, as the agent would). Takes its ports from Neutron's database,
which the real agents are told over RPC.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

# neutron first: it decides about threads for the whole process
from neutron.agent import rpc as agent_rpc
from neutron.common import config
from neutron.conf.agent import common as agent_config
from neutron_lib import context
from neutron_lib.agent import topics
from oslo_config import cfg
from oslo_messaging import MessagingException
from pymysql import Error, connect

from tests.demo import rpc_gate, trouble
from tests.demo.settings import IP, PASSWORD, PFS, PHYSNETS, PORTS
from tests.demo.virt import links

OVS, NIC = "Open vSwitch agent", "NIC Switch agent"
HEARTBEAT_SECONDS = 30
LOOK_SECONDS = 0.3
BOUND = """\
SELECT p.id, b.host, b.vif_type FROM ports p JOIN ml2_port_bindings b ON b.port_id = p.id
WHERE p.status = %s AND p.admin_state_up = %s AND b.status = 'ACTIVE'
AND b.vif_type IN ('ovs', 'hw_veb')
"""
BURY = """\
UPDATE agents SET heartbeat_timestamp = '2001-01-01' WHERE host = %s AND agent_type = %s
"""


def states(host: str) -> list[dict[str, Any]]:
    """What the two agents of a host say about themselves."""
    common = {"host": host, "topic": "N/A", "start_flag": True}
    ovs = {
        "bridge_mappings": {physnet: f"br-{physnet}" for physnet in PHYSNETS},
        "tunnel_types": ["vxlan"],
        "tunneling_ip": IP,
        "l2_population": False,
        "devices": 0,
        "vhostuser_socket_dir": "/tmp",
        "ovs_hybrid_plug": False,
        "datapath_type": "system",
    }
    mappings = {p: [pf.name for pf in PFS if pf.physnet == p] for p in PHYSNETS}
    nic = {"device_mappings": mappings, "devices": 0, "extensions": []}
    return [
        {**common, "agent_type": OVS, "binary": "neutron-openvswitch-agent", "configurations": ovs},
        {**common, "agent_type": NIC, "binary": "neutron-sriov-nic-agent", "configurations": nic},
    ]


class Agents:
    """All agents in one process."""

    def __init__(self, hosts: list[str]) -> None:
        self.states = [state for host in hosts for state in states(host)]
        self.context = context.get_admin_context_without_session()
        self.reports = agent_rpc.PluginReportStateAPI(topics.REPORTS)
        self.plugin = agent_rpc.PluginApi(topics.PLUGIN)
        self.next_heartbeat = 0.0
        self.silent: set[tuple[str, str]] = set()
        self.database = connect(
            host=IP,
            port=PORTS["mysql"],
            user="demo",
            password=PASSWORD,
            database="neutron",
            autocommit=True,
        )

    def obey(self) -> None:
        """Lets agents be dead, or alive again, as a test wants it (``trouble.silence``).

        Neutron would notice a dead one after ``agent_down_time`` only: its last heartbeat is put
        back by that much.
        """
        # MariaDB restarts in the first run
        self.database.ping(reconnect=True)
        wanted = trouble.silenced()
        if wanted == self.silent:
            return
        with self.database.cursor() as cursor:
            for host, kind in wanted - self.silent:
                cursor.execute(BURY, (host, kind))
        self.silent, self.next_heartbeat = wanted, 0.0

    def heartbeat(self) -> None:
        """Reports every agent alive when it is time to."""
        if time.monotonic() < self.next_heartbeat:
            return
        for state in self.states:
            if (state["host"], state["agent_type"]) in self.silent:
                continue
            self.reports.report_state(self.context, dict(state, uuid=None), True)
            state["start_flag"] = None
        self.next_heartbeat = time.monotonic() + HEARTBEAT_SECONDS

    def ports(self, status: str, enabled: bool) -> list[tuple[str, str, str]]:
        """(id, host, agent id) of bound ports; those of dead agents nobody sees."""
        with self.database.cursor() as cursor:
            cursor.execute(BOUND, (status, enabled))
            return [
                (port, host, f"{'ovs' if vif_type == 'ovs' else 'nic'}-{host}")
                for port, host, vif_type in cursor.fetchall()
                if (host, OVS if vif_type == "ovs" else NIC) not in self.silent
            ]

    def look(self) -> None:
        """Reports what has changed since the last look."""
        for port, host, agent in self.ports("DOWN", True):
            self.plugin.update_device_up(self.context, port, agent, host)
        for port, host, agent in self.ports("ACTIVE", False):
            cut = ["ip", "link", "set", links.host_end(port), "down"]
            subprocess.run(cut, check=False, capture_output=True)
            self.plugin.update_device_down(self.context, port, agent, host)


def main() -> None:
    """l2_agents.py HOST[,HOST] --config-file ..."""
    hosts = sys.argv.pop(1).split(",")
    config.register_common_config_options()
    agent_config.register_agent_state_opts_helper(cfg.CONF)
    config.init(sys.argv[1:])
    rpc_gate.wait(topics.REPORTS)
    rpc_gate.wait(topics.PLUGIN)
    agents = Agents(hosts)
    while True:
        try:
            agents.obey()
            agents.heartbeat()
            agents.look()
        except (OSError, Error, MessagingException) as error:
            # Neutron or MariaDB is not there yet, or restarts
            print(type(error).__name__, error, flush=True)
            time.sleep(1)
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main()
