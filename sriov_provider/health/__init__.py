"""Heartbeats of amphorae: heard, judged, told to Octavia; amphorae that fell silent replaced."""
