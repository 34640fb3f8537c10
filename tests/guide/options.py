"""Whether a service has the options of configuration files: ``options.py NAMESPACE... -- FILE...``.

A namespace is an entry point of ``oslo.config.opts``, or ``MODULE:LIST@GROUP`` for options that no
entry point tells of. Prints a line for each option that is not known or has a wrong value. In a
process of its own, since services register options when they are imported.
"""

from __future__ import annotations

import configparser
import contextlib
import importlib
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

from oslo_config import cfg


def options(namespace: str) -> Iterator[tuple[str, Any]]:
    """(group, option) of a namespace."""
    if "@" in namespace:
        where, group = namespace.split("@")
        module, name = where.split(":")
        yield from ((group, option) for option in getattr(importlib.import_module(module), name))
        return
    (point,) = entry_points(group="oslo.config.opts", name=namespace)
    for group, found in point.load()():
        for option in found:
            yield str(getattr(group, "name", group) or "DEFAULT"), option


def problems(file: str, known: list[tuple[str, Any]]) -> Iterator[str]:
    """What is wrong with a file."""
    conf = cfg.ConfigOpts()
    for group, option in known:
        option.required = False  # a snippet is not a whole file
        with contextlib.suppress(cfg.DuplicateOptError):
            conf.register_opt(option, None if group == "DEFAULT" else group)
    conf(args=[], default_config_files=[file], default_config_dirs=[])
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.read(file)
    for section in parser.sections():
        for name in parser[section]:
            try:
                getattr(conf if section == "DEFAULT" else getattr(conf, section), name)
            except (cfg.NoSuchOptError, cfg.ConfigFileValueError) as error:
                yield f"{file}: [{section}] {name}: {error}"


if __name__ == "__main__":
    split = sys.argv.index("--")
    all_options = [pair for namespace in sys.argv[1:split] for pair in options(namespace)]
    for path in sys.argv[split + 1 :]:
        print(*problems(path, all_options), sep="\n")
