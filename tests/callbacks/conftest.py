import pytest

from manyviews import build, config


@pytest.fixture
def fit(small, config_dir):
    """Train eight steps in two epochs with the given callbacks alone; the trainer."""

    def fit(*callbacks, more=(), base=small):
        composed, _ = config.compose("pretrain", [*base, *more], config_dir)
        data = build.data(composed)
        trainer = build.trainer(composed, list(callbacks))
        trainer.fit(build.method(composed, data), datamodule=data)
        return trainer

    return fit
