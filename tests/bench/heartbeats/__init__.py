"""Heartbeats: ours and the stock health manager, side by side."""
