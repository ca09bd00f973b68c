"""Prints parameters, FLOPs and the peak memory of a network, FLOPs by stage, too."""

from mmengine.config import Config
from mmengine.model import BaseModel

from mmdsnas.command_line.arguments import config_parser, show_user_errors
from mmdsnas.errors import ConfigError
from mmdsnas.launch.building import build_model
from mmdsnas.launch.images import input_channels, input_size
from mmdsnas.launch.run_config import load_config
from mmdsnas.models import DSNAS
from mmdsnas.models.cost import PeakMemoryMeter, costs_by_stage
from mmdsnas.models.cost.peak_memory import BYTES
from mmdsnas.subnets import subnet_of_path
from mmdsnas.utils.data_sets import pipeline_of
from mmdsnas.visualization.tables import stage_table

COLUMNS = {
    'all': 'MFLOPs, all layers',
    'conv_linear': 'MFLOPs, convolutions and linear',
}


def networks(config: Config, subnet: str | None) -> dict[str, BaseModel]:
    """What is to be counted, by title."""
    kind = config.model.type
    is_child = kind.endswith('sub_model')
    if subnet is not None:
        if kind.endswith('DSNAS'):
            return {f'The child {subnet}': build_model(config, subnet)}
        if not is_child:
            raise ConfigError(
                '--subnet must be left out for a config without a supernet, whose '
                f'model is a {kind}.'
            )
        config.model.fix_subnet = subnet
    model = build_model(config)
    if not isinstance(model, DSNAS):
        return {'The child' if is_child else 'The network': model}
    titles = 'The cheapest path', 'The most expensive path'
    return {
        title: build_model(config, subnet_of_path(model, path))
        for title, path in zip(titles, model.cost_table.extreme_paths())
    }


@show_user_errors
def main() -> None:
    parser = config_parser(__doc__)
    parser.add_argument(
        '--subnet',
        help='subnet file of the child to count; without one a search shows its '
        'cheapest and its most expensive path',
    )
    parser.add_argument(
        '--shape',
        nargs=2,
        type=int,
        metavar=('HEIGHT', 'WIDTH'),
        help='size of the images, by default that of the test pipeline',
    )
    args = parser.parse_args()
    if args.shape and min(args.shape) < 1:
        parser.error('--shape must be two numbers of at least 1')
    config = load_config(args.config, args.options)
    size = args.shape or input_size(pipeline_of(config.test_dataloader))
    shape = (1, input_channels(config), *size)
    for title, network in networks(config, args.subnet).items():
        by_stage, whole = costs_by_stage(network, shape, list(COLUMNS))
        heading = f'{title}, input {" x ".join(map(str, shape[1:]))}'
        print(stage_table(heading, by_stage, whole, list(COLUMNS.values())).rstrip())
        meters = {dtype: PeakMemoryMeter(shape, dtype=dtype) for dtype in BYTES}
        try:
            found = {dtype: meter.whole(network, {}) for dtype, meter in meters.items()}
            peaks = [f'{kib:.1f} KiB in {dtype}' for dtype, kib in found.items()]
        except ConfigError as error:
            # What is counted is known without it.
            peaks = [f'not known: {error}']
        print(f'  peak memory of activations: {", ".join(peaks)}\n')
    print('MFLOPs are multiply-adds / 1e6. All layers: as MMRazor counts them.')
