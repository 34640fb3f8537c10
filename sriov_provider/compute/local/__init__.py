"""Amphorae as sets of namespaces on this host."""
