"""Prints a config with everything that it inherits."""

from mmdsnas.command_line.arguments import config_parser, show_user_errors
from mmdsnas.launch.run_config import load_config


@show_user_errors
def main() -> None:
    args = config_parser(__doc__).parse_args()
    # As it is written: without looking for data to count classes in.
    print(load_config(args.config, args.options, resolve=False).pretty_text)
