"""The wheel, in an environment of its own, needs nothing else and no network."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from conftest import ROOT

README = ROOT / "bindings/python/README.md"
# Nothing answers there.
NOWHERE = "http://127.0.0.1:9"


def test_the_first_example_runs_offline(tmp_path: Path) -> None:
    """Installed with its dependencies and no more; then run without a network, and with an empty cache folder."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "fresh"], check=True)
    python = tmp_path / "fresh/bin/python"
    subprocess.run([python, "-m", "pip", "install", "-q", os.environ["REFRAIN_WHEEL"]], check=True)
    example = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert example and len([line for line in example[1].splitlines() if line]) <= 10
    can_cut_off = shutil.which("unshare") and subprocess.run(["unshare", "-rn", "true"], stderr=subprocess.DEVNULL).returncode == 0
    proxies = dict.fromkeys(["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"], NOWHERE)
    environment = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": os.environ["PATH"], "PIP_NO_INDEX": "1"} | proxies
    run = subprocess.run(
        [*(["unshare", "-rn"] if can_cut_off else []), python, "-I", "-c", example[1]],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=tmp_path,
    )
    shape, kept = run.stdout.splitlines()
    assert shape.startswith("(3, 384) float32 cosine 0.9")
    assert kept.count("interest rates") == 1 and kept.count("museum") == 1
    assert [path.name for path in (tmp_path / "cache/refrain").iterdir() if path.is_dir()] == [], "nothing was fetched"
