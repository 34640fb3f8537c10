"""What octavia-sriov-provider adds to the stock amphora agent: the firewall of an amphora."""

# Version of the extension as the capabilities call tells it to the worker.
VERSION = "0.1.0"
