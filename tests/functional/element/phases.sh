#!/bin/bash
# What disk-image-create does with elements, by its own functions, up to the block device:
#   phases.sh PYTHON BUILD ELEMENT...
# with the image's files in $IMAGE_ROOT. In a mount namespace of its own.
set -eE

export DIB_PYTHON_EXEC=$1 TMP_BUILD_DIR=$2
shift 2
export DIB_ENV="" DIB_ARGS="" LC_ALL=C IMAGE_NAME=$TMP_BUILD_DIR/image DIB_MOUNTPOINTS=""
export TMP_HOOKS_PATH=$TMP_BUILD_DIR/hooks DIB_DEFAULT_INSTALLTYPE=source
# SKIP_BASE: nothing of the element "base" is needed, and it updates all packages.
export DIB_IMAGE_CACHE=$TMP_BUILD_DIR/cache DIB_DEBUG_TRACE=0 SKIP_BASE=1
mkdir "$DIB_IMAGE_CACHE"
_LIB=$("$DIB_PYTHON_EXEC" -c 'from diskimage_builder import paths; print(paths.get_path("lib"))')
_BASE_ELEMENT_DIR=${_LIB%/lib}/elements
export _LIB _BASE_ELEMENT_DIR
# Root has no need of it, and it need not be installed.
mkdir -p "$TMP_BUILD_DIR/bin"
# shellcheck disable=SC2016
printf '#!/bin/sh\nwhile [ "$1" = -E ]; do shift; done\nexec "$@"\n' >"$TMP_BUILD_DIR/bin/sudo"
chmod +x "$TMP_BUILD_DIR/bin/sudo"
PATH=$TMP_BUILD_DIR/bin:$PATH

# shellcheck source=/dev/null
for part in die img-defaults common-functions img-functions; do
    source "$_LIB/$part"
done
arg_to_elements "$@"
create_base
run_d extra-data
run_d_in_target pre-install
run_d_in_target install
run_d_in_target post-install
run_d post-root
run_d_in_target finalise
finalise_base
