"""Agents of W&B: what `wandb sweep` is given, and trials begun as an agent begins them."""

import json
import os
import signal
import struct
import time
from pathlib import Path
from threading import Thread

import pytest
import wandb
import yaml
from wandb.proto import wandb_internal_pb2 as pb
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args
from wandb.sdk.lib.config_util import save_config_file_from_dict

from manyviews import cli, config, runs, schema, train
from manyviews.config import corners, space
from manyviews.errors import ConfigError
from manyviews.runs import status
from manyviews.runs.files import read_object
from manyviews.sweeps import agents

METRIC = "val/knn@1+0eb8/top1"
GRID = ["data=stripes", "optimizer.lr=1e-5,0.1", "evaluation=[knn],[knn,ncm]", "seed=0,1"]
SEARCH = ["data=stripes", "evaluation=[knn]", "optimizer.lr=tag(log,interval(1e-5,1))"]
TUNED = {"base": "optuna", "metric": "val/knn@1/top1"}


def asked(config_dir, overrides, **keys):
    """What `wandb sweep` is given for a file with these keys."""
    Path("mine.yaml").write_text(yaml.safe_dump({"overrides": overrides, **keys}))
    return yaml.safe_load(agents.wandb_sweep("mine.yaml", config_dir))


def test_a_grid_is_a_grid_with_the_types_of_its_values(config_dir):
    made = asked(config_dir, [*GRID, "callbacks.collapse=null", "views=two_crops"], name="mine")
    assert (made["name"], made["project"], made["method"]) == ("mine", "manyviews", "grid")
    assert made["command"][:-2] == agents.COMMAND and "metric" not in made
    of = made["parameters"]
    assert of["data"] == {"value": "stripes"} and of["callbacks.collapse"] == {"value": None}
    assert of["optimizer.lr"] == {"values": [1e-5, 0.1]} and of["seed"] == {"values": [0, 1]}
    assert of["evaluation"] == {"values": [["knn"], ["knn", "ncm"]]}
    assert of["sweep.keys"] == {"value": [key for key in of if not key.startswith("sweep.")]}


@pytest.mark.parametrize(
    ("sampler", "method"), [("tpe", "bayes"), ("gp", "bayes"), ("qmc", "random")]
)
def test_a_search_has_distributions_a_metric_and_a_number_of_runs(sampler, method, config_dir):
    others = ["epochs=int(interval(1,9))", "batch_size=tag(log,int(interval(2,64)))"]
    space = [*SEARCH, *others, "method.temperature=interval(0.1,1)"]
    made = asked(config_dir, space, trials=7, sampler=sampler, **TUNED)
    assert (made["method"], made["run_cap"]) == (method, 7)
    assert made["metric"] == {"name": "val/knn@1/top1", "goal": "maximize"}
    of = made["parameters"]
    assert of["optimizer.lr"] == {"distribution": "log_uniform_values", "min": 1e-5, "max": 1.0}
    assert of["epochs"] == {"distribution": "int_uniform", "min": 1, "max": 9}
    log = {"distribution": "q_log_uniform_values", "q": 1, "min": 2, "max": 64}
    assert of["batch_size"] == log and of["sweep.whole"] == {"value": ["epochs", "batch_size"]}
    assert of["method.temperature"] == {"distribution": "uniform", "min": 0.1, "max": 1}


def test_a_metric_that_is_better_if_lower_is_made_small(config_dir):
    free = [SEARCH[0], "evaluation=[label_free]", SEARCH[2]]
    made = asked(config_dir, free, base="optuna", metric="eval/label_free@1/uniformity")
    assert made["metric"]["goal"] == "minimize"
    with pytest.raises(ConfigError, match="alpha_req is best near 1, and W&B only"):
        asked(config_dir, free, base="optuna", metric="eval/label_free@1/alpha_req")


@pytest.mark.parametrize(
    ("overrides", "keys", "said"),
    [
        ([*GRID[:-1], "seed=0,1,x"], {}, "seed='x'"),
        ([*GRID, "epoch=3"], {}, "unknown key 'epoch'"),
        (GRID[:1], {}, "nothing to choose"),
        (SEARCH, {}, "optimizer.lr has an interval, and a grid needs single values"),
        (SEARCH, {"base": "optuna", "metric": "eval/knn@1/top1"}, "measured on test items"),
        (SEARCH, {"base": "optuna", "metric": "val/knn@1/top2"}, "unknown sweep.metric"),
        (SEARCH, {**TUNED, "pruner": "median"}, "sweep.pruner=median: an agent of W&B ends"),
        (GRID, {"minutes": 3}, "sweep.minutes: an agent"),
        ([*GRID, "logger.wandb=null"], {}, "logger.wandb is null"),
        ([*GRID, "resume=never"], {}, "a sweep continues its runs"),
        ([*GRID, "runs=1e3"], {}, "'runs=1e3' is text that looks like a number; put quotes"),
    ],
)
def test_a_mistake_is_told_before_anything_is_printed(overrides, keys, said, config_dir):
    with pytest.raises(ConfigError, match=said):
        asked(config_dir, overrides, **keys)


def test_a_folder_or_a_missing_file_is_one_line(capsys):
    assert cli.main(["sweep", "wandb", "sweeps"]) == 2
    assert "sweeps: type a YAML file with keys of sweep" in capsys.readouterr().err
    assert cli.main(["sweep", "wandb", "none.yaml"]) == 2
    assert "No such file" in capsys.readouterr().err


def written(values):
    """The file that an agent writes for a trial, by its own code."""
    args = {key: {"value": value} for key, value in values.items()}
    Path("args.json").write_text(create_sweep_command_args({"args": args})["args_json"][0])
    return "args.json"


def test_a_trial_keeps_the_keys_of_the_sweep_and_the_types_of_their_values():
    own = {"data": "stripes", "optimizer.lr": 1e-05, "evaluation": ["knn", "ncm"], "init": None}
    own |= {"runs": "a, b's", "batch_size": 16.0, "trainer.compile": False, "~regularizer": None}
    own |= {"method.x": {"a": [1, "2"]}, "+seed": 3}
    lists = {"sweep.keys": [*own], "sweep.whole": ["batch_size"]}
    resumed = {"_wandb": {"a": 1}, "optimizer": {"lr": 0.5}, "epochs": 3}  # as in wandb#4237
    assert agents.overrides_of(written({**resumed, **own, **lists})) == [
        "data=stripes",
        "optimizer.lr=1e-05",
        "evaluation=[knn,ncm]",
        "init=null",
        "runs='a, b\\'s'",
        "batch_size=16",
        "trainer.compile=false",
        "~regularizer",
        "method.x={a:[1,'2']}",
        "+seed=3",
    ]


def test_a_trial_is_the_run_of_the_same_command_by_hand(config_dir):
    overrides = [*GRID, "init=null", "runs='a b'", "callbacks.collapse=null"]
    made = asked(config_dir, overrides)["parameters"]
    keys = {key: made[key]["value"] for key in ("sweep.keys", "sweep.whole")}
    for cell in corners(*space(overrides, config_dir)):
        chosen = {o.get_key_element(): o.value() for o in map(config.parsed, cell)}
        for key, value in chosen.items():
            assert value in made[key].get("values", [made[key].get("value")])
        trial = agents.overrides_of(written({**chosen, **keys}))
        by_hand = config.compose("pretrain", cell, config_dir)
        assert config.compose("pretrain", trial, config_dir) == by_hand


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is no JSON file with the values of a trial"),
        ("{}", "has no sweep.keys; agents write it if the sweep is one that"),
        ('{"sweep.keys": ["seed", "epochs"], "seed": 1}', "has no value of epochs"),
    ],
)
def test_a_file_that_no_agent_of_ours_wrote_is_one_line(content, said, capsys):
    Path("args.json").write_text(content)
    assert cli.main(["sweep", "trial", "args.json"]) == 2
    assert said in capsys.readouterr().err


def test_a_retriever_is_trained_first_and_is_not_the_agent_s_run(config_dir, monkeypatch):
    trained = []

    def pretrain(stage):
        trained.append(stage)
        return runs.Run(runs.folder(stage.config, stage.choices), stage.config, stage.choices)

    monkeypatch.setattr(train, "pretrain_planned", pretrain)
    values = {"data": "waves", "method": "rebar", "backbone": "tcn", "sweep.keys": ["data"]}
    values["sweep.keys"] += ["method", "backbone"]
    folder = agents.run_trial(written(values), config_dir)
    assert [stage.choices["method"] for stage in trained] == ["rebar_retriever", "rebar"]
    assert trained[0].config["logger"] == {} and schema.check("pretrain", trained[0].config) is None
    assert trained[1].config["logger"]["wandb"]["mode"] == "online"
    path = Path(trained[1].config["method"]["retriever"])
    path.mkdir(parents=True)
    status.write(path, state="finished")
    assert agents.run_trial(written(values), config_dir) == folder
    assert [stage.choices["method"] for stage in trained[2:]] == ["rebar"]


def records(folder):
    """The records of the offline run in a folder, in the format of a log of LevelDB."""
    (file,) = folder.glob("*.wandb")
    content, at, parts = file.read_bytes(), 7, b""
    while at + 7 <= len(content):
        if (left := 32768 - at % 32768) < 7:
            at += left
            continue
        length, kind = struct.unpack("<HB", content[at + 4 : at + 7])
        parts += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # a whole record, or the last part of one
            yield pb.Record.FromString(parts)
            parts = b""


class Told:
    """What W&B was told in a session.

    Attributes:
        run: the record with which it begins.
        preempting: True if the run was marked so.
        code: its exit code.
        summary: last value of each metric.
        first_step: the first step that has a loss.
    """

    def __init__(self, folder):
        self.preempting, self.code, self.summary, self.first_step = False, None, {}, None
        for record in records(folder):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                self.run = record.run
            elif kind == "exit":
                self.code = record.exit.exit_code
            elif kind == "summary":
                for item in record.summary.update:
                    self.summary[item.key or "/".join(item.nested_key)] = item.value_json
            elif kind == "history" and self.first_step is None:
                row = {i.key or "/".join(i.nested_key): i.value_json for i in record.history.item}
                self.first_step = int(row["step"]) if "train/loss" in row else None
            self.preempting |= kind == "preempting"


@pytest.fixture
def agent(small, config_dir, monkeypatch):
    """Begin a trial as an agent does: its exit code, and what W&B is told."""
    rest = [text for text in small if not text.startswith(("logger", "epochs"))]
    overrides = [*rest, "epochs=20", "seed=0,1", SEARCH[2]]
    made = asked(config_dir, overrides, base="optuna", metric=METRIC)
    wandb.teardown()
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep123")

    def begin(run_id, **more):
        values = {key: of["value"] for key, of in made["parameters"].items() if "value" in of}
        values |= {"seed": 1, "optimizer.lr": 1.25e-05, **more}
        args = {key: {"value": value} for key, value in values.items()}
        monkeypatch.setenv("WANDB_RUN_ID", run_id)
        monkeypatch.setenv("WANDB_SWEEP_PARAM_PATH", os.path.abspath("config.yaml"))
        save_config_file_from_dict(os.path.abspath("config.yaml"), args)
        macros = create_sweep_command_args({"args": args}) | {"args_json_file": [written(values)]}
        macros |= {"env": ["/usr/bin/env"], "interpreter": ["python"]}
        words = create_sweep_command([*made["command"]])
        line = [word for w in words for word in macros.get(w.strip("${}"), [w])]
        assert line[:4] == ["/usr/bin/env", "python", "-m", "manyviews"]
        before = {*Path("runs").glob("*/wandb/offline-run-*")}
        code = cli.main(line[4:])
        wandb.teardown()
        (new,) = {*Path("runs").glob("*/wandb/offline-run-*")} - before
        return code, Told(new)

    yield begin
    wandb.teardown()


def terminate_soon():
    """Send SIGTERM to this process as soon as its run has made some steps."""

    def wait():
        while len([*Path("runs").glob("*/metrics.jsonl")]) == 0:
            time.sleep(0.02)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=wait, daemon=True).start()


# wandb leaves the file open in which its agent wrote the config of the trial.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_a_trial_that_is_pre_empted_goes_on_and_w_and_b_gets_the_score(agent, capsys):
    terminate_soon()
    code, told = agent("agents-1")
    assert code == 143 and told.code == 143 and told.preempting
    assert (told.run.run_id, told.run.sweep_id) == ("agents-1", "sweep123")
    assert told.run.project == "manyviews"
    (folder,) = Path("runs").iterdir()
    assert read_object(folder / "wandb" / "id.json") == {"id": "agents-1", "sweep": "sweep123"}
    stopped = runs.load(folder).saved.step
    # What wandb puts into the file of a trial that is begun again.
    code, told = agent("agents-1", _wandb={}, optimizer={"lr": 0.5}, runs="elsewhere")
    assert code == 0 and told.code == 0 and not told.preempting
    assert [*Path("runs").iterdir()] == [folder] and runs.load(folder).trained
    assert told.run.run_id == "agents-1" and told.first_step > stopped > 0
    scores = json.loads((folder / "report" / "report.json").read_text())["scores"]
    rows = [s for s in scores if s["split"] == "val" and s["subject"] == "trained"]
    (score,) = [s["value"] for s in rows if s["metric"] == "top1"]
    assert float(told.summary[METRIC]) == score
    # The same values in another trial: nothing is trained again, and W&B gets the scores.
    capsys.readouterr()
    code, told = agent("agents-2")
    assert code == 0 and "is finished: 20 epochs, evaluated" in capsys.readouterr().out
    assert told.run.run_id == "agents-2" and float(told.summary[METRIC]) == score
    assert "online/knn@1/top1" in told.summary and told.first_step is None
