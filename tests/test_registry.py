import warnings

import pytest
from mmengine import registry as root
from mmengine.config import Config
from mmengine.registry import DefaultScope, Registry

import mmdsnas.registry
from mmdsnas.launch.building import build_model
from mmdsnas.launch.run_config import load_config
from mmdsnas.models import DSNAS
from mmdsnas.registry import MODELS, SCOPE, TRANSFORMS
from mmdsnas.utils.data_sets import loaders, pipeline_of
from mmdsnas.utils.paths import find_config
from tests.test_fuzz.nonsense import small_search

ROOTS = {
    name: value for name, value in vars(root).items() if isinstance(value, Registry)
}


@pytest.mark.parametrize('name', ROOTS)
def test_every_root_has_a_child(name):
    child = ROOTS[name].children[SCOPE]
    assert child is getattr(mmdsnas.registry, name)
    assert child.parent is ROOTS[name]
    child.import_from_location()  # fails where a location does not exist


@pytest.mark.parametrize('name', ROOTS)
def test_default_scope_is_found(name):
    with DefaultScope.overwrite_default_scope(SCOPE), warnings.catch_warnings():
        warnings.simplefilter('error')
        with ROOTS[name].switch_scope_and_registry(None) as registry:
            assert registry is ROOTS[name].children[SCOPE]


@pytest.mark.slow
@pytest.mark.parametrize(
    'code',
    [
        *(
            f"from {package}.registry import MODELS; c = MODELS.get('mmdsnas.DSNAS')"
            for package in ('mmengine', 'mmcls')
        ),
        'from mmengine.registry import MODELS, init_default_scope\n'
        "init_default_scope('mmdsnas')\n"
        'with MODELS.switch_scope_and_registry(None) as registry:\n'
        "    c = registry.get('DSNAS')",
    ],
)
def test_names_need_no_import_of_ours(run_python, code):
    said = run_python(f"{code}\nprint(c.__module__.split('.')[0])")
    assert said.split()[-1] == SCOPE


@pytest.mark.parametrize(
    'registry, name, package',
    [
        (TRANSFORMS, 'RandomErasing', 'mmcls'),
        (MODELS, 'LabelSmoothLoss', 'mmcls'),
        (MODELS, 'ShuffleXception', 'mmrazor'),
        (MODELS, 'BN', 'torch'),
        (MODELS, 'OneHotMutableOP', 'mmdsnas'),
    ],
)
@pytest.mark.parametrize('scope', [SCOPE, 'mmcls', 'mmrazor', 'mmengine'])
def test_plain_names_are_found_whatever_the_scope(registry, name, package, scope):
    with DefaultScope.overwrite_default_scope(scope):
        with registry.switch_scope_and_registry(None) as scoped:
            found = scoped.get(name)
    # Ours goes first: MMRazor has a class of the same name.
    assert found.__module__.split('.')[0] == package
    assert scope == SCOPE or SCOPE not in scoped.root.children[SCOPE].children


def test_names_that_nobody_registers_are_not_found():
    for scope in (SCOPE, 'mmcls'):
        with DefaultScope.overwrite_default_scope(scope):
            with MODELS.switch_scope_and_registry(None) as scoped:
                assert scoped.get('NoSuchLayer') is None


@pytest.mark.parametrize('scope', [SCOPE, 'mmcls', 'mmrazor'])
@pytest.mark.parametrize(
    'name, inner',
    [
        ('RandAugment', dict(policies='timm_increasing', num_policies=2)),
        ('AutoAugment', dict(policies='imagenet')),
    ],
)
def test_transforms_of_mmcls_build_theirs(scope, name, inner):
    levels = dict(total_level=10, magnitude_level=9) if 'num_policies' in inner else {}
    with DefaultScope.overwrite_default_scope(scope):
        assert TRANSFORMS.build(dict(type=f'mmcls.{name}', **inner, **levels))


@pytest.mark.parametrize('scope', [SCOPE, 'mmcls', 'mmrazor'])
def test_parts_of_ours_need_no_prefix_whatever_the_scope(scope):
    config = small_search()
    config = dict(default_scope=scope, model=config['model'])
    model = config['model']
    model['type'] = 'mmdsnas.DSNAS'
    model['architecture']['type'] = 'ImageClassifier'
    model['architecture']['head'] = dict(
        type='mmcls.LinearClsHead', num_classes=3, in_channels=32
    )
    backbone = model['architecture']['backbone']
    backbone['candidates']['ShuffleXception'] = dict(type='ShuffleXception')
    built = build_model(Config(config))
    assert isinstance(built, DSNAS)
    assert type(built.architecture).__module__.startswith('mmcls.')


def plain(value):
    """A config whose names of mmcls and MMRazor have no prefix."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(plain, value))
    if isinstance(value, str):
        return value.removeprefix('mmcls.').removeprefix('mmrazor.')
    return value


@pytest.mark.slow
@pytest.mark.parametrize(
    'name', ['dsnas_supernet_1xb64_folder', 'dsnas_supernet_8xb128_in1k']
)
def test_starting_configs_need_no_prefixes(name):
    given = Config.fromfile(str(find_config(name))).to_dict()
    assert plain(given) != given
    config = load_config(Config(plain(given)), num_classes=3, input_size=64)
    build_model(config)
    for loader in loaders(config).values():
        for transform in pipeline_of(loader):
            TRANSFORMS.build(transform)
