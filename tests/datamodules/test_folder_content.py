from manyviews.datamodules.folder_content import content_of


def test_a_folder_is_described_by_its_first_names(tmp_path):
    assert content_of(tmp_path) == "holds nothing"
    for name in "fedcba":
        (tmp_path / name).touch()
    assert content_of(tmp_path) == "holds a, b, c, d, e"
    assert content_of(tmp_path / "a") == "is not a folder"
    assert content_of(tmp_path / "x") == "does not exist"
