"""What the installation and administrator guides tell to type and to configure. Pure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "doc/source"
_TOCTREE = re.compile(r"^\.\. toctree::\n(?:   :.*\n)*\n((?:   \S+\n)+)", re.MULTILINE)
_DIRECTIVE = re.compile(r"^( *)\.\. code-block:: (\w+)$")
_OPTION = re.compile(r"^ +:(\w+): (.*)$")
_PROMPT = re.compile(r"^([$#]) (.*)$")
_LITERAL = re.compile(r"``([^`]+)``")


@dataclasses.dataclass(frozen=True)
class Block:
    """A ``code-block``; its text without the indentation."""

    page: str
    line: int
    language: str
    caption: str
    text: str


@dataclasses.dataclass(frozen=True)
class Command:
    """What is typed at a prompt, on one line; *root* for the prompt ``#``."""

    page: str
    line: int
    root: bool
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


def pages() -> tuple[str, ...]:
    """The pages in the order in which they are read."""
    found = _TOCTREE.search((SOURCE / "admin/index.rst").read_text())
    assert found, "admin/index.rst has no toctree"
    return ("install.rst", "admin/index.rst", *(f"admin/{n}.rst" for n in found[1].split()))


def blocks(page: str, text: str) -> Iterator[Block]:
    """The code blocks of a page."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if found := _DIRECTIVE.match(line):
            options, first = _options(lines, number + 1)
            body = _body(lines, first, len(found[1]))
            yield Block(page, number + 1, found[2], options.get("caption", ""), body)


def _options(lines: list[str], number: int) -> tuple[dict[str, str], int]:
    """The options of a directive, and the number of the line behind them."""
    options = {}
    while number < len(lines) and (found := _OPTION.match(lines[number])):
        options[found[1]] = found[2]
        number += 1
    return options, number


def _body(lines: list[str], first: int, indent: int) -> str:
    kept = []
    for line in lines[first:]:
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        kept.append(line[indent + 3 :])
    return "\n".join(kept).strip("\n")


def commands(block: Block) -> Iterator[Command]:
    """The commands of a console block; every line is one, or goes on with one.

    :raises ValueError: for a line without a prompt
    """
    joined = re.sub(r"\\\n\s*", "", block.text)
    for line in filter(None, joined.splitlines()):
        found = _PROMPT.match(line)
        if not found:
            raise ValueError(f"{block.page}:{block.line}: no prompt: {line}")
        yield Command(block.page, block.line, found[1] == "#", found[2])


def all_blocks() -> list[Block]:
    """Of all pages, in the order of the guide."""
    return [b for page in pages() for b in blocks(page, (SOURCE / page).read_text())]


def all_commands() -> list[Command]:
    """Of all pages, in the order of the guide."""
    return [c for block in all_blocks() if block.language == "console" for c in commands(block)]


def literals() -> Iterator[tuple[str, str]]:
    """(page, text) of what stands in double backquotes within the prose."""
    for page in pages():
        for text in _LITERAL.findall((SOURCE / page).read_text()):
            yield page, " ".join(text.split())
