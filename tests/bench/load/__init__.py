"""What a worker costs while the number of load balancers grows."""
