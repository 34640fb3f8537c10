"""Waking workers through oslo.messaging. A message carries the id of a job and nothing else."""

from amqp.exceptions import AMQPError
from kombu.exceptions import KombuError

TOPIC = "octavia_sriov"
NAMESPACE = "sriov"
VERSION = "1.0"

# What oslo.messaging lets through of the libraries below it.
BROKER_ERRORS = (KombuError, AMQPError, OSError)
