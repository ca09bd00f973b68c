"""The order in which mmengine calls the hooks of a run, smallest number first.

Hooks of one number do not depend on each other. mmengine's own have theirs in mmengine.
"""

PRIORITY = {
    # Before anything trains: network and data fit each other.
    'DataCheckHook': 0,
    # Before anything chooses a child.
    'KeepSupernetHook': 0,
    # Before SearchStageHook, which looks at the child.
    'HandMadeChildHook': 1,
    # Before SelectChildHook, which chooses by alpha.
    'ChooseChildHook': 1,
    # Before SearchStageHook, which fixes what is left.
    'SelectChildHook': 5,
    'CompareChildHook': 5,
    'RuntimeInfoHook': 10,
    # Gone before another hook prints its results at the end.
    'ProgressBarHook': 10,
    # Before whatever draws random numbers in an epoch.
    'ExactResumeHook': 10,
    # Before whatever looks at the model in an epoch or iteration.
    'SearchStageHook': 10,
    # Before EMAHook, which copies what is loaded.
    'LoadFromHook': 30,
    # After SearchStageHook, which enters the stage.
    'ResetBNStatsHook': 30,
    # Before EMAHook, whose average would take spoilt statistics in.
    'NonFiniteHook': 40,
    # While the weights and statistics of a validation are in the model.
    'ExportChildHook': 40,
    # Puts the statistics of the training back: after ExportChildHook.
    'RecalibrateBNHook': 45,
    # With the supernet's statistics, and the weights of the validation.
    'SampledPathValHook': 47,
    # Puts the weights of the training back after a validation.
    'EMAHook': 50,
    'IterTimerHook': 50,
    'DistSamplerSeedHook': 50,
    # After SearchStageHook, which tells the stage.
    'HeldOutBatchHook': 50,
    # Before CheckpointHook saves; the validation comes later.
    'AverageBNStatsHook': 50,
    'RankAgreementHook': 50,
    # Before LoggerHook, which writes the values down.
    'SearchLogHook': 50,
    'LoggerHook': 60,
    'ParamSchedulerHook': 70,
    # After EMAHook, whose averages are what is saved.
    'RecordSubnetHook': 70,
    'CheckpointHook': 90,
    'AtomicCheckpointHook': 90,
    # After the hooks that add to a checkpoint.
    'SafeCheckpointHook': 90,
    # After LoggerHook and what else leaves something to report.
    'ReportHook': 90,
    # After all lines that hooks log before the training.
    'SearchPlanHook': 99,
    # Validates once all other hooks are ready for the training.
    'ResumeValidationHook': 100,
}
