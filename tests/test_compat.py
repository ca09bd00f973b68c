import importlib
import sys
from types import ModuleType

import mmcv
import pytest

from mmdsnas.compat import (
    MMCV,
    QUANTIZATION,
    _mmcv_of_then,
    make_mmrazor_importable,
)

SENTENCE = r'quantizers are not available: .* needs torch < 2\.0'


@pytest.mark.slow
def test_import_gives_no_warning_of_ours(run_python):
    assert (
        run_python("""
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter('always')
    import mmdsnas, mmrazor.models
home = mmdsnas.__path__[0]
print([str(w.message) for w in caught
       if 'mmdsnas' in str(w.message) or w.filename.startswith(home)])
""").strip()
        == '[]'
    )


def test_quantizer_gets_a_sentence():
    from mmrazor.registry import MODELS

    assert make_mmrazor_importable()
    with pytest.raises(ImportError, match=SENTENCE):
        MODELS.build(dict(type='mmrazor.OpenVINOQuantizer', global_qconfig={}))


def test_every_use_of_a_stand_in_gets_a_sentence():
    from mmrazor.structures.quantization import BackendConfigs, QConfigHandler

    for use in (
        lambda: BackendConfigs['native'],
        lambda: BackendConfigs.get('native'),
        lambda: QConfigHandler({}),
        lambda: QConfigHandler.check_qconfig({}),
        lambda: importlib.import_module(QUANTIZATION).BackendConfig,
    ):
        with pytest.raises(ImportError, match=SENTENCE):
            use()


def test_stand_in_can_be_inspected():
    from mmrazor.structures.quantization import BackendConfigs

    assert not hasattr(BackendConfigs, '__wrapped__')
    assert repr(BackendConfigs)


def test_working_quantization_stays(run_python, tmp_path):
    package = tmp_path / 'mmrazor' / 'structures' / 'quantization'
    package.mkdir(parents=True)
    for folder in (package, package.parent, package.parent.parent):
        (folder / '__init__.py').touch()
    assert run_python(
        'import sys, mmdsnas.compat as compat\n'
        'assert not compat.make_mmrazor_importable()\n'
        'print(sys.modules[compat.QUANTIZATION].__file__)',
        tmp_path,
    ).strip() == str(package / '__init__.py')


def test_already_imported_quantization_stays(monkeypatch):
    real = ModuleType(QUANTIZATION)
    monkeypatch.setitem(sys.modules, QUANTIZATION, real)
    assert not make_mmrazor_importable()
    assert sys.modules[QUANTIZATION] is real


def test_other_failures_are_not_hidden(run_python, tmp_path):
    """A MMRazor that cannot be imported at all says so itself."""
    (tmp_path / 'mmrazor').mkdir()
    (tmp_path / 'mmrazor' / '__init__.py').write_text('import no_such_module')
    assert (
        run_python(
            'try:\n    import mmdsnas\nexcept ImportError as error:\n    print(error)',
            tmp_path,
        ).strip()
        == "No module named 'no_such_module'"
    )


@pytest.mark.slow
def test_nothing_else_is_patched(run_python):
    """Functions and classes of other packages are the same ones afterwards.

    What MMRazor itself patches (an observer of torch) does not count, nor what is
    registered where others register, too: a scheme of checkpoints.
    """
    assert run_python("""
import importlib, pkgutil, sys
import mmcls.models, mmcv, mmengine.runner, mmrazor, torch

PACKAGES = 'mmcls', 'mmcv', 'mmengine', 'mmrazor', 'torch'


def classes_and_functions():
    found = {}
    for module in list(sys.modules.values()):
        if module.__name__.split('.')[0] not in PACKAGES:
            continue
        for name, value in list(vars(module).items()):
            if not callable(value):
                continue
            found[module.__name__, name] = value
            if isinstance(value, type):
                for attribute, member in list(vars(value).items()):
                    found[module.__name__, name, attribute] = member
    return found


modules = dict(sys.modules)
before = classes_and_functions()
assert ('mmengine.runner.runner', 'Runner', 'train') in before
import mmdsnas, mmrazor.models
before = {**classes_and_functions(), **before}
for module in pkgutil.walk_packages(mmdsnas.__path__, 'mmdsnas.'):
    importlib.import_module(module.name)
after = classes_and_functions()
changed = [name for name in before if after.get(name) is not before[name]]
print([name for name in changed
       if not getattr(after.get(name), '__module__', '').startswith('mmrazor.')
       and name[-2:] != ('CheckpointLoader', '_schemes')])
print([name for name in modules if sys.modules[name] is not modules[name]])
print([name for name, module in sys.modules.items()
       if type(module).__module__ == 'mmdsnas.compat'])
""").splitlines() == ['[]', '[]', f'[{QUANTIZATION!r}]']


@pytest.mark.parametrize(
    'own, told', [('2.3.6', MMCV), ('2.1.0', MMCV), (MMCV, MMCV), ('1.7.2', '1.7.2')]
)
def test_mmcv_has_an_earlier_version_meanwhile(own, told, monkeypatch):
    """One that is too old is refused as ever."""
    monkeypatch.setattr(mmcv, '__version__', own)
    with pytest.raises(KeyError), _mmcv_of_then():
        assert mmcv.__version__ == told
        raise KeyError
    assert mmcv.__version__ == own
