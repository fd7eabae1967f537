import torch

from manyviews.backbones.resnet1d import ResNet1d


def count(channels):
    """Return the number of weights and biases by the paper's table (kernels 8, 5, 3)."""

    def stage(inner, outer):
        convs = inner * outer * 8 + outer * outer * 5 + outer * outer * 3
        skip = 0 if inner == outer else inner * outer
        return convs + skip + 4 * 2 * outer  # four batch norms

    return stage(channels, 64) + stage(64, 128) + stage(128, 128)


def test_parameters_are_those_of_the_paper():
    for channels in (1, 6):
        assert sum(p.numel() for p in ResNet1d(channels).parameters()) == count(channels)


def test_a_feature_sees_the_steps_of_nine_kernels():
    net = ResNet1d(1).double().eval()
    with torch.no_grad():
        for p in net.parameters():
            p.abs_()
    series = torch.ones(1, 1, 101, dtype=torch.float64, requires_grad=True)
    net.feature_maps(series)[-1][0, :, 50].sum().backward()
    assert int((series.grad != 0).sum()) == 1 + 3 * (7 + 4 + 2)
