"""Ports as os-vif knows them: its objects, and the plugs that its plugins make."""
