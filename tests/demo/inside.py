"""The demo as it runs within the cloud's namespaces."""

from __future__ import annotations

import argparse
import sys

from openstack import exceptions

from tests.demo import cloud, diagnosis, story
from tests.demo.report import DemoFailure, Report
from tests.demo.settings import from_environment

HONESTY = """\
What is real: {versions};
MariaDB, RabbitMQ, memcached; every API call, RPC, flow, Neutron port and binding, Nova scheduling
and PCI claim; the amphora agent, mutual TLS, haproxy, keepalived, nftables; and every packet.
What stands in for hardware:
  - a server is a set of namespaces on this machine instead of a virtual machine; it shares this
    kernel, and its image is this machine's file system with private overlays
  - a VF is a veth pair with the port's MAC; spoof check, trust and VLAN of a VF are not exercised
  - the two L2 agents are one process which speaks their RPC; nobody enforces Neutron security
    groups, which a VF would bypass anyway
Not shown: UDP and SCTP listeners, which need IP_VS in the kernel."""


def main() -> int:
    """The exit code: 0 when every check held."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--provider", default="sriov")
    parser.add_argument("--topology", default="SINGLE")
    parser.add_argument("--no-story", action="store_true")
    options = parser.parse_args()
    settings = from_environment(options.provider, options.topology)
    print(HONESTY.format(versions=cloud.describe(settings)), flush=True)
    report = Report()
    demo = cloud.Cloud(settings, report)
    try:
        demo.up()
        if not options.no_story:
            story.tell(settings, report)
    except (DemoFailure, exceptions.SDKException) as error:
        diagnosis.show(settings)
        print(f"\nThe demo failed: {error}", flush=True)
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception:
        diagnosis.show(settings)
        raise
    print("\n" + report.table(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
