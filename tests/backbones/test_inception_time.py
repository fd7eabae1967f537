import torch

from manyviews.backbones.inception_time import InceptionTime


def count(channels):
    """Return the number of parameters in the paper: 6 modules of 4 x 32 filters, 2 shortcuts."""

    def module(inner):
        bottleneck = inner * 32 if inner > 1 else 0
        narrow = 32 if inner > 1 else 1
        return bottleneck + narrow * 32 * (40 + 20 + 10) + inner * 32 + 2 * 128

    shortcuts = (channels + 128) * 128 + 2 * 2 * 128
    return module(channels) + 5 * module(128) + shortcuts


def test_parameters_are_those_of_the_paper():
    for channels in (1, 6):
        assert sum(p.numel() for p in InceptionTime(channels).parameters()) == count(channels)


def test_a_feature_sees_the_steps_of_six_long_kernels():
    net = InceptionTime(1).double().eval()
    with torch.no_grad():
        for p in net.parameters():
            p.abs_()
    series = torch.ones(1, 1, 301, dtype=torch.float64, requires_grad=True)
    net.feature_maps(series)[-1][0, :, 150].sum().backward()
    assert int((series.grad != 0).sum()) == 1 + 6 * 39
