"""A port on its server: plug it, read back what it became, say what went wrong."""

from __future__ import annotations

import dataclasses

from sriov_provider import vnic
from sriov_provider.compute.base import ReadBack
from sriov_provider.errors import Code, ProviderError
from sriov_provider.network.base import Port
from sriov_provider.records import AmphoraRecord, PortRecord
from sriov_provider.worker.run import Run, wait_for

# Seconds. Nova binds the port before its attach call returns; the wait is for a slow Neutron.
_BIND_TIMEOUT = 10.0
_POLL = 0.5
_USER = "The network port of the load balancer could not be connected."


def attach_port(run: Run, record: PortRecord, *, there: bool) -> PortRecord:
    """As :func:`plug_port`, then :func:`read_back`."""
    plug_port(run, record, there=there)
    return read_back(run, record)


def plug_port(run: Run, record: PortRecord, *, there: bool) -> None:
    """Hot-plug by port id.

    A record is not trusted: its server may be another one by now. But what is attached already is
    not asked for again: Nova claims a VF before it finds the port in use, and forgets that claim
    with the next attach (``PciDevTracker.claims`` has one entry for each server).

    :param there: it may be on its server: that was booted with it, or an earlier run had the port
    """
    amphora = run.book.amphora(record.amphora_id)
    assert amphora is not None and amphora.compute_id is not None and record.neutron_id
    there = there or record.neutron_id in run.asked
    port = run.network.port(record.neutron_id) if there else None
    if port is not None and port.device_id == amphora.compute_id:
        run.readings.keep(port)
    else:
        _plug(run, record, amphora)
        run.readings.plugged(record.neutron_id)


def read_back(run: Run, record: PortRecord) -> PortRecord:
    """What the request became, or is now: its server may have moved.

    :raises ProviderError: BINDING_FAILED, WRONG_HOST, NOT_BOUND, NOT_FOUND
    """
    amphora = run.book.amphora(record.amphora_id)
    assert amphora is not None
    port, became = _bound(run, record, amphora)
    return run.book.save_port(
        dataclasses.replace(
            noted(record, port),
            filter=became.filter,
            vif_type=became.vif_type,
            pci_slot=became.pci_slot,
        )
    )


def noted(record: PortRecord, port: Port) -> PortRecord:
    """The record of a port with what Neutron decided about it."""
    addresses = tuple((ip.subnet_id, ip.address) for ip in port.fixed_ips)
    return dataclasses.replace(record, neutron_id=port.id, mac=port.mac, addresses=addresses)


def _plug(run: Run, record: PortRecord, amphora: AmphoraRecord) -> None:
    assert amphora.compute_id is not None and record.neutron_id is not None
    run.asked.add(record.neutron_id)
    try:
        run.services.compute.attach_port(amphora.compute_id, record.neutron_id)
    except ProviderError as error:
        if error.reason.code is Code.NO_VF:
            raise no_vf(run, (record,), amphora.host, error.reason.operator) from error
        if error.reason.code is Code.BINDING_FAILED:
            raise _not_connected(
                run, record, amphora, Code.BINDING_FAILED, error.reason.operator
            ) from error
        raise


def _bound(run: Run, record: PortRecord, amphora: AmphoraRecord) -> tuple[Port, ReadBack]:
    """The port once it is in place, and what it became."""
    last = ""

    def look() -> tuple[Port, ReadBack] | None:
        nonlocal last
        assert record.neutron_id is not None
        port = run.readings.port(record.neutron_id)
        if port is None:
            raise gone(record)
        became = run.services.compute.read_back(port, amphora.host)
        last = f"Neutron has vif_type {port.vif_type or 'unbound'}, host {port.host or 'none'}"
        if became.state is vnic.Binding.FAILED:
            raise _not_connected(run, record, amphora, Code.BINDING_FAILED, last)
        if became.state is vnic.Binding.ELSEWHERE:
            raise _not_connected(run, record, amphora, Code.WRONG_HOST, last)
        return (port, became) if became.state is vnic.Binding.BOUND else None

    late = ProviderError(Code.NOT_BOUND, _USER, "", retriable=True)
    try:
        return wait_for(look, _BIND_TIMEOUT, _POLL, late)
    except ProviderError as error:
        if error is not late:
            raise
        what = f"{last}, {_BIND_TIMEOUT:g} s after the attach"
        raise _not_connected(run, record, amphora, Code.NOT_BOUND, what) from error


def gone(record: PortRecord) -> ProviderError:
    """Somebody has deleted the port."""
    return ProviderError(
        Code.NOT_FOUND,
        "A network port of the load balancer has been deleted.",
        f"Port {record.neutron_id} on network {record.network_id} is gone from Neutron.",
    )


def _not_connected(
    run: Run, record: PortRecord, amphora: AmphoraRecord, code: Code, what: str
) -> ProviderError:
    """:param what: what Nova or Neutron say"""
    where = f"server {amphora.compute_id} on host {amphora.host or 'unknown'}"
    return ProviderError(
        code,
        _USER,
        f"Port {record.neutron_id} of kind {record.vnic_type} on {_networks(run, (record,))} is "
        f"not connected to {where}: {what}.",
        retriable=True,
    )


def no_vf(run: Run, records: tuple[PortRecord, ...], host: str | None, what: str) -> ProviderError:
    """No VF for these ports; remembers the host.

    :param host: the only one that was asked; None when Nova chose among all of them
    :param what: Nova's words
    """
    before = [h for h in run.hosts_tried if h != host]
    if host:
        run.tried(host)
    kinds = ", ".join(sorted({r.vnic_type for r in records}))
    where = f"host {host}" if host else "any host with room for the amphora"
    tried = f"; hosts tried before: {', '.join(before)}" if before else ""
    return ProviderError(
        Code.NO_VF,
        "No SR-IOV Virtual Function is free for this load balancer.",
        f"No VF of kind {kinds} is free for {_networks(run, records)} on {where}{tried}. {what}",
        retriable=True,
    )


def _networks(run: Run, records: tuple[PortRecord, ...]) -> str:
    """Each network with its physical network, for an operator."""
    return ", ".join(_network(run, n) for n in dict.fromkeys(r.network_id for r in records))


def _network(run: Run, network_id: str) -> str:
    try:
        physical = run.network.network(network_id).physical_network
    except ProviderError:  # the reason at hand matters more than this detail of it
        physical = None
    return f"network {network_id} (physical network {physical or 'unknown'})"
