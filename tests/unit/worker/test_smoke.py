from tests.unit.worker.harness import World


def test_create(world: World) -> None:
    lb = world.create_load_balancer()
    world.run_all()
    print(world.calls.log)
    assert world.agent.provisioning(lb) == "ACTIVE"
    assert world.pending() == []
    li = world.add_listener(lb)
    pool = world.add_pool(lb)
    world.run_all()
    world.calls.forget()
    m = world.add_member(pool, "10.1.0.5", "sub-1", vnic_type="direct")
    world.run_all()
    print(world.calls.log)
    assert world.agent.provisioning(m) == "ACTIVE"
    world.calls.forget()
    world.failover(lb)
    world.run_all()
    print(world.calls.log)
    world.calls.forget()
    world.delete_load_balancer(lb)
    world.run_all()
    print(world.calls.log)
    assert world.agent.provisioning(lb) == "DELETED"
    assert world.cloud.left_over() == ()
