"""What refrain raises and warns of, with the messages of the command line."""


class Error(Exception):
    """What ended the work. A message says where, what was found, what was expected and what to do next."""


class InputError(Error):
    """What was given cannot be worked on: paths, texts, rows or a finished report."""


class OptionError(Error, ValueError):
    """An option's value is not one that it can have; options are named as on the command line."""


class ModelError(Error):
    """The model's files cannot be used, or it ran and failed."""


class RuntimeLibraryError(Error):
    """ONNX Runtime cannot be found or loaded."""


class OutputError(Error, OSError):
    """A report cannot be written."""


class OtherError(Error):
    """Anything else, such as a fit that fails."""


class RefrainWarning(UserWarning):
    """Something was decided otherwise than asked, or is only a part of what was asked; the work went on."""
