//! Arrow arrays of other libraries, through the PyCapsule interface
//! (<https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html>): the numbers and texts stay where they are.
//!
//! The only `unsafe` of the binding: a capsule is a pointer with a name, and what it points to is believed to be what the name
//! says. The arrays themselves are checked before anything reads them, since texts that are not UTF-8 or offsets out of
//! range would be undefined behaviour, not an error.
#![expect(unsafe_code, reason = "structures of the C interface are moved out of capsules")]

use crate::errors::InputError;
use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi};
use arrow_array::ffi_stream::{ArrayStreamReader, FFI_ArrowArrayStream};
use arrow_array::{Array, ArrayRef, make_array};
use arrow_schema::ArrowError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use std::ffi::CStr;

/// The arrays of an object that has `__arrow_c_stream__` (a chunked array, a series, a table) or `__arrow_c_array__`; none if
/// it has neither.
pub fn arrays(object: &Bound<PyAny>) -> PyResult<Option<Vec<ArrayRef>>> {
    let arrays = if let Some(method) = object.getattr_opt("__arrow_c_stream__")? {
        let stream = method.call0()?.cast_into::<PyCapsule>()?;
        // SAFETY: the type is the one that the interface gives this name to.
        let stream = unsafe { FFI_ArrowArrayStream::from_raw(pointer(&stream, c"arrow_array_stream")?) };
        ArrayStreamReader::try_new(stream).and_then(Iterator::collect)
    } else if let Some(method) = object.getattr_opt("__arrow_c_array__")? {
        let (schema, array): (Bound<PyCapsule>, Bound<PyCapsule>) = method.call0()?.extract()?;
        // SAFETY: the types are those that the interface gives these names to; the array belongs to the schema beside it.
        let array = unsafe {
            let schema = FFI_ArrowSchema::from_raw(pointer(&schema, c"arrow_schema")?);
            from_ffi(FFI_ArrowArray::from_raw(pointer(&array, c"arrow_array")?), &schema)
        };
        array.map(|data| vec![make_array(data)])
    } else {
        return Ok(None);
    };
    let checked = |arrays: Vec<ArrayRef>| {
        arrays.iter().try_for_each(|array| array.to_data().validate_full())?;
        Ok::<_, ArrowError>(arrays)
    };
    arrays.and_then(checked).map(Some).map_err(|e| InputError::new_err(format!("the Arrow array cannot be read: {e}")))
}

/// Where the structure in a capsule of this name is. It must be a `T`.
fn pointer<T>(capsule: &Bound<PyCapsule>, name: &CStr) -> PyResult<*mut T> {
    Ok(capsule.pointer_checked(Some(name))?.cast().as_ptr())
}
