from typing import Annotated, Dict, Optional, Tuple

from mmrazor.models.architectures import SearchableShuffleNetV2
from pydantic import Field, Strict

from mmdsnas.registry import MODELS
from mmdsnas.utils.options import Channels, Items, checked_options

# Channels and number of blocks of the stages.
STAGES = ((64, 4), (160, 4), (320, 8), (640, 4))
CANDIDATES = dict(
    shuffle_3x3=dict(type='mmdsnas.OfficialShuffleBlock', kernel_size=3),
    shuffle_5x5=dict(type='mmdsnas.OfficialShuffleBlock', kernel_size=5),
    shuffle_7x7=dict(type='mmdsnas.OfficialShuffleBlock', kernel_size=7),
    shuffle_xception=dict(type='mmdsnas.OfficialShuffleXception'),
)

_Blocks = Annotated[int, Field(ge=1, le=1000)]
# A list as well.
_Stage = Annotated[Tuple[Channels, _Blocks], Strict(False)]


@MODELS.register_module()
class OfficialShuffleNetV2(SearchableShuffleNetV2):
    """The supernet of the authors' code (Hu et al., CVPR 2020, section 4.2).

    It differs from OpenMMLab's ShuffleNetV2 in its blocks, see
    ``OfficialShuffleBlock``; stem, last layer and initial weights are those of
    MMRazor's ``SearchableShuffleNetV2``. A child of it is built by
    ``sub_model``.

    Args:
        stages (Sequence[tuple[int, int]]): Output channels and number of
            blocks of each stage, whose first block has stride 2.
        candidates (dict[str, dict], optional): Configs of the candidate
            operations by name; by default the authors' four.
        norm_cfg (dict, optional): Config of all BatchNorm layers, by default
            with the authors' ``eps`` of 0.01; they retrain with 1e-5.
        **kwargs: Other arguments of ``SearchableShuffleNetV2``:
            ``stem_multiplier``, ``widen_factor``, ``out_indices``, ...
    """

    @checked_options
    def __init__(
        self,
        stages: Items[_Stage] = STAGES,
        candidates: Optional[Annotated[Dict[str, Dict], Field(min_length=1)]] = None,
        norm_cfg: Optional[Dict] = None,
        **kwargs,
    ) -> None:
        norm_cfg = norm_cfg or dict(type='BN', eps=0.01)
        mutable = dict(
            type='mmdsnas.OneHotMutableOP',
            candidates={
                name: {'norm_cfg': norm_cfg, **config}
                for name, config in (candidates or CANDIDATES).items()
            },
        )
        super().__init__(
            arch_setting=[[*stage, mutable] for stage in stages],
            norm_cfg=norm_cfg,
            **kwargs,
        )
