#!/usr/bin/env bash
# Runs tools/train.py on a Slurm cluster, one process for each GPU.
#
# Environment variables: GPUS (8), GPUS_PER_NODE (8, or GPUS if that is less),
# CPUS_PER_TASK (5), PORT (29500), and SRUN_ARGS, more options of srun;
# SRUN_ARGS=--gres=none asks for no GPUs and trains on the CPU.
set -euo pipefail

gpus=${GPUS:-8}
if [[ $# -lt 4 || ! $gpus =~ ^[1-9][0-9]*$ ]]; then
  echo 'usage: [GPUS=8] slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR' \
    '[arguments of tools/train.py]' >&2
  exit 2
fi
partition=$1
job_name=$2
config=$3
work_dir=$4
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
  "$python" -u "$tools/train.py" "$config" --work-dir "$work_dir" \
  --launcher slurm "$@"
