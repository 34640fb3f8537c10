"""Images of amphorae in Glance."""

from __future__ import annotations

from sriov_provider import cloud_errors
from sriov_provider.rest import Rest


def newest(glance: Rest, tag: str, owner: str | None) -> str:
    """Id of the newest active image with this tag.

    :param owner: project that must own it
    :raises ProviderError: NOT_FOUND names the tag and the owner
    """
    query = {"tag": tag, "status": "active", "sort": "created_at:desc", "limit": 1}
    if owner:
        query["owner"] = owner
    images = glance.get("/images", **query)["images"]
    if not images:
        by = f" owned by {owner}" if owner else ""
        raise cloud_errors.not_found(f"There is no active image tagged '{tag}'{by}.")
    return str(images[0]["id"])
