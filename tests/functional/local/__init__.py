"""Amphorae on a node, without a cloud."""

# The control group of their amphorae: the one trace these tests might leave on the machine.
CGROUP = "octavia-sriov-tests"
