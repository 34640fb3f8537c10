"""Who runs a command of the guide. One without a runner is an error of the guide."""

from __future__ import annotations

import enum
import re

from tests.guide.pages import Command


class Runner(enum.Enum):
    """The tests that run commands."""

    CLOUD = "tests/integration/test_admin_guide.py, on the cloud"
    AMPHORA = "tests/integration/test_admin_guide.py, in the amphora"
    ELEMENT = "tests/functional/element/conftest.py, for an image of debootstrap"
    IMAGE = "tests/packaging/test_admin_guide.py, in empty environments and a directory as root"


# Nothing of hardware is here: on a machine without SR-IOV cards nobody can run it, so the guide
# has such things as settings.
_RUNNERS = (
    (r"(\w+=\$\()?openstack ", Runner.CLOUD),
    (r"(\w+=\$\()?sriov-provider ", Runner.CLOUD),
    (r"sriov-amphora-firewall ", Runner.AMPHORA),
    (r"ip netns exec amphora-haproxy nft ", Runner.AMPHORA),
    (r"DIB_LOCAL_ELEMENTS", Runner.ELEMENT),
    (r"(/opt/amphora-agent-venv/bin/)?pip (wheel|install) ", Runner.IMAGE),
    (r"(cp|ln|systemctl) ", Runner.IMAGE),
)

# Commands that are explained, without an example to type, and the test that runs each.
ELSEWHERE = {
    "openstack compute service set": ("tests/integration/test_verbs.py", "closed"),
    "sriov-provider check": ("tests/unit/cmd/checks/test_services.py", "test_the_command"),
    "sriov-provider db downgrade": (
        "tests/packaging/test_wheel.py",
        "test_it_migrates_from_another_directory",
    ),
    "sriov-provider health": (
        "tests/unit/health/test_service.py",
        "test_the_command_ends_on_sigterm",
    ),
    "sriov-provider libnetwork": (
        "tests/functional/portdriver/libnetwork/engine.py",
        "command",
    ),
    "sriov-provider local restore": ("tests/unit/cmd/test_local.py", "test_amphorae_come_back"),
    "sriov-provider worker": ("tests/packaging/test_wheel.py", "test_a_worker_starts_and_stops"),
    "sriov-amphora-firewall render": (
        "tests/functional/agent/test_cli.py",
        "test_rendered_text_can_be_loaded_by_hand",
    ),
    "sriov-amphora-firewall apply": (
        "tests/functional/agent/test_cli.py",
        "test_apply_then_show",
    ),
}


def runner(command: Command) -> Runner | None:
    """The one runner of a command, None when nothing runs it."""
    return next((who for what, who in _RUNNERS if re.match(what, command.text)), None)


def words(text: str) -> tuple[str, ...]:
    """A command as the prose names it, up to the first thing to be filled in."""
    found = []
    for word in text.split():
        if re.match(r"[A-Z\[<$\"'-]", word):
            break
        found.append(word)
    return tuple(found)
