#!/bin/sh
# Milliseconds of an ONNX file on another machine that ssh reaches, in ONNX Runtime.
#
#   HOST=pi@camera  resource_estimator.latency.command='tools/device/ssh.sh {model}'
#
# That machine needs onnxruntime and numpy; CORE and PYTHON are as in onnxruntime.sh.
set -eu
: "${HOST:?must be the machine, as ssh takes it, such as pi@camera}"
file="/tmp/mmdsnas-$(basename "$1")"
scp -q "$1" "$HOST:$file"
# The script comes from here, so that there is nothing to install for it.
# shellcheck disable=SC2029  # what is set here is meant
ssh "$HOST" "CORE='${CORE:-0}' PYTHON='${PYTHON:-python3}' sh -s '$file'; e=\$?; rm -f '$file'; exit \$e" \
  < "$(dirname "$0")/onnxruntime.sh"
