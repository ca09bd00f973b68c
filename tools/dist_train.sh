#!/usr/bin/env bash
# Runs tools/train.py in GPUS processes of this machine.
#
# Of several machines each runs it, with these environment variables: NNODES,
# their number; NODE_RANK, this one's from 0; MASTER_ADDR, the first one's name
# or address; PORT, a free port there.
set -euo pipefail

if [[ $# -lt 2 || ! $2 =~ ^[1-9][0-9]*$ ]]; then
  echo 'usage: dist_train.sh CONFIG GPUS [arguments of tools/train.py]' >&2
  exit 2
fi
config=$1
gpus=$2
shift 2

tools=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# Some environments name it python3 alone.
python=$(command -v python || command -v python3)

exec "$python" -m torch.distributed.run \
  --nnodes="${NNODES:-1}" \
  --node_rank="${NODE_RANK:-0}" \
  --master_addr="${MASTER_ADDR:-127.0.0.1}" \
  --master_port="${PORT:-29500}" \
  --nproc_per_node="$gpus" \
  "$tools/train.py" "$config" --launcher pytorch "$@"
