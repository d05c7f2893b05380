"""The types that are declared are those that there are, and the package and a program that uses it all are without fault."""

import subprocess
import sys
from pathlib import Path


def test_the_stubs_say_what_is_there() -> None:
    subprocess.run([sys.executable, "-m", "mypy.stubtest", "refrain._refrain"], check=True)


def test_a_typed_program(tmp_path: Path) -> None:
    program = Path(__file__).with_name("typed_program.py")
    subprocess.run([sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path, program], check=True)


def test_the_package_itself(tmp_path: Path) -> None:
    strict = ["--strict", "--ignore-missing-imports", "--cache-dir", str(tmp_path)]
    subprocess.run([sys.executable, "-m", "mypy", *strict, "-p", "refrain"], check=True)
