default_scope = 'mmdsnas'

# By name: `default_hooks.report=None` removes one, an inheriting config adds to them.
# Their order is that of mmdsnas/engine/hooks/priorities.py.
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='AtomicCheckpointHook', interval=1, max_keep_ckpts=3),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='mmcls.VisualizationHook', enable=False),
    progress_bar=dict(type='ProgressBarHook'),
    report=dict(type='ReportHook'),
    exact_resume=dict(type='ExactResumeHook'),
    load_from=dict(type='LoadFromHook'),
    average_bn_stats=dict(type='AverageBNStatsHook'),
    record_subnet=dict(type='RecordSubnetHook'),
    safe_checkpoint=dict(type='SafeCheckpointHook'),
    resume_validation=dict(type='ResumeValidationHook'),
)
# Hooks of your own.
custom_hooks = []

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    # After so many seconds a rank that waits for another one ends the job.
    dist_cfg=dict(backend='nccl', timeout=1800),
)

vis_backends = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]
visualizer = dict(type='mmcls.ClsVisualizer', vis_backends=vis_backends)

log_level = 'INFO'
load_from = None
resume = False
randomness = dict(seed=0)
