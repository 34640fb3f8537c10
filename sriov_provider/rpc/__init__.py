"""Waking workers through oslo.messaging. A message carries the id of a job and nothing else."""

TOPIC = "octavia_sriov"
NAMESPACE = "sriov"
VERSION = "1.0"
