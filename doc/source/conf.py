"""Sphinx configuration; ``tox -e docs`` treats warnings as errors."""

from importlib.metadata import version as installed

project = "octavia-sriov-provider"
author = "The octavia-sriov-provider authors"
copyright = author
release = version = installed("octavia-sriov-provider")
extensions = ["oslo_config.sphinxext", "reno.sphinxext"]
html_theme = "alabaster"
html_theme_options = {"description": "SR-IOV load balancers for OpenStack Octavia"}
nitpicky = True
