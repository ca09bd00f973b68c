#!/bin/sh
# Milliseconds of an ONNX file in ONNX Runtime, with one thread on one core.
#
#   resource_estimator.latency.command='tools/device/onnxruntime.sh {model}'
#
# CORE (default 0) is the core, PYTHON (python3) an interpreter with onnxruntime and
# numpy. On another machine: copy this script and the file there, and call it by ssh,
# as ssh.sh does.
set -eu
exec taskset -c "${CORE:-0}" "${PYTHON:-python3}" - "$1" <<'EOF'
import sys
import time

import numpy
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(
    sys.argv[1], options, providers=['CPUExecutionProvider']
)
rng = numpy.random.default_rng(0)
# A dimension without a number is that of the batch.
shapes = {i.name: [n if isinstance(n, int) else 1 for n in i.shape] for i in session.get_inputs()}
inputs = {name: rng.normal(size=shape).astype('float32') for name, shape in shapes.items()}
session.run(None, inputs)
# Rounds of some milliseconds, of which one of the fastest counts: something else may
# have interrupted the others.
start = time.perf_counter()
session.run(None, inputs)
calls = max(1, round(0.005 / (time.perf_counter() - start)))
rounds = []
for _ in range(200):
    start = time.perf_counter()
    for _ in range(calls):
        session.run(None, inputs)
    rounds.append((time.perf_counter() - start) / calls * 1e3)
print(f'{numpy.quantile(rounds, 0.05):.5f}')
EOF
