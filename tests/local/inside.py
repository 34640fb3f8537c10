"""The demo as it runs within the cloud's namespaces."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from pathlib import Path

from openstack import exceptions

from tests.demo import diagnosis
from tests.demo.processes import tail
from tests.demo.report import DemoFailure, Report
from tests.local import cloud, story
from tests.local.settings import STATE, LocalSettings, from_environment

HONESTY = """\
What is real: {versions};
MariaDB, RabbitMQ, memcached; every API call, RPC, flow and Neutron port; the amphora agent, mutual
TLS, haproxy, keepalived, nftables; and every packet. There is no Nova, no Glance and no Placement:
amphorae are namespaces of this host (compute_driver = local), which is how the product runs them.
What stands in for hardware: ports are pairs of virtual interfaces on a bridge for each network
([port_driver] standin), as no PF is mapped here.
No L2 agent runs: ports stay unbound in Neutron, which does not matter to the amphorae.
Not shown: UDP and SCTP listeners, which need IP_VS in the kernel."""


def main() -> int:
    """The exit code: 0 when every check held."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--topology", default="SINGLE")
    parser.add_argument("--no-story", action="store_true")
    options = parser.parse_args()
    settings = from_environment(options.topology)
    print(HONESTY.format(versions=cloud.describe()), flush=True)
    report = Report()
    try:
        cloud.LocalCloud(settings, report).up()
        if not options.no_story:
            story.tell(settings, report)
    except (DemoFailure, exceptions.SDKException) as error:
        show(settings)
        print(f"\nThe demo failed: {error}", flush=True)
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception:
        show(settings)
        raise
    print("\n" + report.table(), flush=True)
    print(f"processor time of everything: {processor_time():.0f} s", flush=True)
    return 0


def processor_time() -> float:
    """Seconds of all processes of this cloud, those which have ended included: its pid 1 and what
    runs within."""
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            total += sum(int(field) for field in fields[11:15])
    return total / ticks


def show(settings: LocalSettings) -> None:
    """The ends of the logs, those of amphorae too."""
    diagnosis.show(settings)
    for path in sorted(STATE.glob("amphorae/*/files/var/log/*.log")):
        print(f"\n==== {path}\n{tail(path, diagnosis.LINES)}")


if __name__ == "__main__":
    sys.exit(main())
