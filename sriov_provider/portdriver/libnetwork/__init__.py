"""The remote driver protocol of container engines, in front of the port driver."""
