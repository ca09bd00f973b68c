from mmengine.config import Config

from mmdsnas import registry
from mmdsnas.launch.run_config import load_config
from mmdsnas.subnets import child_config, recorded_child_config, recorded_config


def test_search_and_child_record_the_same():
    """A search of the digits, and the training of a child of it."""
    search = child_config(load_config('dsnas_supernet_1xb64_digits'))
    # Only what has lazy modules needs the shape, and says it.
    shape = {'model.input_shape': (1, 3, 64, 64)}
    child = child_config(load_config('dsnas_subnet_1xb64_digits', shape))
    assert search == child
    assert search['model']['cfg']['head']['num_classes'] == 10
    assert search['test_dataloader']['dataset']['pipeline'][0]['scale'] == (64, 64)
    assert search['data_preprocessor']['mean'] == [77.9] * 3


def test_a_size_that_was_chosen():
    """Of images, as the child has them in a test; the config stays."""
    transforms = [
        dict(type='ResizeEdge', scale=72),
        dict(type='CenterCrop', crop_size=64),
    ]
    estimator = dict(input_shape=(1, 3, 64, 64))
    config = Config(
        dict(
            model=dict(architecture=dict(type='x'), resource_estimator=estimator),
            val_dataloader=dict(dataset=dict(pipeline=transforms)),
        )
    )
    before = config.to_dict()
    for size, edge in ((None, 64), (64, 64), (48, 48)):
        recorded = child_config(config, size)
        pipeline = recorded['test_dataloader']['dataset']['pipeline']
        assert pipeline[:2] == transforms
        assert [t['scale'] for t in pipeline[2:]] == [(48, 48)] * (edge == 48)
        assert tuple(recorded['model']['input_shape']) == (1, 3, edge, edge)
        found = recorded_child_config(dict(meta=dict(child_config=recorded)), True)
        assert found.to_dict() == recorded
    assert config.to_dict() == before


def test_memory_layout_and_own_preprocessor_are_kept():
    model = dict(
        architecture=dict(type='x'),
        channels_last=True,
        data_preprocessor=dict(mean=[1]),
    )
    config = Config(dict(model=model, data_preprocessor=dict(mean=[2])))
    recorded = child_config(config)
    assert recorded['model']['channels_last'] is True
    assert recorded['data_preprocessor'] == dict(mean=[1])
    assert recorded['test_dataloader']['dataset']['pipeline'] == []


def test_other_models_have_none():
    assert child_config(Config(dict(model=dict(type='ImageClassifier')))) is None
    assert recorded_child_config(dict(meta={})) is None


def test_initial_weights_are_not_recorded():
    """Those of the child are in its file; the others may lie anywhere."""
    drawn = [dict(type='Kaiming', layer='Conv2d')]
    read = dict(type='Pretrained', checkpoint='x.pth')
    architecture = dict(
        type='ImageClassifier',
        pretrained='x.pth',
        backbone=dict(init_cfg=read),
        neck=dict(init_cfg=[read]),
        head=dict(init_cfg=drawn),
    )
    config = Config(dict(model=dict(architecture=architecture)))
    kept = dict(type='ImageClassifier', backbone={}, neck={}, head=dict(init_cfg=drawn))
    assert child_config(config)['model']['cfg'] == kept


def test_an_elastic_network_is_recorded_without_its_package():
    """A child of it is built where its pretrained weights are not."""
    weights = dict(type='Pretrained', checkpoint='package://nowhere')
    inner = dict(type='EfficientNetLite', arch='lite1', init_cfg=weights)
    model = dict(
        type='mmcls.ImageClassifier',
        backbone=dict(type='elastic_blocks', backbone=inner, expansions=[3]),
    )
    recorded = child_config(Config(dict(model=dict(architecture=model))))
    found = recorded_child_config(dict(meta=dict(child_config=recorded)))
    backbone = found.model.cfg.backbone
    assert backbone.backbone == dict(type='EfficientNetLite', arch='lite1')
    assert backbone.type == 'elastic_blocks' and backbone.expansions == [3]


def test_layers_of_all_packages_may_be_recorded():
    """And nothing of theirs that reads files while it is built."""
    model = dict(
        type='mmcls.ImageClassifier',
        backbone=dict(type='mmrazor.SearchableShuffleNetV2', norm_cfg=dict(type='BN')),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(type='LinearClsHead', loss=dict(type='CrossEntropyLoss')),
        init_cfg=dict(type='Kaiming', layer='Conv2d'),
        train_cfg=dict(act_cfg=[dict(type='ReLU'), dict(type='mmcls.LN2d')]),
    )
    pipeline = [
        dict(type='LoadImageFromFile', file_client_args=dict(backend='disk')),
        dict(type='mmcls.CenterCrop', crop_size=3),
        dict(type='mmdsnas.LoadResizeEdge', scale=3),
        dict(type='mmdsnas.LoadKeptImage', short_edge=3, memory=0),
        dict(type='PackClsInputs'),
    ]
    config = Config(
        dict(
            model=dict(architecture=model),
            data_preprocessor=dict(type='ClsDataPreprocessor'),
            test_dataloader=dict(dataset=dict(pipeline=pipeline)),
        )
    )
    recorded = child_config(config)
    found = recorded_child_config(dict(meta=dict(child_config=recorded)))
    assert found.to_dict() == recorded


def test_all_layers_and_transforms_of_our_own_may_be_recorded():
    """Wherever a module moves to, what a child is built from stays allowed."""
    not_layers = {'DSNAS', 'DifferentiableMutator', 'sub_model'}
    for kind in (registry.MODELS, registry.TRANSFORMS):
        kind.import_from_location()
        own = {n: c for n, c in kind.module_dict.items() if n not in not_layers}
        assert own and all(map(recorded_config._is_layer, own.values())), own
