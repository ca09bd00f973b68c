#!/usr/bin/env bash
# Runs tools/test.py in GPUS processes of this machine.
#
# Of several machines each runs it, with the environment variables of
# dist_train.sh.
set -euo pipefail

if [[ $# -lt 3 || ! $3 =~ ^[1-9][0-9]*$ ]]; then
  echo 'usage: dist_test.sh CONFIG CHECKPOINT GPUS [arguments of tools/test.py]' >&2
  exit 2
fi
config=$1
checkpoint=$2
gpus=$3
shift 3

tools=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# Some environments name it python3 alone.
python=$(command -v python || command -v python3)

exec "$python" -m torch.distributed.run \
  --nnodes="${NNODES:-1}" \
  --node_rank="${NODE_RANK:-0}" \
  --master_addr="${MASTER_ADDR:-127.0.0.1}" \
  --master_port="${PORT:-29500}" \
  --nproc_per_node="$gpus" \
  "$tools/test.py" "$config" "$checkpoint" --launcher pytorch "$@"
