"""``sriov-amphora-firewall``: the firewall for a person at the amphora's console, and for boot."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from amphora_agent_ext import kernel, links, model, namespace, render, schema, store
from amphora_agent_ext.apply import Firewall, State
from amphora_agent_ext.errors import DocumentError, FirewallError
from amphora_agent_ext.totals import COUNTERS

# What is said instead of a digest.
_WITHOUT = {
    False: "none: everything is dropped",
    True: "unknown: the table was changed by hand; apply or restore repairs it",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point. Exit code 0, 1 when the kernel or a file refused, 2 for a wrong document."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except DocumentError as error:
        print(f"{error.path or 'document'}: {error.reason}", file=sys.stderr)
        return 2
    except (FirewallError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sriov-amphora-firewall", description=__doc__)
    parser.add_argument("--netns", default=namespace.AMPHORA, help="network namespace")
    parser.add_argument("--state", type=Path, default=store.STATE, help="last applied document")
    parser.add_argument("--plugged", type=Path, default=links.PLUGGED, help=argparse.SUPPRESS)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("render", help="print the nft text of a document")
    command.add_argument("document", type=Path)
    command.add_argument(
        "--name", action="append", default=[], metavar="MAC=NAME", help="name of an interface"
    )
    command.set_defaults(run=_render)
    command = commands.add_parser("apply", help="put a document in force")
    command.add_argument("document", type=Path)
    command.set_defaults(run=_apply)
    command = commands.add_parser("show", help="what is in force, and what was counted")
    command.add_argument("--rules", action="store_true", help="the nft table as well")
    command.add_argument("--json", action="store_true")
    command.set_defaults(run=_show)
    command = commands.add_parser("restore", help="put the last document back, as at boot")
    command.set_defaults(run=_restore)
    return parser


def _render(options: argparse.Namespace) -> None:
    document = _document(options.document)
    # Without the amphora at hand, interfaces are numbered as the stock agent would.
    numbered = {i.mac: f"eth{n}" for n, i in enumerate(document.interfaces, 1)}
    given = dict(pair.lower().split("=", 1) for pair in options.name)
    print(render.table(document, {**numbered, **given}), end="")


def _apply(options: argparse.Namespace) -> None:
    _print(_firewall(options).apply(_document(options.document)))


def _restore(options: argparse.Namespace) -> None:
    _firewall(options).restore()


def _show(options: argparse.Namespace) -> None:
    state = _firewall(options).read()
    if options.json:
        print(json.dumps(state.plain(), indent=2))
    else:
        _print(state)
    if options.rules:
        print(kernel.listing(options.netns), end="")


def _print(state: State) -> None:
    print(f"document   {state.digest or _WITHOUT[state.drifted]}")
    print(f"table      {state.table or 'none'}")
    for mac, name in state.interfaces.items():
        print(f"interface  {mac}  {name or 'not plugged'}")
    counters = state.counters or {"named": {}, "listeners": {}}
    for counter, count in counters["named"].items():
        print(f"{_count(count)}  {counter:<14}  {COUNTERS[counter]}")
    for listener, pair in counters["listeners"].items():
        for kind, count in pair.items():
            print(f"{_count(count)}  {kind:<14}  listener {listener}")


def _count(count: Mapping[str, int]) -> str:
    return f"{count['packets']:>12} {count['bytes']:>14}"


def _firewall(options: argparse.Namespace) -> Firewall:
    return Firewall(netns=options.netns, state=options.state, plugged=options.plugged)


def _document(path: Path) -> model.Document:
    return schema.decode(path.read_bytes())


if __name__ == "__main__":
    sys.exit(main())
