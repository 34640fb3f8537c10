"""A rule document in its JSON form, to be changed by tests."""

from __future__ import annotations

from typing import Any

MAC = "fa:16:3e:00:00:01"
OTHER_MAC = "fa:16:3e:00:00:02"


def interface(**changes: Any) -> dict[str, Any]:
    usual = {"mac": MAC, "filter": "amphora", "vips": ["198.18.16.5"], "addresses": ["198.18.16.9"]}
    return {**usual, **changes}


def listener(**changes: Any) -> dict[str, Any]:
    return {"id": "a", "protocol": "tcp", "port": 80, "allowed_cidrs": [], **changes}


def member(**changes: Any) -> dict[str, Any]:
    return {"address": "192.0.2.10", "protocol": "tcp", "port": 8080, **changes}


def body(**changes: Any) -> dict[str, Any]:
    usual = {"version": 1, "interfaces": [interface()], "listeners": [listener()]}
    return {**usual, "members": [member()], **changes}
