"""Processes of the tests: forked from one that has everything imported, they begin at once."""

from multiprocessing import current_process, forkserver, get_context

context = get_context("forkserver")
context.set_forkserver_preload(
    ["manyviews.train", "manyviews.loggers.wandb_logger", "small_data", "small_series", "on_ranks"]
)
if current_process().name == "MainProcess":  # not in what is forked
    # One server per process, which loaders with workers use, too: this one has to be the first.
    forkserver.ensure_running()
