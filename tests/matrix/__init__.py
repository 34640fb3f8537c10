"""The kill matrix: what an operation comes to when something dies in the middle of it."""
