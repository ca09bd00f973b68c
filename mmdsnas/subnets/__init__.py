from .child import (
    child_checkpoint,
    child_of_search,
    child_state_dict,
    is_of_search,
    save_child,
)
from .child_network import build_child, recorded_subnet, sub_model, use_recorded_subnet
from .ending import how_it_ended, is_finished, warn_of_unfinished, what_is_missing
from .metadata import check_classes, recorded_classes, recorded_input_size
from .recorded_config import (
    child_config,
    config_input_shape,
    recorded_child_config,
    use_recorded_pipeline,
)
from .subnet import Subnet, check_subnet, read_subnet, subnet_of_path, write_subnet
