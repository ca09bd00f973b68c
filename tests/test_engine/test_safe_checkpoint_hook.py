import torch
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.optim import OneCycleLR

from mmdsnas.engine import SafeCheckpointHook


def test_message_hub_survives_safe_loading(tmp_path):
    hub = MessageHub('before')
    for value in (1.0, 2.5):
        hub.update_scalar('train/loss', value, count=2)
    hub.update_info('epoch', 3)
    hub.update_info('metainfo', dict(classes=('a', 'b')))
    checkpoint = dict(message_hub=hub.state_dict(), meta=dict(seed=1), state_dict={})

    hook = SafeCheckpointHook()
    hook.before_save_checkpoint(None, checkpoint)
    torch.save(checkpoint, tmp_path / 'c.pth')
    loaded = torch.load(tmp_path / 'c.pth', weights_only=True)
    hook.after_load_checkpoint(None, loaded)

    other = MessageHub('after')
    other.load_state_dict(loaded['message_hub'])
    history = other.get_scalar('train/loss')
    assert isinstance(history, HistoryBuffer)
    for ours, theirs in zip(history.data, hub.get_scalar('train/loss').data):
        assert ours.tolist() == theirs.tolist()
    history.update(3.0)
    assert history.current() == 3.0
    assert other.get_info('epoch') == 3
    assert other.get_info('metainfo') == dict(classes=('a', 'b'))


def test_checkpoint_without_a_message_hub_is_left_alone():
    checkpoint = dict(state_dict={})
    SafeCheckpointHook().after_load_checkpoint(None, checkpoint)
    assert checkpoint == dict(state_dict={})


def test_schedules_have_no_functions(tmp_path):
    """OneCycleLR keeps one, which its config gives it anew."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule = OneCycleLR(optimizer, eta_max=1.0, total_steps=9, by_epoch=False)
    optimizer.step()
    schedule.step()
    states = dict(architecture=[schedule.state_dict()], mutator=[])
    checkpoint = dict(message_hub=MessageHub('x').state_dict(), meta={})
    checkpoint['param_schedulers'] = states
    SafeCheckpointHook().before_save_checkpoint(None, checkpoint)
    torch.save(checkpoint, tmp_path / 'c.pth')
    loaded = torch.load(tmp_path / 'c.pth', weights_only=True)['param_schedulers']
    assert loaded['mutator'] == [] and len(loaded['architecture']) == 1
    other = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    resumed = OneCycleLR(other, eta_max=1.0, total_steps=9, by_epoch=False)
    resumed.load_state_dict(loaded['architecture'][0])
    other.load_state_dict(optimizer.state_dict())
    for _ in range(4):
        for part in (optimizer, schedule, other, resumed):
            part.step()
        assert optimizer.param_groups[0]['lr'] == other.param_groups[0]['lr']
