"""``amphora failover``, ``drain`` and ``refresh``: amphorae replaced one after the other."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import sys
from collections.abc import Iterator
from typing import Any

from cliff.lister import Lister

from sriov_provider import config
from sriov_provider.cmd import progress
from sriov_provider.cmd.capacity import Sentences
from sriov_provider.db.engine import Sessions
from sriov_provider.errors import Code, ProviderError
from sriov_provider.rolling import errands, records
from sriov_provider.rolling.executor import Errand, Rolling
from sriov_provider.rolling.model import Do, Found, Outcome, Prospect, Room, Rules, Step, Target

_TIMEOUT, _PATIENCE = 3600.0, 600.0
COLUMNS = ("amphora", "load_balancer", "role", "host", "why", "result", "new_amphora", "new_host")


class _Command(Lister):  # type: ignore[misc]
    """What the three have in common: a row for each amphora, exit code 1 when one of them was not
    replaced."""

    bad = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument(
            "--timeout",
            type=seconds,
            default=_TIMEOUT,
            metavar="SECONDS",
            help=f"wait so long for each job (default: {_TIMEOUT:.0f}); it goes on after that",
        )
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """:returns: 1 when something was not done"""
        return int(super().run(parsed_args)) or int(self.bad)

    @contextlib.contextmanager
    def sessions(self) -> Iterator[Sessions]:
        sessions = Sessions(config.settings(self.app.conf()).database_connection)
        try:
            yield sessions
        finally:
            sessions.dispose()

    def carry_out(self, sessions: Sessions, errand: Errand, rules: Rules) -> list[tuple[Any, ...]]:
        """One after the other."""
        # Imports the message bus: what only looks does without.
        from sriov_provider.rpc.client import Client

        wake = Client(self.app.config_files).wake
        with progress.shown() as shown:
            outcomes = list(Rolling(sessions, errand, rules, shown, wake).run())
        self.bad = any(outcome.bad for outcome in outcomes)
        return [_row(outcome) for outcome in outcomes]

    def preview(self, sessions: Sessions, errand: Errand, rules: Rules) -> list[tuple[Any, ...]]:
        """What would be done."""
        with progress.shown() as shown:
            looks = list(Rolling(sessions, errand, rules, shown).preview())
        print("Nothing was changed.", file=sys.stderr)
        return [_would(*look) for look in looks]


class Failover(_Command):
    """Replace one amphora by a new one, and wait until it serves."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("amphora", help="id of the amphora")
        parser.add_argument(
            "--no-wait", dest="wait", action="store_false", help="place the job and do not wait"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        rules = Rules(patience=0.0, timeout=parsed_args.timeout, wait=parsed_args.wait)
        with self.sessions() as sessions:
            found = _amphora(sessions, parsed_args.amphora)
            return COLUMNS, self.carry_out(sessions, errands.One(found), rules)


class _Several(_Command):
    """Those that replace several."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("--dry-run", action="store_true", help="only list what would be done")
        parser.add_argument(
            "--keep-going", action="store_true", help="go on after one that was not replaced"
        )
        parser.add_argument(
            "--patience",
            type=seconds,
            default=_PATIENCE,
            metavar="SECONDS",
            help="wait so long while a load balancer is being changed by somebody else "
            f"(default: {_PATIENCE:.0f})",
        )
        return parser

    def act(
        self, sessions: Sessions, errand: Errand, parsed_args: argparse.Namespace
    ) -> tuple[Any, Any]:
        rules = _rules(parsed_args)
        if parsed_args.dry_run:
            return COLUMNS, self.preview(sessions, errand, rules)
        return COLUMNS, self.carry_out(sessions, errand, rules)


class Drain(_Several):
    """Move all amphorae off a compute host, one after the other."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("host", help="compute host, as 'amphora list' shows it")
        parser.add_argument(
            "--force",
            action="store_true",
            help="also while Nova places new servers there, and those that are given up before "
            "their new place is known",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        # Imports half of OpenStack: the other commands do without.
        from sriov_provider.cmd import survey

        conf, host = self.app.conf(), parsed_args.host
        with self.sessions() as sessions:

            def look() -> Any:
                seen = survey.everything(conf, sessions)
                return seen.inside, seen.outside, seen.stated

            policy = config.settings(conf).amphora.anti_affinity
            errand = errands.Drain(sessions, host, look, policy)
            if not errand.targets():
                print(f"No amphora on record is on host {host}.", file=sys.stderr)
                return COLUMNS, []
            self._check_service(look()[1].hosts_down, parsed_args)
            return self.act(sessions, errand, parsed_args)

    def _check_service(self, hosts_down: Any, parsed_args: argparse.Namespace) -> None:
        """Nova must not place anything there again."""
        host = parsed_args.host
        if hosts_down is None:
            told = f"Nova does not tell whether it places new servers on {host}."
        elif host not in hosts_down:
            told = f"Nova still places new servers on {host}."
        else:
            return
        advice = f"openstack compute service set --disable {host} nova-compute"
        if hosts_down is None or parsed_args.force or parsed_args.dry_run:
            print(f"WARNING: {told} Disable it first: {advice}", file=sys.stderr)
            return
        raise ProviderError(
            Code.CONFIGURATION,
            "The host still takes new amphorae.",
            f"{told} Disable it first ({advice}), or say --force.",
        )


class Refresh(_Several):
    """Replace amphorae whose image or agent is older than today's, one after the other."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--lb", metavar="LB", help="those of this load balancer")
        which.add_argument("--all", action="store_true", help="those of all load balancers")
        parser.add_argument(
            "--image-only", action="store_true", help="whatever version their agents have"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Any, Any]:
        # Imports half of OpenStack: the other commands do without.
        from sriov_provider.cloud import Cloud
        from sriov_provider.compute import drivers
        from sriov_provider.compute.fleet import Images

        conf, lb_id = self.app.conf(), parsed_args.lb
        cloud, settings = Cloud(conf), config.settings(conf).amphora
        compute = drivers.build(conf, cloud)

        @functools.cache
        def newest(tag: str) -> str:
            return compute.image_id(tag or settings.image_tag, settings.image_owner)

        with self.sessions() as sessions:
            if lb_id and not sessions.read(lambda s: records.knows_load_balancer(s, lb_id)):
                raise _unknown("load balancer", lb_id)
            of = Images(compute, drivers.fleet(conf, cloud)).of
            errand = errands.Refresh(sessions, lb_id, of, newest, parsed_args.image_only)
            return self.act(sessions, errand, parsed_args)


def _rules(parsed_args: argparse.Namespace) -> Rules:
    """From the arguments of the same names, those that there are."""
    told = vars(parsed_args)
    names = (field.name for field in dataclasses.fields(Rules))
    return Rules(**{name: told[name] for name in names if name in told})


def _amphora(sessions: Sessions, amphora_id: str) -> Found:
    found = sessions.read(lambda s: records.amphora(s, amphora_id))
    if found is None:
        raise _unknown("amphora", amphora_id)
    return found


def _unknown(what: str, wanted: str) -> ProviderError:
    return ProviderError(
        Code.NOT_FOUND,
        f"There is no such {what}.",
        f"The provider's tables do not mention {what} {wanted}",
    )


def seconds(text: str) -> float:
    """An argument that is a time."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no time")
    return value


def _row(outcome: Outcome) -> tuple[Any, ...]:
    result = f"{outcome.end.value}: {outcome.words}" if outcome.words else outcome.end.value
    new = outcome.replacement
    return (*_target(outcome.target), result, new and new.amphora_id, new and new.host)


def _would(target: Target, step: Step, prospect: Prospect) -> tuple[Any, ...]:
    return (*_target(target), would(step, prospect), None, Sentences(list(prospect.hosts)))


def would(step: Step, prospect: Prospect) -> str:
    """What a dry run says."""
    if step.do is Do.PASS:
        return f"no need: {step.why}"
    if step.do is Do.SKIP:
        return f"would be skipped: {step.why}"
    first = f", after this: {step.why}" if step.do is Do.WAIT else ""
    doubt = f" ({prospect.why})" if prospect.room is Room.UNKNOWN else ""
    return f"would be replaced{doubt}{first}"


def _target(target: Target) -> tuple[Any, ...]:
    return target.amphora_id, target.load_balancer_id, target.role, target.host, target.why
