"""Published figures come from a clean commit, in a real git repository."""

import re
import subprocess

import page
import pytest
from commits import clean_commit


def git(root, *arguments):
    who = ["-c", "user.name=n", "-c", "user.email=n@example.org"]
    return subprocess.run(
        ["git", *who, *arguments], cwd=root, check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def root(tmp_path):
    """A repository with one commit of a source file and two pages."""
    tmp_path.joinpath("docs").mkdir()
    for name in ("loss.py", "docs/performance.md", "docs/data.md"):
        tmp_path.joinpath(name).write_text("as committed\n")
    tmp_path.joinpath(".gitignore").write_text("runs/\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    return tmp_path


def test_a_clean_tree_gives_its_short_hash(root):
    assert clean_commit(root) == git(root, "rev-parse", "--short", "HEAD").strip()


@pytest.mark.parametrize("name", ["loss.py", "docs/data.md", "new.py"])
def test_a_changed_or_untracked_file_is_refused_in_one_line_that_names_it(root, name):
    root.joinpath(name).write_text("changed\n")
    with pytest.raises(SystemExit, match=re.escape(name)) as refused:
        clean_commit(root)
    assert "git commit" in str(refused.value) and "\n" not in str(refused.value)


def test_a_staged_change_is_refused_too(root):
    root.joinpath("loss.py").write_text("changed\n")
    git(root, "add", "--all")
    with pytest.raises(SystemExit, match=r"loss\.py"):
        clean_commit(root)


def test_of_many_changes_three_are_named(root):
    for i in range(5):
        root.joinpath(f"{i}.py").write_text("new\n")
    with pytest.raises(SystemExit, match=r"0\.py, 1\.py, 2\.py and 2 more"):
        clean_commit(root)


def test_written_pages_and_ignored_files_do_not_count(root):
    for name in ("performance.md", "performance.json", "results.md", "resume.md"):
        root.joinpath("docs", name).write_text("written by make bench\n")
    root.joinpath("runs").mkdir()
    root.joinpath("runs", "last.ckpt").write_text("a run\n")
    assert clean_commit(root)


def test_a_folder_without_git_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="not a git checkout"):
        clean_commit(tmp_path)


def test_every_suite_names_its_commit_or_says_that_none_was_recorded():
    suite = {"intro": "What is measured.", "load": [1.0, 1.0], "rows": []}
    figures = {
        "environment": {"processor": "a", "cores": 2, "torch": "2", "python": "3"},
        "suites": {"new": {**suite, "commit": "c0ffee1"}, "old": suite},
    }
    _, new, old = page.page(figures).split("\n## ")
    assert "Measured at commit c0ffee1." in new
    assert "Measured before commits were recorded." in old
