"""The guest's first file system."""

from __future__ import annotations

from pathlib import Path

from tests.igb import initrd


def _entries(archive: bytes) -> dict[str, tuple[int, bytes]]:
    """Mode and content by name, read by the format's rules."""
    found: dict[str, tuple[int, bytes]] = {}
    at = 0
    while True:
        assert at % 4 == 0
        assert archive[at : at + 6] == b"070701"
        numbers = [int(archive[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        size, length = numbers[6], numbers[11]
        name = archive[at + 110 : at + 110 + length - 1].decode()
        body = at + (110 + length + 3) // 4 * 4
        if name == "TRAILER!!!":
            return found
        found[name] = (numbers[1], archive[body : body + size])
        at = body + (size + 3) // 4 * 4


def test_modules_are_in_the_order_in_which_they_are_loaded() -> None:
    found = _entries(initrd.archive(b"shell", [("z.ko", b"12345"), ("a.ko", b"")]))
    assert found["bin/busybox"] == (0o100755, b"shell")
    assert found["init"] == (0o100755, initrd.INIT.encode())
    assert found["root"] == (0o040755, b"")
    modules = sorted(name for name in found if name.startswith("modules/"))
    assert modules == ["modules/000-z.ko", "modules/001-a.ko"]
    assert found[modules[0]][1] == b"12345"


def test_what_a_module_needs_is_loaded_before_it(tmp_path: Path) -> None:
    listed = tmp_path / "modules.dep"
    listed.write_text("fs/ext4.ko: fs/jbd2.ko lib/crc-16.ko\nfs/jbd2.ko:\nlib/crc-16.ko:\n")
    order = ["lib/crc-16.ko", "fs/jbd2.ko", "fs/ext4.ko"]
    assert initrd.load_order(["ext4", "crc_16"], listed) == order
