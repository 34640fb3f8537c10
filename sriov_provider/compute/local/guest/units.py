"""Unit files, as far as an amphora's are concerned. Pure, but for :func:`load`."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

DIRECTORIES = (Path("/etc/systemd/system"), Path("/usr/lib/systemd/system"))
WANTED = Path("/etc/systemd/system/multi-user.target.wants")
ONESHOT, FORKING, NOTIFY, SIMPLE = "oneshot", "forking", "notify", "simple"


@dataclasses.dataclass(frozen=True)
class Command:
    """:ivar may_fail: its exit code does not matter"""

    words: tuple[str, ...]
    may_fail: bool = False


@dataclasses.dataclass(frozen=True)
class Unit:
    """:ivar settings: all values of each key, whatever its section"""

    name: str
    settings: Mapping[str, tuple[str, ...]]

    @property
    def kind(self) -> str:
        return self._last("Type") or SIMPLE

    @property
    def restarts(self) -> bool:
        return self._last("Restart") in ("always", "on-failure")

    @property
    def pid_file(self) -> Path | None:
        path = self._last("PIDFile")
        return Path(path) if path else None

    @property
    def requires(self) -> tuple[str, ...]:
        return tuple(" ".join(self.settings.get("Requires", ())).split())

    def _last(self, key: str) -> str:
        return self.settings.get(key, ("",))[-1]

    def commands(self, key: str, main_pid: int | None = None) -> tuple[Command, ...]:
        """:param key: ``ExecStart`` and the like"""
        lines = self.settings.get("Environment", ())
        pairs = (word.partition("=") for line in lines for word in shlex.split(line))
        environment = {name: value for name, _, value in pairs}
        if main_pid is not None:
            environment["MAINPID"] = str(main_pid)
        return tuple(_command(line, environment) for line in self.settings.get(key, ()))


def _command(line: str, environment: Mapping[str, str]) -> Command:
    bare = line.lstrip("-+!@:")
    prefix = line[: len(line) - len(bare)]
    # systemd lets a backslash escape a quote within quotes, a shell does not; "$2" is a shell's.
    bare = bare.replace(r"\'", r"'\''")
    filled = re.sub(r"\$\{?([A-Za-z_]\w*)\}?", lambda m: environment.get(m[1], m[0]), bare)
    return Command(tuple(shlex.split(filled)), "-" in prefix)


def parse(texts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """A unit file and its drop-ins: lists grow, an empty value begins a new one."""
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        for key, value in re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE):
            value = value.strip()
            found[key] = (*found.get(key, ()), value) if value else ()
    return found


def full_name(name: str) -> str:
    return name if name.endswith((".service", ".target", ".socket")) else f"{name}.service"


def load(name: str, directories: Iterable[Path] = DIRECTORIES) -> Unit | None:
    """None when there is no such unit."""
    name = full_name(name)
    directories = tuple(directories)
    path = next((d / name for d in directories if (d / name).is_file()), None)
    if path is None:
        return None
    more = [p for d in reversed(directories) for p in sorted((d / f"{name}.d").glob("*.conf"))]
    return Unit(name, parse(p.read_text() for p in (path, *more)))


def enabled(wanted: Path = WANTED) -> tuple[str, ...]:
    """What starts with the amphora: the namespace before haproxy before keepalived, which happens
    to be the order of their names."""
    return tuple(sorted(path.name for path in wanted.glob("*.service")))
