"""Where ONNX Runtime is: in the package that this one depends on."""

import os
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

# The first has the OpenVINO provider, and is what this package requires where there is one.
_PACKAGES = ("onnxruntime-openvino", "onnxruntime")


def _library() -> str | None:
    """The shared library of the installed package, which is not imported for it; None if there is none."""
    for package in _PACKAGES:
        try:
            installed = files(package) or []
        except PackageNotFoundError:
            continue
        for file in installed:
            stem = file.name.removeprefix("lib")
            is_library = stem.startswith("onnxruntime.") and any(end in stem for end in (".so", ".dylib", ".dll"))
            if is_library and (path := Path(file.locate())).is_file():
                return str(path)
    return None


def located(options: dict[str, Any]) -> dict[str, Any]:
    """The options with the path of the library, unless they or ORT_DYLIB_PATH name one."""
    if options.get("onnxruntime") is not None or os.environ.get("ORT_DYLIB_PATH"):
        return options
    return options | {"onnxruntime": _library()}
