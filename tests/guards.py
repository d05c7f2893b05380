#!/usr/bin/env python3
"""Takes each guard against a fault out of a copy of the source, and sees its test fail.

    python3 -B tests/guards.py [WORDS]     # only guards whose fault has these words

A guard is a place in the source and what stands there without it. The table has for each whether its tests failed;
the exit code is 1 if any passed all the same.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Guard(NamedTuple):
    fault: str
    file: str
    guard: str
    without: str
    test: list[str]


def faults(name: str) -> list[str]:
    return ["--test", "faults", name]


GUARDS = [
    Guard("a full disk: a report that is not whole is given up", "src/report/folder.rs",
          "synced.map_err(|reason| Error::Write { path: self.place.join(name), reason })", "synced.or(Ok(()))",
          faults("a_full_disk")),
    Guard("a full or read-only cache: the run goes on without it", "src/embedding.rs",
          "warnings.push(Warning::StoreUnusable { reason: error.to_string() });\n            None",
          'panic!("{error}")', faults("a_full_or_read_only_cache")),
    Guard("a full cache while it is written to: the run goes on without it", "src/embedding.rs",
          "if let Err(error) = open.add(&maker, pairs) {\n                        warnings", "if let Err(error) = open.add(&maker, pairs) {\n                        panic!(\"{error}\");\n                        warnings",
          faults("a_full_or_read_only_cache")),
    Guard("a closed output pipe: no error", "src/main.rs",
          "Err(error) if is_closed_pipe(&error) =>", "Err(error) if is_closed_pipe(&error) && false =>",
          ["--test", "bad_input", "a_closed_pipe"]),
    Guard("SIGINT: what is half written goes", "src/main.rs", "    interrupt::watch();\n", "",
          faults("an_interrupted_run")),
    Guard("a second SIGINT: ends at once", "src/interrupt.rs",
          "if IS_ENDING.swap(true, Ordering::SeqCst) {", "if IS_ENDING.swap(true, Ordering::SeqCst) && false {",
          faults("a_second_interrupt")),
    Guard("SIGKILL: what was embedded is kept", "src/embedding/store.rs",
          "Ok(transaction.commit()?)", "Ok(transaction.rollback()?)", ["--test", "store", "a_killed_run"]),
    Guard("SIGKILL: what is half written goes with the next run", "src/report/scratch.rs",
          "std::fs::remove_dir_all(entry.path()).ok();", "", faults("what_a_killed_run")),
    Guard("two runs: one waits for the other's batch", "src/embedding/store.rs",
          "const PATIENCE: Duration = Duration::from_mins(1);", "const PATIENCE: Duration = Duration::ZERO;",
          ["--lib", "one_waits_for_the_batch"]),
    Guard("two runs: what another run is writing stays", "src/report/scratch.rs",
          "File::open(folder.join(WRITING)).is_ok_and(|lock| lock.try_lock().is_ok())", "folder.join(WRITING).exists()",
          ["--lib", "what_a_killed_run_left"]),
    Guard("a damaged cache: a row is what was written", "src/embedding/store.rs",
          "if checksum != self::checksum(&key, &row) ||", "if", ["--lib", "a_flipped_byte_anywhere"]),
    Guard("a damaged cache: it is set aside", "src/embedding.rs",
          "Err(StoreError::Damaged(reason)) => replace_store(cache, &reason, warnings),", "", ["--test", "store", "a_damaged_store"]),
    Guard("a damaged report: it is not taken for another", "src/report/read.rs",
          "if found != expected {", "if found != expected && false {", faults("a_damaged_report")),
    Guard("a runtime of another version: a message", "src/embedding/runtime.rs",
          "ort::init_from(path)\n            .map_err(|e| e.to_string())?", 'ort::init_from(path)\n            .expect("it is of this version")',
          faults("a_runtime_of_another_version")),
    Guard("a file that changes while it is read: said", "src/document.rs",
          "if input.state() != before {", "if input.state() != before && false {", faults("a_file_that_changes")),
]


def fails(guard: Guard, copy: Path) -> bool:
    """Whether the guard's tests fail without it; a copy that does not build is an error."""
    file = copy / guard.file
    whole = file.read_text()
    if whole.count(guard.guard) != 1:
        sys.exit(f"{guard.file} has this guard {whole.count(guard.guard)} times, expected once: {guard.guard}")
    file.write_text(whole.replace(guard.guard, guard.without))
    try:
        test = ["cargo", "test", "--locked", "-q", *guard.test]
        subprocess.run([*test, "--no-run"], cwd=copy, check=True, env=ENVIRONMENT)
        return subprocess.run(test, cwd=copy, env=ENVIRONMENT, capture_output=True).returncode != 0
    finally:
        file.write_text(whole)


ENVIRONMENT = {"CARGO_TARGET_DIR": str(ROOT / "target"), **os.environ}


def main() -> None:
    print("| guard | its test | without it |\n|---|---|---|")
    passed = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "refrain")
        for name in subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")[:-1]:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
        for guard in (guard for guard in GUARDS if " ".join(sys.argv[1:]) in guard.fault):
            failed = fails(guard, copy)
            passed += not failed
            print(f"| {guard.fault} | `{guard.test[-1]}` | {'fails' if failed else 'PASSES'} |", flush=True)
    sys.exit(passed > 0)


if __name__ == "__main__":
    main()
