from __future__ import annotations

from sriov_provider.capacity import report, rows, totals
from sriov_provider.capacity.model import Inside, Outside, Row, Stock
from sriov_provider.records import PortRole, PortState
from tests.unit.capacity.parts import holding, outside

EIGHT = totals.parse(["physnet1:8", "physnet2:4"])


def row(found: tuple[Row, ...], physnet: str | None, host: str | None) -> Row:
    [one] = [r for r in found if (r.physnet, r.host) == (physnet, host)]
    return one


def test_every_mapped_network_of_every_host_has_a_row_in_order() -> None:
    found = rows.table(Inside(), outside(), EIGHT)
    places = [("physnet1", "compute1"), ("physnet1", "compute2"), ("physnet2", "compute2")]
    assert [(r.physnet, r.host) for r in found] == places
    assert [(r.total, r.free, r.others) for r in found] == [(8, 8, 0), (8, 8, 0), (4, 4, 0)]


def test_ours_are_counted_by_role_and_state_and_others_by_the_rest() -> None:
    ours = (
        holding(1),
        holding(2, role=PortRole.MEMBER),
        holding(3, role=PortRole.MEMBER, state=PortState.WANTED, neutron_id=None),
        holding(4, state=PortState.RELEASING),
        holding(5, state=PortState.LEAKED),
    )
    bound = [("port1", "compute1", "physnet1"), ("theirs", "compute1", "physnet1")]
    found = row(rows.table(Inside(ours), outside(*bound), EIGHT), "physnet1", "compute1")
    assert (found.vip, found.member, found.wanted, found.releasing, found.leaked) == (1,) * 5
    assert (found.others, found.total, found.free) == (1, 8, 2)


def test_a_port_is_where_nova_claimed_its_vf() -> None:
    moved = outside(("port1", "compute2", "physnet2"))
    found = rows.table(Inside((holding(),)), moved, EIGHT)
    assert row(found, "physnet2", "compute2").vip == 1
    assert row(found, "physnet1", "compute1").vip == 0


def test_more_in_use_than_stated_leaves_none_free() -> None:
    bound = [(f"p{n}", "compute2", "physnet2") for n in range(9)]
    found = row(rows.table(Inside(), outside(*bound), EIGHT), "physnet2", "compute2")
    assert (found.total, found.others, found.free) == (4, 9, 0)


def test_a_total_nobody_tells_is_not_guessed() -> None:
    found = row(rows.table(Inside(), outside(), totals.Totals()), "physnet1", "compute1")
    assert (found.total, found.free, found.others) == (None, None, 0)
    assert [gap.what for gap in found.unknown] == ["total"]


def test_without_the_ports_of_others_nothing_is_free_for_sure() -> None:
    found = row(rows.table(Inside(), outside(ports=None), EIGHT), "physnet1", "compute1")
    assert (found.total, found.free, found.others) == (8, None, None)
    assert [gap.what for gap in found.unknown] == ["others"]


def test_placement_tells_total_and_use() -> None:
    stated = totals.parse(["tunnelled:CUSTOM_VF"])
    stocks = {"CUSTOM_VF": {"compute2": Stock(total=8, used=3)}}
    ours = (holding(1, network_id="net3", host="compute2"),)
    seen = outside(ports=None, stocks=stocks)
    found = row(rows.table(Inside(ours), seen, stated), "tunnelled", "compute2")
    assert (found.total, found.vip, found.others, found.free) == (8, 1, 2, 5)
    assert found.unknown == ()


def test_a_class_placement_does_not_have_there_is_named() -> None:
    stated = totals.parse(["compute1/tunnelled:CUSTOM_VF"])
    seen = outside(stocks={"CUSTOM_VF": {}})
    found = row(rows.table(Inside(), seen, stated), "tunnelled", "compute1")
    assert found.total is None
    assert "CUSTOM_VF" in found.unknown[0].why


def test_ports_without_a_host_or_physical_network_are_shown() -> None:
    ours = (holding(1, host=None), holding(2, network_id="hidden"))
    found = rows.table(Inside(ours), outside(), EIGHT)
    assert row(found, "physnet1", None).unknown[0].what == "host"
    assert row(found, None, "compute1").unknown[0].what == "physical network"
    assert row(found, None, "compute1").free is None


def test_what_speaks_against_a_host() -> None:
    seen = outside(
        agents_down=frozenset({"compute2"}), hosts_down={"compute1": "it is disabled in Nova"}
    )
    stated = totals.parse(["compute2/tunnelled:2", "physnet1:8"])
    found = rows.table(Inside(), seen, stated)
    assert row(found, "physnet1", "compute1").troubles == ("it is disabled in Nova",)
    assert "agent" in row(found, "physnet1", "compute2").troubles[0]
    assert row(found, "tunnelled", "compute2").troubles == ()


def test_nothing_at_all_is_nothing() -> None:
    assert rows.table(Inside(), Outside(), totals.Totals()) == ()


def test_what_is_not_known_is_said_once_for_many_hosts() -> None:
    hosts = {f"compute{n:02}": frozenset({"physnet1", "physnet2"}) for n in range(20)}
    seen = outside(mapped=hosts, unknown=("Nova: no answer",))
    first, second = report.sentences(report.make(Inside(), seen, totals.Totals()))
    assert first == "Nova: no answer"
    assert second.startswith("total of physnet1, physnet2 on compute00, compute01, ")
    assert "compute07 and 12 more: " in second


def test_one_physical_network_or_host() -> None:
    ours = (holding(1), holding(2, load_balancer_id="lb2", network_id="net2", host="compute2"))
    whole = report.make(Inside(ours), outside(), EIGHT)
    part = report.only(whole, "physnet2", None)
    assert {r.physnet for r in part.rows} == {"physnet2"}
    assert [f.load_balancer_id for f in part.failovers] == ["lb2"]
    part = report.only(whole, None, "compute1")
    assert {r.host for r in part.rows} == {"compute1"}
    assert [f.load_balancer_id for f in part.failovers] == ["lb1"]
    assert report.only(whole, None, None) == whole
