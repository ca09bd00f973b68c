"""Turns a checkpoint of the DSNAS authors' code into one of mmdsnas."""

import argparse
from pathlib import Path

from mmdsnas.command_line.arguments import add_trust_argument, show_user_errors
from mmdsnas.errors import ConfigError
from mmdsnas.launch.run_config import load_config
from mmdsnas.subnets.checkpoint import check_exists, load_safely, save_checkpoint
from mmdsnas.subnets.official import (
    MD5,
    check_md5,
    convert_official,
    empty_architecture,
)
from mmdsnas.visualization.tables import subnet_table


@show_user_errors
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('checkpoint', help='a supernet or a child of the authors')
    parser.add_argument('out', help='the .pth file to be written')
    parser.add_argument(
        '--md5',
        metavar='MODEL',
        help=f'compare with the sum that the authors published, of {", ".join(MD5)}',
    )
    parser.add_argument(
        '--config',
        default='dsnas_official-supernet_8xb128_in1k',
        help="config of the network, by default that of the authors' search",
    )
    add_trust_argument(parser)
    args = parser.parse_args()
    out = Path(args.out)
    if out.suffix != '.pth' or out.is_dir():
        raise ConfigError(f'OUT must be a file that ends in .pth, but is {out}.')
    check_exists(args.checkpoint)
    if out.exists() and out.samefile(args.checkpoint):
        raise ConfigError(f'OUT must be another file than the checkpoint {out}.')
    if args.md5 is not None:
        check_md5(args.checkpoint, args.md5)
        print(f'The MD5 sum is that of {args.md5}.')
    checkpoint = load_safely(args.checkpoint, args.trust_checkpoint)
    architecture = empty_architecture(load_config(args.config).model)
    ours, probabilities = convert_official(checkpoint, architecture, args.checkpoint)
    save_checkpoint(ours, out)
    meta = ours['meta']
    print(subnet_table(meta['subnet'], probabilities))
    known = ''.join(f', {key} {meta[key]:g}' for key in ('epoch', 'lr') if key in meta)
    kind = 'child' if probabilities is None else 'supernet'
    print(f'This {kind}{known} was written to {out}.')
