import pytest
import torch
from networks import network, subject
from torch.nn import functional as F

from manyviews.errors import ConfigError
from manyviews.evaluation.distortions import rotation
from manyviews.evaluation.protocols.invariance import Invariance
from manyviews.evaluation.suite import score
from manyviews.panels import Plot

NONE = {"shift": [], "rotation": [], "scale": [], "blur": [], "noise": []}


def of(found):
    return {scalar.name: scalar for scalar in found}


def without_labels(features):
    return features._replace(label=torch.full_like(features.label, -1))


def test_strength_zero_keeps_everything_and_the_headline_is_the_mean_of_the_others(config_dir):
    one = subject(network(config_dir))
    found = of(Invariance(1, **{**NONE, "shift": [0, 0.1, 0.4], "noise": [0, 0.5]})(one))
    assert [*found] == ["cosine_shift", "agreement_shift", "cosine_noise", "agreement_noise"]
    for scalar in found.values():
        values = scalar.details["values"]
        assert values[0] == pytest.approx(1, abs=1e-12)
        assert scalar.value == pytest.approx(sum(values[1:]) / len(values[1:]))
        assert scalar.details["n"] == 32
    assert (found["cosine_noise"].value or 1) < 0.99


def test_a_cosine_is_that_of_the_distorted_pixels(config_dir):
    given = network(config_dir)
    backbone, data = given.build(), given.data
    for name, value in backbone.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.constant_(value, 0.5)  # without them, a factor would go unseen
    one = subject(given._replace(build=lambda: backbone))
    (found, _) = Invariance(1, **{**NONE, "rotation": [30]})(one)
    pixels = data.splits.test.sample(torch.arange(32)).input.float() / 255
    turned = (rotation(pixels, torch.arange(32), 30) - 0.5) / 0.25  # statistics of `stripes`
    with torch.no_grad():
        expected = F.cosine_similarity(one.test.embedding, backbone(turned)).mean()
    assert found.value == pytest.approx(expected.item(), abs=1e-5)


def test_agreement_is_that_of_the_vote_and_constant_features_agree_always(config_dir):
    one = network(config_dir)
    collapsed = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 3))
    torch.nn.init.zeros_(collapsed[1].weight)
    strong = {**NONE, "noise": [3.0 / 3], "rotation": [90]}
    flat = of(Invariance(1, **strong)(subject(one._replace(build=lambda: collapsed.eval()))))
    assert flat["agreement_noise"].value == 1 and flat["cosine_rotation"].value == pytest.approx(1)
    torch.manual_seed(0)
    pixels = torch.nn.Flatten()  # a quarter turn of stripes is the other class
    turned = of(Invariance(1, **strong)(subject(one._replace(build=lambda: pixels.eval()))))
    assert turned["agreement_rotation"].details["values"][0] < 0.3


def test_without_labels_there_are_cosines_only(config_dir):
    one = subject(network(config_dir))
    one = one._replace(train=without_labels(one.train), test=without_labels(one.test))
    assert [*of(Invariance(1, **{**NONE, "blur": [0.1]})(one))] == ["cosine_blur"]


def test_a_report_shows_trained_and_random_in_one_plot(config_dir):
    one = subject(network(config_dir))
    protocol = Invariance(1, **{**NONE, "scale": [0, 0.5]}, items=10)
    subjects = {"trained": one, "random": one, "raw": one._replace(network=None)}
    found = score(subjects, {"invariance@1": protocol})
    assert not found.rows["failed"]
    (panel,) = found.panels
    cosine, agreement = panel.blocks
    assert isinstance(cosine, Plot) and isinstance(agreement, Plot)
    assert [line.name for line in cosine.lines] == ["trained", "random initialisation"]
    assert cosine.lines[0].x == [0, 0.5] and "10 test images" in panel.text
    assert agreement.title == "scale: same vote of the neighbours"


def test_series_and_senseless_strengths_are_refused_in_one_line(config_dir):
    series = network(config_dir, "data=waves", "views=series", "backbone=tcn")
    with pytest.raises(ConfigError, match="these data are time series"):
        Invariance(1, **{**NONE, "shift": [0.1]})(subject(series))
    with pytest.raises(ConfigError, match=r"invariance shift=\[0\]; allowed: \[\], or one other"):
        Invariance(1, **{**NONE, "shift": [0]})
    with pytest.raises(ConfigError, match="a list, each 0 to 1"):
        Invariance(1, **{**NONE, "blur": [2.0]})
