#!/bin/sh
# Milliseconds of an ONNX file in OpenVINO, the median of its benchmark_app.
#
#   resource_estimator.latency.command='tools/device/benchmark_app.sh {model}'
#
# DEVICE (default CPU) is OpenVINO's name of it. Of another program take the number out
# of what it prints in the same way, or by resource_estimator.latency.pattern, such as
# 'GPU Compute Time: .*median = (\S+) ms' for trtexec.
set -eu
printed=$(benchmark_app -m "$1" -d "${DEVICE:-CPU}" -hint latency -api sync -t 2) || {
  status=$?
  echo "$printed" >&2
  exit $status
}
echo "$printed" | sed -n 's/.*Median: *\([0-9.]*\) ms.*/\1/p'
