from contract import overrides

from manyviews import build, config


def test_the_heads_end_without_bias_as_in_the_official_code(config_dir):
    composed, _ = config.compose("pretrain", overrides("byol"), config_dir)
    method = build.method(composed, build.data(composed))
    assert method.projector[-1].bias is None and method.predictor[-1].bias is None
