#!/bin/sh
# nanoarrow.sh PIP VERSION DIR   puts nanoarrow's amalgamation for C, of this version, into DIR/nanoarrow
#
# The source distribution of its Python package holds all of its C sources.
set -eu
pip=$1 version=$2 directory=$3

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# pip asks the build system for the metadata of what it downloads. This one answers without building anything.
cat > "$scratch/mesonpy.py" << END
import os
def prepare_metadata_for_build_wheel(directory, settings=None):
    name = "nanoarrow-$version.dist-info"
    os.mkdir(os.path.join(directory, name))
    with open(os.path.join(directory, name, "METADATA"), "w") as f:
        f.write("Metadata-Version: 2.1\nName: nanoarrow\nVersion: $version\n")
    return name
END
PYTHONPATH=$scratch "$pip" download -q --no-deps --no-build-isolation --no-binary nanoarrow -d "$scratch" "nanoarrow==$version"

tar -xzf "$scratch/nanoarrow-$version.tar.gz" -C "$scratch"
bundle=$scratch/nanoarrow-$version/subprojects/arrow-nanoarrow/ci/scripts/bundle.py
"$(dirname "$pip")/python" "$bundle" --include-output-dir "$scratch/out" --source-output-dir "$scratch/out"
mkdir -p "$directory/nanoarrow"
find "$scratch/out" -name 'nanoarrow.[ch]' -exec cp {} "$directory/nanoarrow" \;
