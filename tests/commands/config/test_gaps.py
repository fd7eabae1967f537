"""A composition in which keys that a user has to give may be missing."""

import pytest

from manyviews.commands.config import gaps
from manyviews.errors import ConfigError


def test_a_missing_text_does_not_hide_the_other_keys():
    composed, choices = gaps.compose(["data=folder", "epochs=3"])
    assert composed["data"]["path"] == "VALUE" and composed["epochs"] == 3
    assert choices["data"] == "folder"


def test_a_value_that_is_given_stays():
    assert gaps.compose(["data=folder", "data.path=x"])[0]["data"]["path"] == "x"


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["data=foldr"], "unknown data 'foldr': did you mean 'folder'?"),
        (["data=folder", "epoch=3"], "unknown key 'epoch'"),
        (["epochs=many"], "epochs='many'"),
        (["epochs=???"], "epochs is missing; type epochs=VALUE"),
    ],
)
def test_any_other_mistake_is_told_as_ever(overrides, said):
    with pytest.raises(ConfigError) as error:
        gaps.compose(overrides)
    assert said in str(error.value)
