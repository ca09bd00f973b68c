"""Runs a search, or trains a child, from a config."""

import argparse
from functools import partial

from mmdsnas import train
from mmdsnas.command_line.arguments import (
    add_run_arguments,
    config_parser,
    show_user_errors,
)


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
    train(
        args.config,
        args.work_dir,
        options=args.cfg_options,
        resume=args.resume == 'auto' or args.resume or False,
        amp=args.amp,
        validate=not args.no_validate,
        auto_scale_lr=args.auto_scale_lr,
        launcher=args.launcher,
        local_rank=args.local_rank,
        trust_checkpoint=args.trust_checkpoint,
    )
