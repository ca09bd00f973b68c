import warnings

import pytest
from mmengine import registry as root
from mmengine.registry import DefaultScope, Registry

import mmdsnas.registry
from mmdsnas.registry import SCOPE

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


@pytest.mark.parametrize('package', ['mmengine', 'mmcls'])
def test_prefixed_name_needs_no_import_of_ours(run_python, package):
    assert (
        run_python(f"""
import sys
from {package}.registry import MODELS
assert 'mmdsnas' not in sys.modules
print(MODELS.get('mmdsnas.DSNAS').__module__.split('.')[0])
""")
        .strip()
        .splitlines()[-1]
        == SCOPE
    )


def test_default_scope_needs_no_import_of_ours(run_python):
    assert (
        run_python("""
from mmengine.registry import MODELS, init_default_scope
init_default_scope('mmdsnas')
with MODELS.switch_scope_and_registry(None) as registry:
    print(registry.get('DSNAS').__module__.split('.')[0])
""")
        .strip()
        .splitlines()[-1]
        == SCOPE
    )
