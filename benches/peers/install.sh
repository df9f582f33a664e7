#!/bin/sh
# Installs the peers into a virtual environment of their own: benches/peers/install.sh [FOLDER]
#
# The versions are pinned, so that two people who run this compare with the same programs. It needs Python 3.11 or later,
# whose `venv` and `pip` work, and the Python package index.
set -eu

folder=${1:-target/peers}
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check snakemake==9.27.1 dvc==3.67.1 redun==0.44.1
echo "installed into $folder; now: benches/peers/peers.py --peers $folder"
