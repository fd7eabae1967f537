import numpy as np
import pytest
import torch
from defects import picture

from manyviews.commands.doctor import issues, summary
from manyviews.commands.doctor.issues import Case, ScannedImages
from manyviews.datamodules.images.decode import to_tensor
from manyviews.datamodules.images.scan import scan_in_memory


def scanned(images, test=None, label=None, classes=("cat", "dog")):
    count = len(images)
    return ScannedImages(
        [f"{i}.png" for i in range(count)],
        scan_in_memory(images, 1),
        np.zeros(count, bool) if test is None else np.array(test, bool),
        np.zeros(count, int) if label is None else np.array(label),
        classes,
    )


def pictures(count):
    return [to_tensor(picture(i, side=24)) for i in range(count)]


def found(made):
    return {f.kind: f for f in made if f.affected}


def test_copies_within_a_split_are_no_leak():
    images = pictures(4)
    made = scanned([*images, images[2], images[3]], test=[0, 0, 0, 1, 0, 1])
    kinds = found(issues.of_duplicates(made))
    assert kinds.keys() == {"exact_duplicates"}
    assert kinds["exact_duplicates"].cases[0].names == ["2.png", "4.png"]


def test_a_test_image_that_is_copied_and_also_resembled_counts_as_an_exact_leak_only():
    images = pictures(3)
    resembled = images[0].clone()
    resembled[0, 0, 0] ^= 1
    made = scanned([*images, resembled, images[0]], test=[0, 0, 0, 0, 1])
    kinds = found(issues.of_duplicates(made))
    assert kinds["exact_leaks"].cases[0].names == ["0.png", "4.png"]
    assert kinds["near_duplicates"].cases[0].names == ["0.png", "3.png", "4.png"]
    assert "near_leaks" not in kinds and "label_conflicts" not in kinds


def test_an_unknown_class_is_no_conflict():
    images = pictures(2)
    twice = [*images, *images]
    assert "label_conflicts" not in found(issues.of_duplicates(scanned(twice, label=[0, 1, -1, 1])))
    conflict = found(issues.of_duplicates(scanned(twice, label=[0, 1, 1, 1])))["label_conflicts"]
    assert conflict.cases == [Case(["0.png", "2.png"], "'cat' / 'dog'")]


def test_even_images_are_blank_and_not_near_duplicates_of_each_other():
    even = [torch.full((3, 24, 24), value, dtype=torch.uint8) for value in (7, 8, 250)]
    for image in even[:2]:
        image[:, :, 8:] += 1  # hardly an edge, at the same place
    made = scanned([*pictures(2), *even])
    assert not found(issues.of_duplicates(made))
    assert [n.names for n in found(issues.of_blank_images(made))["blank"].cases] == [
        ["2.png"],
        ["3.png"],
        ["4.png"],
    ]


def test_colours_of_one_brightness_are_not_blank():
    flag = torch.zeros(3, 24, 24, dtype=torch.uint8)
    flag[0, :, :12], flag[1, :, 12:] = 200, 102  # both are 60 in grey
    assert flag.double().mul(torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(0).std() < 0.1
    assert not found(issues.of_blank_images(scanned([flag])))


def test_classes_that_a_split_lacks_or_hardly_has_are_named():
    label, test = [0] * 12 + [1, 0, 2, -1], [0] * 13 + [1, 1, 0]
    made = scanned(pictures(16), test, label, ("cat", "dog", "eel"))
    kinds = found(issues.of_classes(made))
    assert {kind: [n.names[0] for n in f.cases] for kind, f in kinds.items()} == {
        "classes_not_in_train": ["eel"],
        "classes_of_one_image": ["dog"],
        "classes_not_in_test": ["dog"],
        "imbalance": ["dog", "cat"],
        "no_class": ["15.png"],
    }
    assert "12 times" in kinds["imbalance"].text


def test_a_set_without_any_class_has_nothing_to_find_there():
    assert not found(issues.of_classes(scanned(pictures(3), label=[-1] * 3, classes=())))


def test_figures_are_those_of_the_images():
    grey = to_tensor(picture(5, side=24).convert("L"))
    wide = to_tensor(picture(6).resize((48, 12)))
    made = scanned(
        [*pictures(3), grey, grey.expand(3, -1, -1), wide], [0] * 5 + [1], [0, 0, 1, 1, 1, -1]
    )
    lines = {line.name: line for line in summary.of_images(made)}
    assert lines["images"].text == "5 train, 1 test"
    assert lines["classes"].values["train"] == {"cat": 2, "dog": 3}
    assert lines["classes"].values["without_class"] == pytest.approx(1 / 6)
    assert lines["sizes"].values["histogram"] == {"24x24": 5, "48x12": 1}
    assert lines["sizes"].values["widest"] == {"name": "5.png", "width_by_height": 4}
    assert lines["colours"].text == "5 in colour, 1 grey; 1 of those in colour show none"
    pixels = torch.stack([i.expand(3, -1, -1) for i in [*pictures(3), grey, grey]]).double() / 255
    assert lines["statistics"].values["mean"] == pytest.approx(
        pixels.mean((0, 2, 3)).tolist(), abs=1e-4
    )
    assert lines["statistics"].values["std"] == pytest.approx(
        pixels.std((0, 2, 3), correction=0).tolist(), abs=1e-4
    )


def test_a_set_of_pale_images_is_told_to_be_read_as_grey():
    grey = [to_tensor(picture(i, side=24).convert("L")).expand(3, -1, -1) for i in range(2)]
    (said,) = [f.text for f in summary.of_images(scanned(grey)) if f.name == "colours"]
    assert said.endswith("2 of those in colour show none: data.channels=1 reads them as grey")


def test_recoloured_copies_of_training_images_are_leaks_of_their_own():
    images = pictures(4)
    swapped = [image.flip(0) for image in images[:2]]  # red and blue are exchanged
    made = scanned([*images, *swapped, images[2]], test=[0, 0, 0, 0, 1, 1, 1])
    kinds = found(issues.of_duplicates(made))
    assert kinds.keys() == {"exact_duplicates", "exact_leaks", "recoloured_leaks"}
    assert kinds["recoloured_leaks"].affected == 2
    assert [case.names for case in kinds["recoloured_leaks"].cases] == [
        ["0.png", "4.png"], ["1.png", "5.png"]
    ]  # fmt: skip


def test_groups_in_both_splits_are_named_with_their_images():
    made = scanned(pictures(5), test=[0, 0, 0, 1, 1])._replace(group=["a", "b", "a", "a", None])
    (leak,) = found(issues.of_groups(made)).values()
    assert leak.kind == "group_leaks" and leak.text == "1 group of 2 in both splits"
    assert leak.cases == [Case(["a"], "2 training, 1 test images")]
    line = next(line for line in summary.of_images(made) if line.name == "groups")
    assert line.text == "2 train, 1 test, 1 in both; 1 images without a group"
    assert not found(issues.of_groups(scanned(pictures(2))))


def test_a_validation_split_is_held_out_as_the_test_split_is():
    images = pictures(4)
    made = scanned([*images, images[0], images[1]], test=[0, 0, 0, 1, 1, 0])
    made = made._replace(val=np.array([0, 0, 0, 0, 0, 1], bool), group=[*"abcabb"])
    kinds = found(issues.of_duplicates(made))
    assert kinds["exact_leaks"].text.startswith("2 of 3 test or validation images also in")
    (leak,) = found(issues.of_groups(made)).values()
    assert leak.text == "2 groups of 3 in several splits"
    assert leak.cases[1] == Case(["b"], "1 training, 1 test, 1 validation images")
    lines = {line.name: line for line in summary.of_images(made)}
    assert lines["images"].text == "3 train, 2 test, 1 val"
    assert lines["groups"].text == "3 train, 2 test, 1 val, 2 in several"
    assert lines["classes"].values["val"] == {"cat": 1, "dog": 0}
