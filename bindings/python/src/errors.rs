//! The library's errors and warnings as Python's, with the same messages. The classes are in `python/refrain/_errors.py`.

use pyo3::import_exception;
use pyo3::prelude::*;
use refrain::{Error, Warning};
use std::ffi::CString;

import_exception!(refrain._errors, OtherError);
import_exception!(refrain._errors, InputError);
import_exception!(refrain._errors, ModelError);
import_exception!(refrain._errors, OptionError);
import_exception!(refrain._errors, OutputError);
import_exception!(refrain._errors, RuntimeLibraryError);
import_exception!(refrain._errors, RefrainWarning);

/// The library's error as an exception.
pub fn raised(error: &Error) -> PyErr {
    let message = error.to_string();
    match error {
        Error::Input { .. }
        | Error::Pattern { .. }
        | Error::NoPassages { .. }
        | Error::Rows { .. }
        | Error::Embeddings { .. }
        | Error::Finished { .. } => InputError::new_err(message),
        Error::Option { .. } | Error::TooManyClusters { .. } => OptionError::new_err(message),
        Error::Model { .. } | Error::Inference { .. } => ModelError::new_err(message),
        Error::Runtime(_) => RuntimeLibraryError::new_err(message),
        Error::Output { .. } | Error::Write { .. } => OutputError::new_err(message),
        _ => OtherError::new_err(message),
    }
}

/// Passes the library's warnings to Python's `warnings`, as from the caller of the package's function.
pub fn warn(py: Python, warnings: &[Warning]) -> PyResult<()> {
    let category = py.get_type::<RefrainWarning>();
    warnings.iter().try_for_each(|warning| PyErr::warn(py, &category, &CString::new(warning.to_string())?, 2))
}
