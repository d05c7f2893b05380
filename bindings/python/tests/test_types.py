"""The types that are declared are those that there are, and a program that uses them all is without fault."""

import subprocess
import sys
from pathlib import Path


def test_the_stubs_say_what_is_there() -> None:
    subprocess.run([sys.executable, "-m", "mypy.stubtest", "refrain._refrain"], check=True)


def test_a_typed_program(tmp_path: Path) -> None:
    program = Path(__file__).with_name("typed_program.py")
    subprocess.run([sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path, program], check=True)
