"""Runs a search, or trains a child, from a config."""

import argparse
from functools import partial

from mmengine.runner import Runner

from mmdsnas.command_line import run_config
from mmdsnas.command_line.arguments import (
    add_run_arguments,
    config_parser,
    show_user_errors,
)
from mmdsnas.command_line.checkpoints import Checkpoints
from mmdsnas.command_line.processes import start_processes
from mmdsnas.command_line.start import resume, start_from_checkpoint
from mmdsnas.utils.files import check_writable


def parse_args() -> argparse.Namespace:
    parser = config_parser(__doc__)
    add_run_arguments(parser)
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CKPT',
        help='go on with a checkpoint, by default the latest of the work dir',
    )
    parser.add_argument('--amp', action='store_true', help='train in mixed precision')
    parser.add_argument(
        '--no-validate', action='store_true', help='do not validate during training'
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help="scale the weights' learning rate to the batch size",
    )
    return parser.parse_args()


@partial(show_user_errors, resumable=True)
def main() -> None:
    args = parse_args()
    config = run_config.load_config(args.config, args.cfg_options)
    run_config.set_work_dir(config, args.work_dir)
    run_config.use_device(config)
    start_processes(config, args.launcher, args.local_rank)
    if args.no_validate:
        config.val_cfg = config.val_dataloader = config.val_evaluator = None
    checkpoints = Checkpoints(args.trust_checkpoint)
    if args.resume is not None or config.get('resume'):
        resume(config, args.resume or config.get('load_from') or 'auto', checkpoints)
    start_from_checkpoint(config, args.cfg_options, checkpoints)
    run_config.check_input_shape(config)
    if args.amp:
        run_config.enable_amp(config)
    if args.auto_scale_lr or config.get('auto_scale_lr', {}).get('enable'):
        run_config.scale_lr(config)
    check_writable(config.work_dir, 'work_dir')
    with checkpoints.for_mmengine():
        Runner.from_cfg(config).train()
