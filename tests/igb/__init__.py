"""The product on SR-IOV VFs: a guest with two emulated cards, and what is checked in it."""
