"""What runs in the guest. Only checks.py is read outside of it too."""
