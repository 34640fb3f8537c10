"""Members which ask for an SR-IOV port."""

from __future__ import annotations

from typing import Any

from octavia_tempest_plugin.services.load_balancer.v2 import member_client


class MemberClient(member_client.MemberClient):
    """The client of octavia-tempest-plugin, whose create does not know ``request_sriov``."""

    def create_member(self, pool_id: str, **attributes: Any) -> dict[str, Any]:
        """Creates a member.

        :param pool_id: the pool
        :param attributes: of the member as the API has them, ``request_sriov`` among them
        :returns: the member, PENDING_CREATE
        :raises tempest.lib.exceptions.RestClientException: when the API refuses
        """
        created: dict[str, Any] = self._create_object(parent_id=pool_id, **attributes)
        return created
