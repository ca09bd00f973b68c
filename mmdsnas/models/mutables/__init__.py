from .blocks import all_candidates, blocks_of, one_path
from .elastic_mutable_op import ElasticMutableOP
from .in_place import copy_overwritten_outputs
from .one_hot_mutable_op import OneHotMutableOP
from .outputs import map_tensors, outline, tensors_of
