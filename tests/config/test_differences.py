from manyviews.config.differences import differences_of_several


def test_every_key_that_differs_has_the_value_of_every_config():
    one = {"seed": 0, "method": {"_target_": "x.A", "width": 3}, "optimizer": {"lr": 0.1}}
    other = {"seed": 0, "method": {"_target_": "x.A", "width": 4}, "optimizer": {"lr": 0.1}}
    third = {"seed": 2, "method": None, "optimizer": {"lr": 0.1}}
    assert differences_of_several([one, other, third]) == {
        "method.width": ["3", "4", "3"],  # the third has no such key: its row is that of the node
        "seed": ["0", "0", "2"],
        "method": ["A", "A", "null"],
    }


def test_equal_configs_have_no_row():
    assert differences_of_several([{"a": [1, None]}] * 3) == {}
