"""The services a worker needs: driver-agent, database, broker, the cloud's."""

from __future__ import annotations

import contextlib
import datetime
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import sqlalchemy as sa
from octavia_lib.api.drivers import exceptions as lib_exceptions

from sriov_provider import config
from sriov_provider.cloud import COMPUTE, NETWORK, Cloud
from sriov_provider.cmd.checks.model import Check, Result, fail, ok, warn
from sriov_provider.compute import drivers
from sriov_provider.config import Settings
from sriov_provider.db import migrate
from sriov_provider.db.engine import Sessions
from sriov_provider.db.types import utcnow
from sriov_provider.errors import Code, ProviderError
from sriov_provider.rest import Rest
from sriov_provider.rpc.client import Client
from sriov_provider.status.agent_client import AgentClient

# Seconds for the broker; a first connection takes long on a busy host.
_PATIENCE = 15.0
# Seconds by which clocks may differ without a word.
_DRIFT = 2.0
_UTC = {
    "mysql": "SELECT UTC_TIMESTAMP(6)",
    "postgresql": "SELECT clock_timestamp() AT TIME ZONE 'UTC'",
}
_CREDENTIALS = "check [service_auth], [neutron], [nova], [glance] and the service itself"
_DRIVER_AGENT = (
    "start octavia-driver-agent on this host, or correct [driver_agent] *_socket_path and the "
    "rights of this user"
)


def checks(settings: Settings) -> Iterator[Check]:
    """Each makes connections of its own."""
    files = settings.config_files
    agent = AgentClient(settings.sockets, wait=0)
    yield Check("driver-agent get", lambda: _get(agent), _DRIVER_AGENT)
    yield Check("driver-agent status", lambda: _status(agent), _DRIVER_AGENT)
    yield Check("driver-agent stats", lambda: _stats(agent), _DRIVER_AGENT)
    url = settings.database_connection
    correct = "start the database, or correct [sriov_provider] database_connection"
    yield Check("database", lambda: _database(url), correct)
    lease = settings.worker.lease_seconds
    yield Check("clock", lambda: _clock(url, lease), correct)
    yield Check("database revision", lambda: revision(url), correct)
    yield Check("message bus", lambda: _bus(files), "start RabbitMQ, or correct transport_url")
    yield Check("Keystone", lambda: _keystone(files), _CREDENTIALS)
    yield Check("Neutron", lambda: _neutron(files, settings), _CREDENTIALS)
    yield Check("Nova", lambda: _nova(files, settings), _CREDENTIALS)
    yield Check("image", lambda: _image(files, settings), "upload an image of amphorae, tag it")


def _get(agent: AgentClient) -> Result:
    agent.get_tree(str(uuid.uuid4()))
    return ok("answers")


def _status(agent: AgentClient) -> Result:
    return _answered(lambda: agent.update_status({}))


def _stats(agent: AgentClient) -> Result:
    return _answered(lambda: agent.update_statistics({"listeners": []}))


def _answered(tell: Callable[[], None]) -> Result:
    """Nothing is told, so nothing changes."""
    try:
        tell()
    except (lib_exceptions.DriverError, lib_exceptions.DriverAgentTimeout) as error:
        return fail(f"no answer: {error.__cause__ or error!r}", _DRIVER_AGENT)
    except (lib_exceptions.UpdateStatusError, lib_exceptions.UpdateStatisticsError) as error:
        return fail(f"answers: {error.fault_string}", "see the driver-agent's log")
    return ok("answers")


def _database(url: str) -> Result:
    _look_for_file(url)
    sessions = Sessions(url)
    try:
        sessions.read(lambda session: session.execute(sa.select(1)).scalar())
    finally:
        sessions.dispose()
    return ok(sa.make_url(url).render_as_string(hide_password=True))


def _clock(url: str, lease: float) -> Result:
    """This host's, beside the database's: workers compare times with each other's."""
    name = sa.make_url(url).get_backend_name()
    if name not in _UTC:
        return ok(f"{name} has no clock of its own")
    sessions = Sessions(url)
    try:
        with sessions.engine.connect() as connection:
            before = utcnow()
            told = connection.execute(sa.text(_UTC[name])).scalar_one()
            after = utcnow()
    finally:
        sessions.dispose()
    theirs = told.replace(tzinfo=datetime.timezone.utc)
    return judge_clock((before + (after - before) / 2 - theirs).total_seconds(), lease)


def judge_clock(ahead: float, lease: float) -> Result:
    """Pure.

    :param ahead: seconds that this host's clock is before the database's
    :param lease: seconds a worker has a job for
    """
    told = f"{abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} the database's"
    advice = "set the clocks of all hosts by NTP"
    if abs(ahead) >= lease / 2:
        return fail(f"{told}: workers take jobs from each other that live", advice)
    return warn(told, advice) if abs(ahead) > _DRIFT else ok(told)


def _look_for_file(url: str) -> None:
    """SQLite makes a file that is not there: a check shall not.

    :raises FileNotFoundError: there is none
    """
    with contextlib.suppress(sa.exc.ArgumentError):  # told by whoever connects
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            Path(parsed.database).stat()


def revision(url: str) -> Result:
    """Whether the tables are those that the code knows."""
    _look_for_file(url)
    current, head = migrate.current(url), migrate.head()
    if current == head:
        return ok(f"{current}, the newest")
    return fail(f"{current or 'no tables'}, the newest is {head}", "run: sriov-provider db upgrade")


def _bus(config_files: Sequence[str]) -> Result:
    """A wake-up for a job that there is not: a worker looks, and finds nothing."""
    client = Client(config_files, patience=_PATIENCE)
    if client.wake(str(uuid.uuid4())):
        return ok("takes messages")
    return fail(
        f"takes no message ({client.fault}); workers find jobs later meanwhile, by polling",
        "start RabbitMQ, or correct transport_url",
    )


def _cloud(config_files: Sequence[str]) -> Cloud:
    return Cloud(config.parse(config_files), part="check")


def _keystone(config_files: Sequence[str]) -> Result:
    return ok(f"the credentials are of project {Rest(_cloud(config_files), NETWORK).project_id()}")


def _neutron(config_files: Sequence[str], settings: Settings) -> Result:
    """The management networks exist; only an administrator is shown how they are made."""
    neutron = Rest(_cloud(config_files), NETWORK)
    networks = settings.amphora.boot_networks
    found = [neutron.find(f"/networks/{network}") for network in networks]
    gone = [network for network, body in zip(networks, found, strict=True) if body is None]
    if gone:
        return fail(
            f"no network {', '.join(gone)}", "correct [controller_worker] amp_boot_network_list"
        )
    blind = [body for body in found if body and "provider:network_type" not in body["network"]]
    if blind:
        return warn(
            "answers, but shows these credentials no physical networks and port bindings",
            "give the user of [neutron] or [service_auth] the role admin",
        )
    if not networks:
        neutron.get("/networks", limit=1, fields="id")
    return ok(f"answers, {len(networks)} management network(s) found")


def _nova(config_files: Sequence[str], settings: Settings) -> Result:
    conf, flavor = config.parse(config_files), settings.amphora.flavor
    if not flavor and conf.sriov_provider.compute_driver == drivers.NOVA:
        Rest(_cloud(config_files), COMPUTE).get("/flavors", limit=1)
        return ok("answers")
    try:
        drivers.build(conf, _cloud(config_files)).check_flavor(flavor)
    except ProviderError as error:
        if error.reason.code is Code.NOT_FOUND:
            return fail(f"no flavor {flavor}", "correct [controller_worker] amp_flavor_id")
        raise
    return ok(f"answers, flavor {flavor} found")


def _image(config_files: Sequence[str], settings: Settings) -> Result:
    tag, owner = settings.amphora.image_tag, settings.amphora.image_owner
    conf = config.parse(config_files)
    if not tag and conf.sriov_provider.compute_driver == drivers.NOVA:
        return fail("no tag is set", "set [controller_worker] amp_image_tag")
    found = drivers.build(conf, _cloud(config_files)).image_id(tag, owner)
    return ok(f"image {found} is the newest tagged {tag}")
