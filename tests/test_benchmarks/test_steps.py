import pytest

from benchmarks.quality import report, steps
from mmdsnas.models import DifferentiableMutator


@pytest.mark.parametrize('config', steps.SUPERNETS.values())
def test_all_estimators_take_the_same_paths(config, monkeypatch):
    drawn, draw = [], DifferentiableMutator.draw_path

    def spy(*args, **kwargs):
        drawn.append(draw(*args, **kwargs))
        return drawn[-1]

    monkeypatch.setattr(DifferentiableMutator, 'draw_path', spy)
    for name in ('DSNASGradient', 'PairedGradient', 'SNASGradient'):
        step = steps.EstimatorStep(config, name)
        for index in range(3):
            step.run(index)
    assert len(drawn) == 9 and drawn[:3] == drawn[3:6] == drawn[6:]
    assert drawn[0] != drawn[1]


def test_table_by_hand():
    row = dict(milliseconds=2.0, ratio=1.0)
    text = report.steps_table(
        dict(x=dict(A=row, B={**row, 'ratio': 1.256}), y=dict(A=row, B=row))
    )
    assert text.splitlines()[2:] == ['| A | 1.00 | 1.00 |', '| B | 1.26 | 1.00 |']
