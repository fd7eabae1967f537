from dataclasses import replace

import pytest
import torch

from manyviews.datamodules.loader import EpochLoader
from manyviews.datamodules.series.recordings import Recording, join
from manyviews.datamodules.series.splits import Windowing, split
from manyviews.errors import ConfigError


def recordings(subjects=("S2", "S10", "S1", "S10"), length=20):
    made = []
    for r, subject in enumerate(subjects):
        value = torch.randn(length, 2, generator=torch.Generator().manual_seed(r)) + r
        made.append(Recording(value, torch.full((length,), r % 2), subject, f"r{r}"))
    return join(made, rate=10.0, channels=("x", "y"), classes=("a", "b"))


def cut(recordings, **options):
    return split("d", recordings, Windowing(**options))


def subjects(windows):
    return {windows.recordings.subjects[i] for i in windows.subject.tolist()}


def test_the_last_subjects_by_name_are_held_out():
    splits = cut(recordings(), window=5)
    assert subjects(splits.train) == {"S1", "S2"} and subjects(splits.test) == {"S10"}
    assert len(splits.train.label) == 8 and len(splits.test.label) == 8
    assert splits.size == (5,) and splits.channels == 2


def test_subjects_can_be_named():
    splits = cut(recordings(), window=5, test=["S2", "S1"])
    assert subjects(splits.test) == {"S1", "S2"} and subjects(splits.train) == {"S10"}


def test_numbers_name_subjects_too():
    splits = cut(recordings(("8", "9", "10")), window=5, test=[8, 10])
    assert subjects(splits.train) == {"9"}


@pytest.mark.parametrize(("given", "name"), [("S10", "S10"), (7, "7")])
def test_one_subject_is_left_out(given, name):
    made = recordings(("S2", "S10", "7"))
    splits = cut(made, window=5, by="leave-one-subject-out", test=given)
    assert subjects(splits.test) == {name} and len(subjects(splits.train)) == 2


def test_recordings_can_be_held_out_of_one_subject():
    splits = cut(recordings(("S1",) * 4), window=5, by="recording", test=["r1"])
    assert splits.test.recordings.names == ("r1",)
    assert splits.train.recordings.names == ("r0", "r2", "r3")


def test_windows_at_random_are_disjoint_and_warned_of(capsys):
    splits = cut(recordings(), window=5, by="window", test=0.25)
    assert "scores come out too high" in capsys.readouterr().out
    starts = [set(part.start.tolist()) for part in (splits.train, splits.test)]
    assert not starts[0] & starts[1] and len(starts[0] | starts[1]) == 16
    assert len(splits.test.label) == 4


def test_a_duration_is_counted_by_the_rate():
    splits = cut(recordings(), window="0.5s", stride="100 ms")
    assert splits.size == (5,) and splits.train.start[:3].tolist() == [0, 1, 2]


def test_statistics_are_those_of_the_training_recordings():
    made = recordings()
    splits = cut(made, window=5)
    train = made.value[[*range(20), *range(40, 60)]].double()
    assert splits.mean == pytest.approx(train.mean(0).tolist())
    assert splits.std == pytest.approx(train.std(0, correction=0).tolist())


def test_statistics_of_windows_at_random_see_no_test_window(capsys):
    splits = cut(recordings(), window=5, by="window", test=0.5)
    value = splits.train.values(splits.train.start).double()
    assert splits.mean == pytest.approx(value.mean((0, 2)).tolist())


def test_missing_values_and_constant_channels_leave_the_statistics_finite():
    made = recordings()
    made.value[3, 0] = torch.nan
    made.value[:, 1] = 1e4 / 3
    splits = cut(made, window=5)
    known = made.value[[*range(3), *range(4, 20), *range(40, 60)], 0].double()
    assert splits.mean[0] == pytest.approx(float(known.mean()))
    assert splits.std[1] == 1.0


def test_units_of_the_data_can_be_kept():
    splits = cut(recordings(), window=5, norm="none")
    assert splits.mean == (0.0, 0.0) and splits.std == (1.0, 1.0)


def test_short_recordings_are_named_and_left_out():
    parts = [
        Recording(torch.arange(n)[:, None], torch.zeros(n, dtype=torch.int64), s, f"{s}-{n}")
        for n, s in ((9, "A"), (4, "A"), (9, "B"))
    ]
    made = join(parts, rate=1.0, channels=("x",), classes=("a",))
    splits = cut(made, window=5)
    assert splits.skipped == ("recording 'A-4': it has 4 steps, a window 5",)
    assert len(splits.train.label) == 1


def test_the_loader_takes_a_split():
    splits = cut(recordings(), window=5)
    loader = EpochLoader(splits.train, None, batch_size=4, seed=0)
    assert [tuple(sample.input.shape) for sample in loader] == [(4, 2, 5)] * 2


def test_fingerprint_has_counts_and_digests():
    made = cut(recordings(), window=5).fingerprint()
    assert made["name"] == "d" and made["size"] == [5] and made["channels"] == 2
    assert made["train"]["windows"] == 8 and made["train"]["labels"] == {"0": 8}
    assert len(made["test"]["sha256"]) == 64


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"window": "2.56sec"}, r"data.window='2.56sec'; allowed: steps such as 128.* ms, s, min"),
        ({"window": "128"}, r"data.window='128'; allowed: steps such as 128"),
        ({"window": "10ms"}, r"data.window=10ms is 0 steps at 10 Hz; choose 2 or more"),
        ({"window": 21}, r"data.window is 21 steps, the longest of 4 recordings has 20"),
        ({"window": 5, "stride": 0}, r"data.stride=0 is 0 steps"),
        ({"window": 5, "min_purity": 0.0}, r"data.min_purity=0.0; allowed: above 0, up to 1"),
        ({"window": 5, "test": ["S3"]}, r"no subject 'S3'; the data has S1, S2, S10"),
        ({"window": 5, "test": ["S1", "S2", "S10"]}, r"holds 3 of 3 subjects, and one split is em"),
        (
            {"window": 5, "test": 1.5},
            r"data.test=1.5; allowed: a share .* for example data.test=\[S10\]",
        ),
        ({"window": 5, "test": 10}, r"data.test=10; allowed: a share"),
        ({"window": 5, "by": "leave-one-subject-out"}, r"no subject '0.2'; the data has S1, S2"),
        (
            {"window": 5, "by": "leave-one-subject-out", "test": ["S1"]},
            r"one name, for example data.test=S",
        ),
        ({"window": 5, "by": "window", "test": ["S1"]}, r"data.by=window needs a share"),
    ],
)
def test_mistakes_are_told_in_a_line(given, said):
    with pytest.raises(ConfigError, match=said):
        cut(recordings(), **given)


def test_one_subject_alone_cannot_be_split_by_subject():
    with pytest.raises(ConfigError, match=r"needs 2 subjects or more.*1; type data.by=recording"):
        cut(recordings(("A", "A")), window=5)


def test_a_split_whose_recordings_are_all_too_short_is_named():
    parts = [
        Recording(torch.zeros(n, 1), torch.zeros(n, dtype=torch.int64), s, s)
        for n, s in ((9, "A"), (4, "B"))
    ]
    made = join(parts, rate=1.0, channels=("x",), classes=("a",))
    with pytest.raises(ConfigError, match=r"the test split of d has no recording of 5 steps"):
        cut(made, window=5)


@pytest.mark.parametrize("value", [torch.inf, -torch.inf])
def test_an_infinite_value_is_named_in_data_of_any_kind(value):
    made = recordings()
    made.value[43, 1] = value
    with pytest.raises(ConfigError, match=r"d: recording 'r2', channel 'y', step 3 is -?inf \(1 s"):
        cut(made, window=5)


def test_a_constant_channel_is_told_and_constant_channels_alone_are_refused():
    made = recordings()
    made.value[:, 1] = 3
    assert cut(made, window=5).notes == ("1 of 2 channels are constant: y (3)",)
    made.value[:, 0] = torch.nan
    with pytest.raises(ConfigError, match=r"every channel is constant.* \(x \(0\), y \(3\)\)"):
        cut(made, window=5)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"stride": -1}, r"data.stride=-1 is -1 steps at 10 Hz; choose 1 or more"),
        ({"window": -5}, r"data.window=-5 is -5 steps"),
        ({"min_purity": float("nan")}, r"data.min_purity=nan; allowed: above 0, up to 1"),
        ({"min_purity": 1.01}, r"data.min_purity=1.01; allowed"),
        ({"min_purity": -0.5}, r"data.min_purity=-0.5; allowed"),
        ({"test": 0.0}, r"data.test=0.0; allowed: a share between 0 and 1"),
        ({"test": 1.0}, r"data.test=1.0; allowed: a share"),
        ({"test": float("nan")}, r"data.test=nan; allowed: a share"),
        ({"test": []}, r"data.test holds 0 of 3 subjects"),
        ({"by": "window", "test": 0.0}, r"data.by=window needs a share"),
        ({"by": "window", "test": float("nan")}, r"data.by=window needs a share"),
    ],
)
def test_values_without_sense_are_refused(given, said):
    with pytest.raises(ConfigError, match=said):
        cut(recordings(), **{"window": 5, **given})


def test_a_name_of_thousands_of_digits_can_be_sorted():
    made = recordings(("9" * 5000, "S1", "S2", "S3"))
    assert len(cut(made, window=5, test=["S1"]).test.label) == 4


def test_recordings_of_one_step_have_no_window():
    with pytest.raises(ConfigError, match=r"no recording of 4 has 2 steps, which a window needs"):
        cut(recordings(length=1), window=5)


def test_people_for_validation_are_taken_out_of_train_after_the_test_split():
    made = recordings(("S2", "S10", "S1", "S10", "S3"))
    without, splits = cut(made, window=5), cut(made, window=5, val=0.34)
    assert subjects(splits.test) == subjects(without.test) == {"S10"}
    assert subjects(splits.val) == {"S3"} and subjects(splits.train) == {"S1", "S2"}
    value = splits.train.recordings.value.double()
    assert splits.mean == pytest.approx(value.mean(0).tolist()) != without.mean
    assert splits.fingerprint()["val"]["windows"] == len(splits.val.label) == 4
    assert "val" not in without.fingerprint() and without.val is None


def test_people_for_validation_can_be_named():
    splits = cut(recordings(("8", "9", "10")), window=5, test=["10"], val=[8])
    assert subjects(splits.val) == {"8"} and subjects(splits.train) == {"9"}
    left_out = cut(
        recordings(("8", "9", "10")), window=5, by="leave-one-subject-out", test="9", val="10"
    )
    assert subjects(left_out.val) == {"10"} and subjects(left_out.train) == {"8"}


def test_recordings_can_be_held_out_for_validation():
    splits = cut(recordings(("S1",) * 4), window=5, by="recording", test=["r1"], val=["r3"])
    assert splits.val.recordings.names == ("r3",)
    assert splits.train.recordings.names == ("r0", "r2")


def test_windows_at_random_for_validation_are_disjoint_from_the_others(capsys):
    without = cut(recordings(), window=5, by="window", test=0.25)
    splits = cut(recordings(), window=5, by="window", test=0.25, val=0.25)
    starts = [set(part.start.tolist()) for part in (splits.train, splits.test, splits.val)]
    assert [len(part) for part in starts] == [9, 4, 3] and len(set().union(*starts)) == 16
    assert torch.equal(splits.test.start, without.test.start)
    assert capsys.readouterr().out.count("scores come out too high") == 2  # once each


def test_recordings_are_held_out_where_nobody_knows_the_subjects():
    made = replace(recordings(("r0", "r1", "r2")), knows_subjects=False, test_subjects=("r2",))
    splits = cut(made, window=5, by=None, val=0.5)
    assert splits.val.recordings.names == ("r1",) and splits.test.recordings.names == ("r2",)
    with pytest.raises(ConfigError, match="data.val: there is no recording 'r2'; outside the test"):
        cut(made, window=5, by=None, val=["r2"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"val": 0.0}, r"data.val=0.0; allowed: a share .* data.val=\[S2\]; or type data.val=null"),
        ({"val": 1.0}, r"data.val=1.0; allowed: a share between 0 and 1, or names of subjects"),
        ({"val": -0.2}, r"data.val=-0.2; allowed: a share"),
        ({"val": float("nan")}, r"data.val=nan; allowed: a share"),
        ({"val": 5}, r"data.val=5; allowed: a share between 0 and 1, or names of subjects"),
        ({"val": []}, r"data.val holds 0 of 2 subjects, and one split is empty"),
        ({"val": ["S10"]}, r"no subject 'S10'; outside the test split there are S1, S2; or type"),
        ({"val": ["S1", "S2"]}, r"data.val holds 2 of 2 subjects, and one split is empty"),
        (
            {"val": 0.5, "test": 0.7},
            r"data.val=0.5 needs 2 subjects or more outside the test split",
        ),
        ({"val": ["r1"], "by": "window"}, r"data.val=\['r1'\]; data.by=window needs a share"),
        ({"val": 1.0, "by": "window"}, r"data.val=1.0; data.by=window needs a share"),
    ],
)
def test_a_validation_split_without_sense_is_one_line(given, said):
    with pytest.raises(ConfigError, match=said):
        cut(recordings(), **{"window": 5, **given})


def test_a_validation_split_whose_recordings_are_all_too_short_is_named():
    parts = [
        Recording(torch.zeros(n, 1), torch.zeros(n, dtype=torch.int64), s, s)
        for n, s in ((9, "A"), (4, "B"), (9, "C"))
    ]
    made = join(parts, rate=1.0, channels=("x",), classes=("a",))
    with pytest.raises(ConfigError, match=r"the validation split of d .*or another data.val"):
        cut(made, window=5, val=["B"])
