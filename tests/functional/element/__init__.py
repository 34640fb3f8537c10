"""The image element, run on a Debian that debootstrap makes."""
