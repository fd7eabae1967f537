import pytest

from manyviews.datamodules.places import place_of
from manyviews.errors import ConfigError


@pytest.mark.parametrize("folder", [".", "har"])
def test_files_lie_in_the_folder_or_in_one_of_the_data_sets_name(tmp_path, folder):
    (tmp_path / folder / "RawData").mkdir(parents=True)
    (tmp_path / folder / "RawData" / "labels.txt").touch()
    assert place_of("har", str(tmp_path), "RawData/*.txt", "") == tmp_path / folder


def test_both_places_are_named_if_neither_has_files(tmp_path):
    (tmp_path / "har").mkdir()
    (tmp_path / "photos").mkdir()
    said = r"no \*.dat of har: .* holds har, photos and .*har holds nothing; fetch it"
    with pytest.raises(ConfigError, match=said):
        place_of("har", str(tmp_path), "*.dat", "fetch it")


def test_three_data_sets_share_one_folder(tmp_path):
    for name, file in (("har", "RawData/a.txt"), ("ppg", "S2/S2.pkl"), ("ecg", "1.dat")):
        (tmp_path / name / file).parent.mkdir(parents=True)
        (tmp_path / name / file).touch()
    for name, pattern in (("har", "RawData/*.txt"), ("ppg", "S*/S*.pkl"), ("ecg", "*.dat")):
        assert place_of(name, str(tmp_path), pattern, "") == tmp_path / name
