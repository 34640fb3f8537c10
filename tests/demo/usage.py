"""What to do with a cloud that was kept."""

from __future__ import annotations

from tests.demo.settings import LIVE, Settings
from tests.demo.world import World

ENTER = """\
#!/bin/sh
# Runs a command (default: a shell) inside the demo's namespaces.
export OS_CLIENT_CONFIG_FILE={etc}/clouds.yaml OS_CLOUD=demo NO_PROXY='*' PATH={bin}:$PATH
exec {enter} "${{@:-bash}}"
"""
OPENSTACK = """\
#!/bin/sh
exec {state}/bin/enter {bin}/openstack "$@"
"""
TEXT = """\
The cloud stays up, in namespaces of its own.
  openstack client     {state}/bin/openstack loadbalancer list
  a shell inside       {state}/bin/enter        (ip netns list, curl http://VIP/, nft, mariadb ...)
  clouds.yaml          {etc}/clouds.yaml        (cloud "demo"; its addresses exist inside only)
  clients, members     ip netns exec client-allowed | client-refused | member-1 | member-2 ...
  amphorae             ip netns exec amp-<server id> ..., layers in {live}/amphorae
  why is it so         {state}/bin/enter sriov-provider --config-file {etc}/octavia/octavia.conf \
explain LB
  logs                 {log}
Take it down:          tox -e {tox} -- --down"""


def write(settings: Settings, tox: str) -> str:
    """Writes the two wrapper scripts; the text which explains them.

    :param tox: environment that the cloud belongs to
    """
    values = {
        "tox": tox,
        "state": settings.state,
        "etc": settings.etc,
        "log": settings.log,
        "bin": settings.bin,
        "live": LIVE,
        "enter": " ".join(World(settings).enter()),
    }
    scripts = settings.state / "bin"
    scripts.mkdir(exist_ok=True)
    for name, content in (("enter", ENTER), ("openstack", OPENSTACK)):
        (scripts / name).write_text(
            content.format(**values).replace('"${@:-bash}"', '"${@:-bash}"')
        )
        (scripts / name).chmod(0o755)
    return TEXT.format(**values)
