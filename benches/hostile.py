#!/usr/bin/env python3
"""Runs refrain over every file of a folder by itself and says how each run ended.

    cargo build --release
    python3 benches/hostile.py FOLDER

A run has ten seconds and one gigabyte. It may find nothing to read in a file; it may not crash, hang or
grow. The table in benches/results/ has the exit code, the warnings, seconds and peak memory of each run, and a
last row for all files in one run.
"""

import datetime
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REFRAIN = ROOT / "target/release/refrain"
SECONDS, BYTES = 10, 1 << 30


def run(path: Path) -> tuple[str, str, float, int]:
    """How a run ended, what it warned of, its seconds and its peak memory in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report")
        began = time.monotonic()
        command = [REFRAIN, "report", path, "-o", report, "--format", "json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            try:
                out, err = child.communicate(timeout=SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                return "hung", "", SECONDS, 0
        seconds = time.monotonic() - began
        if child.returncode == 0:
            warnings = json.loads(out)["warnings"]
            kinds = ", ".join(sorted({warning["warning"] for warning in warnings})) or "none"
            memory = json.loads((report / "run.json").read_text())["peak_memory_bytes"]
            return "read", kinds, seconds, memory
        message = err.decode(errors="replace").strip().splitlines()
        return f"exit {child.returncode}", message[-1] if message else "", seconds, 0


def main() -> None:
    folder = Path(sys.argv[1])
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines, bad = [], []
    for path in [*files, folder]:
        verdict, said, seconds, memory = run(path)
        name = "all of them" if path == folder else path.relative_to(folder)
        if verdict not in ("read", "exit 2") or memory > BYTES:
            bad.append(name)
        said = said.replace(str(folder), "").replace("|", "\\|")
        shown = f"{memory / 1e6:.0f}" if memory else ""
        lines.append(f"| `{name}` | {verdict} | {said} | {seconds:.1f} | {shown} |")
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    today = datetime.date.today().isoformat()
    target = ROOT / f"benches/results/hostile-{today}.md"
    head = [
        f"# Hostile files, {today}", "",
        f"{platform.system()}, {platform.machine()}. Written by `benches/hostile.py`, which says how. {len(files)} files; "
        f"{len(bad)} crashed, hung or grew. The largest peak of any run: {children / 1e6:.0f} MB.", "",
        "| file | ended | warnings, or the message | s | MB |", "|---|---|---|---:|---:|",
    ]
    target.write_text("\n".join(head + lines) + "\n")
    print("\n".join(head + lines))
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
