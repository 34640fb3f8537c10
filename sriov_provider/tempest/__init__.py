"""Tempest plugin: scenario tests for any cloud with this provider. Nothing else imports it."""
