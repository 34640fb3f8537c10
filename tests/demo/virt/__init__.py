"""Nova's hypervisor in the demo: a server is a set of Linux namespaces on this machine."""
