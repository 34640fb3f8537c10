"""Idempotent tasks: look, compare, act, record. They decide nothing; the plan has."""
