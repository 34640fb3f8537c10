"""Turns a bound Neutron port into a network device of this host, where no Nova does it."""
