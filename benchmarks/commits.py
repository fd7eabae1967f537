"""The commit at which published figures are measured; a dirty working tree is refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
# The commands themselves write these pages, so a change in them does not make the tree dirty.
WRITTEN = (
    "docs/performance.*",
    "docs/results.md",
    "docs/distribution.md",
    "docs/resume.md",
    "docs/sweep_kills.md",
    "docs/report.png",
    "docs/pictures/*",
)
SHOWN = 3  # names in the message


def clean_commit(root: Path = ROOT) -> str:
    """Return the short hash of the commit that is checked out.

    Raises:
        SystemExit: if the working tree differs from it in anything but `WRITTEN`, untracked files
            included: nobody could measure the same again.
    """
    # A pathspec that begins with ":!" leaves files out.
    kept = ["--", ".", *(f":!{pattern}" for pattern in WRITTEN)]
    lines = _git(root, "status", "--porcelain", "--untracked-files=all", *kept).splitlines()
    if lines:
        names = ", ".join(line[3:] for line in lines[:SHOWN])
        more = f" and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
        raise SystemExit(
            f"not committed: {names}{more}; published figures name the commit they were measured "
            "at, so commit first: git add --all && git commit"
        )
    return _git(root, "rev-parse", "--short", "HEAD").strip()


def _git(root: Path, *arguments: str) -> str:
    try:
        found = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, check=True, cwd=root
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(
            f"{root} is not a git checkout with a commit, but published figures name the commit "
            "they were measured at; clone the repository"
        ) from error
    return found.stdout


def measured_at(commit: str | None) -> str:
    """Return the sentence of a page that names the commit of its figures."""
    return f"Measured at commit {commit}." if commit else "Measured before commits were recorded."
