"""Amphorae as containers of Zun."""
