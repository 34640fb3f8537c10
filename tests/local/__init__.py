"""The demo without Nova, Glance and Placement: amphorae on the worker's own host."""
