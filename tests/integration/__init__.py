"""The provider on a whole cloud in trouble: where it places amphorae, and how each failure ends."""
