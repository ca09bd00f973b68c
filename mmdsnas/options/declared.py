"""What each option of mmdsnas may be; what it means is in its class's docstring."""

from typing import Dict

from .candidates import Candidates
from .checkers import Checker, Choice, File, Flag, Integer, Real, Text
from .containers import (
    Either,
    InputShape,
    LeftOut,
    ListOf,
    Mapping,
    Maybe,
    Options,
    Pair,
    Part,
    Type,
)
from .data import DATA
from .loading import LOADING
from .selection import SELECTION

_CHANNELS = 8192
_MODULE = Part('forward')
# A classifier has a type for it.
_PREPROCESSOR = Part('forward', 'BaseDataPreprocessor')
# mmengine and mmcv read these themselves.
_INIT_CFG = Maybe(Either(Mapping(), ListOf(Mapping())))
_CONV_CFG = Maybe(Options(dict(type=Choice('Conv2d', 'Conv')), required=('type',)))
_ACT_CFG = Maybe(
    Options(
        dict(
            type=Choice('ReLU', 'ReLU6', 'LeakyReLU', 'ELU', 'SiLU', 'Hardswish'),
            inplace=Flag(),
        ),
        required=('type',),
    )
)
_NORM_CFG = Maybe(
    Options(
        dict(
            type=Type(),
            eps=Real(above=0, maximum=1),
            momentum=Maybe(Real(0, 1)),
            affine=Flag(),
            track_running_stats=Flag(),
            requires_grad=Flag(),
            num_groups=Integer(1),
        ),
        required=('type',),
        # A norm layer of a user has options of its own.
        others=True,
    )
)
_MULTIPLIER = Maybe(Real(0))

AMP: Dict[str, Checker] = dict(
    dtype=Maybe(Choice('bfloat16', 'float16')),
    init_scale=Real(above=0),
    growth_factor=Real(above=1),
    backoff_factor=Real(above=0, below=1),
    growth_interval=Integer(1, 2**31 - 1),
)
PARAMWISE: Dict[str, Checker] = dict(
    bias_lr_mult=_MULTIPLIER,
    bias_decay_mult=_MULTIPLIER,
    norm_decay_mult=_MULTIPLIER,
    flat_decay_mult=_MULTIPLIER,
    dwconv_decay_mult=_MULTIPLIER,
    dcn_offset_lr_mult=_MULTIPLIER,
    bypass_duplicate=Flag(),
    custom_keys=Mapping(Options(dict(lr_mult=Real(0), decay_mult=Real(0)))),
)
# Of the costs of a network, whose table is in mmdsnas.models.cost.
_LIMITS = Mapping(Real(above=0), 1)
COST: Dict[str, Checker] = dict(
    limit=Maybe(Either(Real(above=0), _LIMITS)),
    weight=Maybe(Real(0)),
    form=Choice('adaptive', 'expected', 'sampled'),
    count_fixed_part=Flag(),
)
LATENCY: Dict[str, Checker] = dict(
    backend=Choice('pytorch', 'onnxruntime'),
    device=Maybe(Choice('cpu', 'cuda')),
    threads=Integer(1, 1024),
    batch_size=Integer(1, 1024),
    repeats=Integer(1, 1000),
    file=Maybe(File()),
)

_BLOCK = dict(
    in_channels=Integer(1, _CHANNELS),
    out_channels=Integer(1, _CHANNELS),
    stride=Integer(1, 2),
    norm_cfg=_NORM_CFG,
    init_cfg=_INIT_CFG,
)
_NAMES = Maybe(Either(Text(), ListOf(Text(), 1)))
_RULE = Choice('greater', 'less')
_TEMPERATURE = dict(tau_start=Real(above=0), tau_end=Real(above=0))

# By the name that a config gives as type; None as a value means what the
# docstring of the class says.
OPTIONS: Dict[str, Dict[str, Checker]] = dict(
    # Models
    DSNAS=dict(
        architecture=_MODULE,
        mutator=Maybe(Part(None, 'mmdsnas.DifferentiableMutator')),
        pretrain_epochs=Integer(0),
        finetune_epochs=Integer(0),
        resource_estimator=Maybe(Part(None, 'mmdsnas.ResourceEstimator')),
        cost=Maybe(Options(COST)),
        gradient_estimator=Maybe(Part(None, 'mmdsnas.DSNASGradient')),
        share_path=Flag(),
        channels_last=Flag(),
        norm_training=Flag(),
        data_preprocessor=Maybe(_PREPROCESSOR),
        init_cfg=_INIT_CFG,
    ),
    sub_model=dict(
        cfg=_MODULE,
        fix_subnet=Maybe(Either(File(), Mapping())),
        channels_last=Flag(),
        input_shape=Maybe(InputShape()),
        data_preprocessor=Maybe(_PREPROCESSOR),
        init_cfg=_INIT_CFG,
    ),
    DifferentiableMutator=dict(
        custom_groups=Maybe(ListOf(ListOf(Text()))),
        # Larger logits say nothing that these do not.
        init_mean=Real(-100, 100),
        init_std=Real(0, 100),
        fix_threshold=Maybe(Real(above=0, maximum=1)),
        init_cfg=_INIT_CFG,
    ),
    OneHotMutableOP=dict(
        candidates=Candidates(minimum=1, modules=True),
        module_kwargs=Maybe(Mapping()),
        alias=Maybe(Text()),
        init_cfg=_INIT_CFG,
    ),
    OfficialShuffleNetV2=dict(
        arch_setting=LeftOut(),
        stages=ListOf(Pair('channels and number of blocks', (_CHANNELS, 1000)), 1),
        candidates=Maybe(Candidates(Mapping(), minimum=1)),
        norm_cfg=_NORM_CFG,
        stem_multiplier=Integer(1, _CHANNELS // 16),
        widen_factor=Real(above=0, maximum=100),
        out_indices=ListOf(Integer(0, 4), 1),
        frozen_stages=Integer(-1, 4),
        with_last_layer=Flag(),
        conv_cfg=_CONV_CFG,
        act_cfg=_ACT_CFG,
        norm_eval=Flag(),
        with_cp=Flag(),
        init_cfg=_INIT_CFG,
    ),
    OfficialShuffleBlock=dict(kernel_size=Integer(1, 99), **_BLOCK),
    OfficialShuffleXception=_BLOCK,
    BiasFreeClsHead=dict(
        # None: filled in from the folders of the images before it is built.
        num_classes=Maybe(Integer(1, 10**6)),
        in_channels=Integer(1, _CHANNELS),
        dropout=Real(0, below=1),
        loss=_MODULE,
        topk=Either(Integer(1), ListOf(Integer(1), 1)),
        cal_acc=Flag(),
        init_cfg=_INIT_CFG,
    ),
    SmoothCrossEntropy=dict(label_smooth_val=Real(0, 1), loss_weight=Real(0)),
    # Task utilities
    ResourceEstimator=dict(
        input_shape=InputShape(),
        count=Choice('all', 'conv_linear', 'conv'),
        latency=Maybe(Options(LATENCY)),
        units=Options({name: Maybe(Text()) for name in ('flops', 'params', 'latency')}),
        as_strings=Flag(),
        flops_params_cfg=Maybe(Mapping()),
        latency_cfg=Maybe(Mapping()),
    ),
    DSNASGradient=dict(),
    CounterfactualGradient=dict(),
    PairedGradient=dict(),
    ScoreFunctionGradient=dict(momentum=Real(0, below=1)),
    DARTSGradient=dict(),
    SNASGradient=_TEMPERATURE,
    GDASGradient=_TEMPERATURE,
    ProxylessGradient=dict(),
    # Optimizers
    SearchOptimWrapperConstructor=dict(
        optim_wrapper_cfg=Mapping(), paramwise_cfg=Maybe(LeftOut())
    ),
    SearchOptimWrapperDict=dict(amp=Maybe(Options(AMP))),
    GroupedOptimWrapperConstructor=dict(
        optim_wrapper_cfg=Mapping(), paramwise_cfg=Maybe(Options(PARAMWISE))
    ),
    # Hooks
    AtomicCheckpointHook=dict(
        # -1: never, or all of them.
        interval=Integer(-1),
        by_epoch=Flag(),
        save_optimizer=Flag(),
        save_param_scheduler=Flag(),
        out_dir=Maybe(File()),
        max_keep_ckpts=Integer(-1),
        save_last=Flag(),
        save_best=_NAMES,
        rule=Maybe(Either(_RULE, ListOf(_RULE, 1))),
        greater_keys=_NAMES,
        less_keys=_NAMES,
        file_client_args=Maybe(Mapping()),
        filename_tmpl=Maybe(Text()),
        backend_args=Maybe(Mapping()),
        published_keys=_NAMES,
        save_begin=Integer(0),
    ),
    EMAHook=dict(
        ema_type=Type(),
        strict_load=Flag(),
        begin_iter=Integer(0),
        begin_epoch=Integer(0),
        momentum=Real(above=0, below=1),
        gamma=Real(above=0),
        interval=Integer(1),
        update_buffers=Flag(),
        device=Maybe(Text()),
    ),
    NonFiniteHook=dict(max_consecutive=Integer(0)),
    RecalibrateBNHook=dict(num_batches=Integer(1)),
    ReportHook=dict(interval=Integer(0)),
    ResetBNStatsHook=dict(affine=Flag()),
    SearchLogHook=dict(interval=Maybe(Integer(1))),
    SearchPlanHook=dict(time_steps=Flag()),
    **SELECTION,
    **DATA,
    **LOADING,
    # Of torch and mmengine, what everybody sets.
    DataLoader=dict(batch_size=Integer(1), num_workers=Integer(0)),
    EpochBasedTrainLoop=dict(
        max_epochs=Integer(0), val_interval=Integer(1), val_begin=Integer(0)
    ),
    OptimWrapper=dict(accumulative_counts=Integer(1)),
    Optimizer=dict(lr=Maybe(Real(0)), weight_decay=Maybe(Real(0)), momentum=Real(0)),
    # Options that are no class of their own in a config.
    CostTerm=COST,
    LatencyMeter=dict(input_shape=InputShape(), **LATENCY),
)
