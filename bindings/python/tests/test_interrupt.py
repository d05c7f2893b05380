"""Ctrl-C ends what is being done."""

import subprocess
import sys
from pathlib import Path

import pytest

# A thread waits until the call has gone into refrain, and then sends what Ctrl-C sends.
SCRIPT = """
import os, signal, sys, threading, numpy, refrain

def interrupt(main, code):
    while sys._current_frames()[main].f_code is not code:
        pass
    os.kill(os.getpid(), signal.SIGINT)

def interrupted(function):
    threading.Thread(target=interrupt, args=(threading.get_ident(), function.__code__)).start()
    return function

{call}
print("not interrupted")
"""

CALLS = {
    # Minutes of work each.
    "embedding": """
embedder = refrain.Embedder(no_cache=True)
texts = [f"{i} " + "a text of some length that is unlike the others " * 10 for i in range(20_000)]
interrupted(refrain.Embedder.embed)(embedder, texts)""",
    "clustering": """
rows = numpy.random.default_rng(42).normal(size=(100_000, 128)).astype(numpy.float32)
interrupted(refrain.cluster)(rows, k=2_000, init="kmeans++")""",
    "a report": """
interrupted(refrain.report)(sys.argv[1], output=sys.argv[2], no_cache=True)""",
}


@pytest.mark.parametrize("call", CALLS)
def test_ctrl_c_ends_it(call: str, tmp_path: Path) -> None:
    corpus, output = tmp_path / "corpus.txt", tmp_path / "out" / "report"
    corpus.write_text("\n\n".join(f"{i} " + "a paragraph that is unlike the others " * 20 for i in range(20_000)))
    script = SCRIPT.format(call=CALLS[call])
    run = subprocess.run([sys.executable, "-c", script, corpus, output], capture_output=True, text=True)
    assert run.stderr.rstrip().endswith("KeyboardInterrupt"), run.stderr
    assert run.returncode == -2 and run.stdout == ""
    assert not output.parent.exists() or list(output.parent.iterdir()) == []
