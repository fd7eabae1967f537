import hashlib
import re
from importlib.resources import files

FOLDER = files("manyviews.dashboards") / "uplot"
README = (FOLDER / "README.md").read_text()


def test_the_library_is_the_one_that_its_page_names():
    rows = re.findall(r"\| `(.+)` \| ([\d,]+) \| `(\w{64})` \|", README)
    assert {name for name, *_ in rows} == {"uPlot.iife.min.js", "uPlot.min.css", "LICENSE"}
    for name, size, sha256 in rows:
        content = (FOLDER / name).read_bytes()
        assert len(content) == int(size.replace(",", ""))
        assert hashlib.sha256(content).hexdigest() == sha256
    version = re.search(r"uPlot \(v([\d.]+)\)", (FOLDER / "uPlot.iife.min.js").read_text())
    assert f"# uPlot {version[1]}\n" in README
    assert "MIT License" in (FOLDER / "LICENSE").read_text()
