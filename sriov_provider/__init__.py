"""SR-IOV load balancers for OpenStack Octavia."""
