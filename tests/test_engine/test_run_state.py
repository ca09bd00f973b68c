import torch
from mmengine.optim import CosineAnnealingLR, LinearLR, OptimWrapper

from mmdsnas.engine.hooks.checkpoint.run_state import rescale_progress

EPOCHS = 8


def schedule(length):
    """A warm-up and a cosine, by iteration, that end before the run does."""
    weight = torch.nn.Parameter(torch.zeros(()))
    wrapper = OptimWrapper(torch.optim.SGD([weight], lr=1.0))
    kwargs = dict(by_epoch=True, epoch_length=length)
    schedulers = [
        LinearLR.build_iter_from_epoch(
            wrapper, start_factor=0.1, begin=0, end=2, **kwargs
        ),
        CosineAnnealingLR.build_iter_from_epoch(
            wrapper, begin=2, end=6, T_max=4, **kwargs
        ),
    ]
    return wrapper, schedulers


def rates(wrapper, schedulers, steps):
    """Learning rates of so many iterations."""
    found = []
    for _ in range(steps):
        found.append(wrapper.param_groups[0]['lr'])
        wrapper.optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    return found


def test_schedules_go_on_at_the_same_epoch():
    """In the warm-up, in the cosine and after it; epochs of 30 and then 10."""
    expected = rates(*schedule(10), EPOCHS * 10)
    for epoch in (1, 2, 3, 7):
        wrapper, schedulers = schedule(30)
        rates(wrapper, schedulers, epoch * 30)
        checkpoint = dict(
            meta=dict(epoch=epoch, iter=epoch * 30),
            param_schedulers=dict(
                architecture=[s.state_dict() for s in schedulers], mutator=[]
            ),
        )
        rescale_progress(checkpoint, 10)
        assert checkpoint['meta'] == dict(epoch=epoch, iter=epoch * 10)
        other, resumed = schedule(10)
        other.load_state_dict(wrapper.state_dict())
        for scheduler, state in zip(
            resumed, checkpoint['param_schedulers']['architecture'], strict=True
        ):
            scheduler.load_state_dict(state)
        found = rates(other, resumed, (EPOCHS - epoch) * 10)
        for lr, plain in zip(found, expected[epoch * 10 :], strict=True):
            assert abs(lr - plain) < 0.06, epoch


def test_what_counts_epochs_stays():
    state = dict(by_epoch=True, last_step=3, T_max=7)
    checkpoint = dict(meta=dict(epoch=1, iter=4), param_schedulers=[dict(state)])
    rescale_progress(checkpoint, 8)
    assert checkpoint['param_schedulers'] == [state]
