export DISTRO_NAME=debian
export DIB_RELEASE
export DIB_INIT_SYSTEM=systemd
export DIB_PYTHON_VERSION=3
