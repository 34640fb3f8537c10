"""The commands and settings of the administrator's documentation, and who runs or checks them."""
