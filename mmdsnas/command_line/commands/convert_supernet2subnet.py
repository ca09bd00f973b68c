"""Makes the child from any checkpoint of a search."""

from pathlib import Path

from mmdsnas.command_line.arguments import config_parser, show_user_errors
from mmdsnas.errors import ConfigError
from mmdsnas.launch.building import build_model
from mmdsnas.launch.run_config import load_config
from mmdsnas.models import DSNAS
from mmdsnas.models.weights import load_weights
from mmdsnas.subnets import (
    child_checkpoint,
    child_config,
    recorded_classes,
    save_child,
)
from mmdsnas.subnets.checkpoint import SUBNET_PTH, load_checkpoint
from mmdsnas.subnets.metadata import last_lr, meta_of, recorded_image_size
from mmdsnas.visualization.tables import child_table


@show_user_errors
def main() -> None:
    parser = config_parser(__doc__, loads=True)
    parser.add_argument('checkpoint', help='a checkpoint of the search')
    parser.add_argument(
        'out',
        help='folder for subnet.pth and subnet.yaml, or the name of the .pth '
        'file, beside which the .yaml is put',
    )
    args = parser.parse_args()
    checkpoint = load_checkpoint(args.checkpoint, args.trust_checkpoint)
    config = load_config(
        args.config,
        args.options,
        input_size=recorded_image_size(checkpoint),
        num_classes=len(recorded_classes(checkpoint)),
    )
    model = build_model(config)
    if not isinstance(model, DSNAS):
        raise ConfigError(
            'the config must be that of a search, with a model of type DSNAS, but '
            f'{args.config} has a {type(model).__name__}.'
        )
    load_weights(model, checkpoint, args.checkpoint)
    meta = meta_of(checkpoint)
    extra = dict(
        epoch=meta.get('epoch'),
        plan=meta.get('plan'),
        lr=last_lr(checkpoint),
        dataset_meta=dict(classes=tuple(recorded_classes(checkpoint))),
        child_config=child_config(config, model.child_edge),
    )
    child = child_checkpoint(model, extra)
    out = Path(args.out)
    pth = out if out.suffix == '.pth' else out / SUBNET_PTH
    yaml = pth.with_suffix('.yaml')
    save_child(child, pth, yaml)
    print(child_table(child['meta'], [str(yaml), str(pth)]))
