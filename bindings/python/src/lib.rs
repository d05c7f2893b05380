//! refrain for Python. What can be called stands in `python/refrain/__init__.py`, with its documentation; here is what that
//! calls: Python objects become what the library takes, and what it returns becomes NumPy arrays and Arrow tables.
//!
//! Nothing is decided here: options are the command line's (`options`), work is the library's, done in another thread without
//! the interpreter's lock (`interrupt`), and errors keep their messages (`errors`).

mod capsule;
mod cluster;
mod duplicates;
mod embedder;
mod errors;
mod interrupt;
mod options;
mod report;
mod rows;
mod spark;
mod table;
mod texts;

use pyo3::prelude::*;

#[pymodule]
mod _refrain {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::cluster::{Clustering, cluster};
    #[pymodule_export]
    use crate::duplicates::{Duplicates, duplicates};
    #[pymodule_export]
    use crate::embedder::Embedder;
    #[pymodule_export]
    use crate::report::{Report, report};
    #[pymodule_export]
    use crate::table::Table;

    /// The steps of `refrain.spark`.
    #[pymodule]
    mod spark {
        #[pymodule_export]
        use crate::spark::{
            Cells, FirstFit, Pass, Reader, candidates, collected, compared, cosines, decided, digests, dots, fit_first,
            fit_keys, groups, joined, moved, placed, postings, rarity, row_keys, table_columns, unit_rows, within,
        };
    }

    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "as Python calls it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
