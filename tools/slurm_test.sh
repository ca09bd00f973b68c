#!/usr/bin/env bash
# Runs tools/test.py on a Slurm cluster, one process for each GPU.
#
# The environment variables are those of slurm_train.sh.
set -euo pipefail

gpus=${GPUS:-8}
if [[ $# -lt 4 || ! $gpus =~ ^[1-9][0-9]*$ ]]; then
  echo 'usage: [GPUS=8] slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT' \
    '[arguments of tools/test.py]' >&2
  exit 2
fi
partition=$1
job_name=$2
config=$3
checkpoint=$4
shift 4
gpus_per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}
read -r -a srun_args <<<"${SRUN_ARGS:-}"

tools=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# Some environments name it python3 alone.
python=$(command -v python || command -v python3)
export MASTER_PORT=${MASTER_PORT:-${PORT:-29500}}

exec srun \
  --partition="$partition" \
  --job-name="$job_name" \
  --gres="gpu:$gpus_per_node" \
  --ntasks="$gpus" \
  --ntasks-per-node="$gpus_per_node" \
  --cpus-per-task="${CPUS_PER_TASK:-5}" \
  --kill-on-bad-exit=1 \
  ${srun_args[@]+"${srun_args[@]}"} \
  "$python" -u "$tools/test.py" "$config" "$checkpoint" --launcher slurm "$@"
