import json
from pathlib import Path

import pytest
from defects import HOSTILE, clean, plant
from small_data import stripes

from manyviews import config
from manyviews.commands.doctor import examine
from manyviews.errors import ConfigError

FOLDER = ["data=folder", "data.path=photos", "backbone=resnet_tiny", "trainer.accelerator=cpu"]


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    """No worker processes, and nothing in the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("manyviews.commands.doctor.throughput.cores", lambda: 0)
    monkeypatch.setattr(examine, "SECONDS", 0.01)


def diagnosis(*overrides):
    return examine.diagnosis(config.compose("doctor", [*FOLDER, *overrides])[0])


def names(found):
    return {issue.kind: [case.names for case in issue.cases] for issue in found.issues}


def test_every_planted_defect_is_found_and_nothing_else():
    plant(clean(Path("photos")))
    found = names(diagnosis())
    unreadable = [name for (name,) in found.pop("unreadable")]
    c = ("bomb.pbm", "cut.jpg", "dot.png", "empty.png", "link.png", "text.png", HOSTILE)
    assert sorted(unreadable) == sorted(f"train/c/{name}" for name in c)
    assert found == {
        "no_images": [["train/d/notes.txt"]],
        "outside": [["lost.png"]],
        "empty_folders": [["train/void"]],
        "exact_duplicates": [
            ["train/c/02.png", "train/c/copy.png"],
            ["train/c/04.png", "test/c/leak.png"],
            ["train/c/08.png", "train/d/other.png"],
        ],
        "near_duplicates": [["train/c/06.png", "test/c/again.jpg"]],
        "exact_leaks": [["train/c/04.png", "test/c/leak.png"]],
        "near_leaks": [["train/c/06.png", "test/c/again.jpg"]],
        "label_conflicts": [["train/c/08.png", "train/d/other.png"]],
        "blank": [["train/d/blank.png"]],
    }


def test_a_clean_folder_has_no_finding():
    clean(Path("photos"))
    found = diagnosis()
    assert found.issues == []
    assert [line.name for line in found.summary] == [
        "images", "classes", "sizes", "colours", "statistics", "memory", "speed"
    ]  # fmt: skip
    assert found.summary[-1].values["recommended_workers"] is None  # all lie in memory
    assert examine.examine(FOLDER).startswith("'photos': 0 findings\n")


def test_no_name_breaks_a_line_and_every_reason_is_told():
    plant(clean(Path("photos")))
    lines = examine.examine(FOLDER).splitlines()
    (start,) = [i for i, line in enumerate(lines) if line.startswith("unreadable: 7 files")]
    assert lines[start + 1].startswith(r"    'train/c/<b>hostile\n.png': not an image")
    assert lines[start + 2].startswith("    'train/c/bomb.pbm': 200000000 pixels")
    assert lines[start + 4] == "    and 4 more"


def test_the_file_holds_all_cases_in_full():
    plant(clean(Path("photos")))
    examine.examine([*FOLDER, "file=doctor.json"])
    record = json.loads(Path("doctor.json").read_text())
    unreadable = record["findings"][0]
    assert unreadable["affected"] == 7 and len(unreadable["named"]) == 7
    assert unreadable["named"][0]["names"] == [f"train/c/{HOSTILE}"]
    assert record["figures"]["images"]["train"] == 32 + 3
    assert record["figures"]["speed"]["recommended_workers"] == 0  # the only number tried here


def test_a_folder_that_cannot_train_is_examined_all_the_same():
    clean(Path("photos"))
    Path("photos/test/d").rename("photos/test/eel")
    found = diagnosis()
    assert "class 'eel' is in the test split only" in found.issues[0].text
    assert names(found)["classes_not_in_train"] == [["eel"]]
    for path in Path("photos/test").rglob("*.png"):
        path.write_text("no image")
    found = diagnosis()
    assert found.issues[0].kind == "unusable" and found.issues[1].affected == 8
    assert found.summary[0].values == {"train": 32, "test": 0}


def test_a_folder_without_one_usable_image_is_told():
    for path in clean(Path("photos")).rglob("*.png"):
        path.write_text("no image")
    found = diagnosis()
    assert [f.kind for f in found.issues][:2] == ["unusable", "unreadable"]
    assert found.summary == []


def test_images_in_memory_are_named_by_their_places(config_dir, monkeypatch):
    made = stripes(channels=3)
    composed, _ = config.compose("doctor", ["data=stripes", *FOLDER[2:]], config_dir)
    made.train.image[9] = made.train.image[3] = made.test.image[4]
    made.train.label[3] = 1 - made.train.label[9]
    monkeypatch.setattr("small_data.stripes", given := lambda **_: made)
    monkeypatch.setattr(given, "__module__", "small_data")  # that of a trusted package
    found = names(examine.diagnosis(composed))
    assert found["exact_leaks"] == [["train[3]", "train[9]", "test[4]"]]
    assert found["label_conflicts"] == [["train[3]", "train[9]", "test[4]"]]


def test_a_file_that_cannot_be_written_is_one_line():
    clean(Path("photos"))
    with pytest.raises(ConfigError, match="file=no/x.json cannot be written"):
        examine.examine([*FOLDER, "file=no/x.json"])
