"""Amphorae on a node, without a cloud."""

import os

# The control group of their amphorae: the one trace these tests might leave on the machine. One
# for each process of pytest-xdist.
CGROUP = f"octavia-sriov-tests-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
