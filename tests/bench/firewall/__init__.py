"""What the firewall costs: packets, applying, memory; beside the stock provider's and none."""
