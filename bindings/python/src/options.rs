//! Keyword arguments, called as the command line's options are, over the library's defaults. What is None is not given.

use crate::errors::OptionError;
use crate::rows::Rows;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use refrain::Options;
use refrain::cluster::{Algorithm, Init, NClusters, Outliers};
use refrain::document::embedded::read_array;
use refrain::document::{Format, HtmlText, Limit};
use refrain::duplicate::{Kind, PairSources};
use refrain::embedding::{Precision, Provider, ProviderChoice};
use refrain::passage::Segment;
use std::path::{Path, PathBuf};

/// Sets an option if it is one of a group's; false if it is not.
pub type Group = fn(&mut Options, &Given) -> PyResult<bool>;

/// The options that are given, each of which is in one of the groups.
pub fn over_defaults(given: &Bound<PyDict>, groups: &[Group]) -> PyResult<Options> {
    let mut options = Options::default();
    for (name, value) in given {
        let given = Given { name: name.extract()?, value };
        let mut is_known = given.value.is_none();
        for group in groups {
            is_known = is_known || group(&mut options, &given)?;
        }
        if !is_known {
            return Err(PyTypeError::new_err(format!("there is no option {}", given.name)));
        }
    }
    Ok(options)
}

/// An option as it is given.
pub struct Given<'py> {
    name: String,
    value: Bound<'py, PyAny>,
}

impl<'py> Given<'py> {
    fn read<T: for<'a> FromPyObject<'a, 'py>>(&self, expected: &str) -> PyResult<T> {
        self.value.extract().map_err(|_| self.wrong(expected))
    }

    /// The value that is called so.
    fn one_of<T: Clone>(&self, named: &[(&str, T)]) -> PyResult<T> {
        let name: String = self.value.extract().unwrap_or_default();
        let found = named.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        let names: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
        found.ok_or_else(|| self.wrong(&names.join(", ")))
    }

    fn number<T: for<'a> FromPyObject<'a, 'py>>(&self) -> PyResult<T> {
        self.read("a number, not below 0")
    }

    fn flag(&self) -> PyResult<bool> {
        self.read("True or False")
    }

    fn text(&self) -> PyResult<String> {
        self.read("a str")
    }

    fn texts(&self) -> PyResult<Vec<String>> {
        self.read("a list of str")
    }

    fn path(&self) -> PyResult<PathBuf> {
        self.read("a path")
    }

    /// In the words of the library's own errors, which name options as they are typed.
    fn wrong(&self, expected: &str) -> PyErr {
        let dashes = if self.name.len() == 1 { "-" } else { "--" };
        let (name, found) = (self.name.replace('_', "-"), &self.value);
        OptionError::new_err(format!("{dashes}{name}: found {found}, expected {expected}"))
    }
}

/// What every function has.
pub fn threads(options: &mut Options, given: &Given) -> PyResult<bool> {
    match given.name.as_str() {
        "threads" => options.embedding.threads = given.number()?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// The model and what runs it.
pub fn engine(options: &mut Options, given: &Given) -> PyResult<bool> {
    match given.name.as_str() {
        "model" => options.model = given.path()?.to_string_lossy().into_owned(),
        "provider" => {
            let only = ProviderChoice::Only;
            let named =
                [("auto", ProviderChoice::Auto), ("cpu", only(Provider::Cpu)), ("openvino", only(Provider::OpenVino))];
            options.embedding.provider = given.one_of(&named)?;
        }
        "precision" => {
            let named = [("auto", None), ("f32", Some(Precision::F32)), ("bf16", Some(Precision::Bf16))];
            options.embedding.precision = given.one_of(&named)?;
        }
        "batch_tokens" => options.embedding.batching.batch_tokens = given.number()?,
        "allow_dynamic_quantization" => options.embedding.allow_dynamic_quantization = given.flag()?,
        "no_cache" => {
            let is_kept = !given.flag()?;
            options.embedding.store = options.embedding.store.take().filter(|_| is_kept);
        }
        "cache_dir" => {
            options.runtime.cache = given.path()?;
            options.embedding.store = options.embedding.store.take().map(|_| options.runtime.cache.clone());
        }
        "offline" => options.runtime.offline = given.flag()?,
        "onnxruntime" => options.runtime.library = Some(given.path()?),
        _ => return threads(options, given),
    }
    Ok(true)
}

/// What is read, and as what.
pub fn input(options: &mut Options, given: &Given) -> PyResult<bool> {
    let columns = &mut options.document.columns;
    match given.name.as_str() {
        "include" => options.source.include = given.texts()?,
        "exclude" => options.source.exclude = given.texts()?,
        "input_format" => {
            let named = [
                ("auto", None),
                ("text", Some(Format::Text)),
                ("markdown", Some(Format::Markdown)),
                ("html", Some(Format::Html)),
                ("json", Some(Format::Json)),
                ("jsonl", Some(Format::Jsonl)),
                ("csv", Some(Format::Csv)),
                ("parquet", Some(Format::Parquet)),
                ("feed", Some(Format::Feed)),
                ("mail", Some(Format::Mail)),
                ("docx", Some(Format::Docx)),
                ("odt", Some(Format::Odt)),
                ("epub", Some(Format::Epub)),
            ];
            options.document.format = given.one_of(&named)?;
        }
        "text_column" => columns.text = Some(given.text()?),
        "id_column" => columns.id = Some(given.text()?),
        "source_column" => columns.source = Some(given.text()?),
        "date_column" => columns.date = Some(given.text()?),
        "label_column" => columns.label = Some(given.text()?),
        "limit" => {
            for limit in given.texts()? {
                let limit: Limit = limit.parse().map_err(|e| given.wrong(&format!("a list of str ({e})")))?;
                options.document.limits = options.document.limits.with(limit);
            }
        }
        "html" => options.document.html = given.one_of(&[("main", HtmlText::Main), ("full", HtmlText::Full)])?,
        "segment" => {
            let named = [("paragraph", Segment::Paragraph), ("line", Segment::Line), ("document", Segment::Document)];
            options.passage.segment = given.one_of(&named)?;
        }
        "min_chars" => options.passage.min_chars = given.number()?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// How themes are found.
pub fn clusters(options: &mut Options, given: &Given) -> PyResult<bool> {
    let cluster = options.cluster.get_or_insert_default();
    match given.name.as_str() {
        "k" => cluster.n_clusters = n_clusters(given)?,
        "init" => cluster.init = init(given)?,
        "restarts" => cluster.restarts = given.number()?,
        "max_iterations" => cluster.max_iterations = given.number()?,
        "train_per_cluster" => cluster.train_per_cluster = given.number()?,
        "algorithm" => {
            cluster.algorithm = given.one_of(&[("lloyd", Algorithm::Lloyd), ("linfa", Algorithm::Linfa)])?;
        }
        "outliers" => cluster.outliers = Outliers::Share(given.number()?),
        "seed" => cluster.seed = given.number()?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn n_clusters(given: &Given) -> PyResult<NClusters> {
    if let Ok(exactly) = given.value.extract() {
        return Ok(NClusters::Exactly(exactly));
    }
    if let Ok((least, most)) = given.value.extract() {
        return Ok(NClusters::Between(least, most));
    }
    let is_auto = given.value.extract::<String>().is_ok_and(|typed| typed == "auto");
    if is_auto { Ok(NClusters::Auto) } else { Err(given.wrong("a number, \"auto\", or two numbers such as (10, 200)")) }
}

fn init(given: &Given) -> PyResult<Init> {
    if let Ok(centroids) = given.value.extract::<Rows>() {
        return Ok(Init::Given(centroids.into_given()));
    }
    let typed = given.path()?.to_string_lossy().into_owned();
    let named =
        [Init::Auto, Init::PlusPlus, Init::Parallel, Init::Random].into_iter().find(|init| init.name() == typed);
    let file = || read_array(Path::new(&typed)).map(Init::Given);
    named.map_or_else(file, Ok).map_err(|e| {
        given.wrong(&format!("auto, kmeans++, kmeans||, random, an array of centroids or a .npy file ({e})"))
    })
}

/// What counts as a duplicate.
pub fn duplicates(options: &mut Options, given: &Given) -> PyResult<bool> {
    let duplicate = options.duplicate.get_or_insert_default();
    let only = |sources: &mut PairSources, these: PairSources| {
        let is_other = *sources != PairSources::Any && *sources != these;
        match given.flag()? {
            true if is_other => Err(given.wrong("one of across_sources and within_sources")),
            true => {
                *sources = these;
                Ok(())
            }
            false => Ok(()),
        }
    };
    match given.name.as_str() {
        "threshold" => duplicate.threshold = given.read("a cosine above 0 and at most 1")?,
        "kinds" => {
            let named = Kind::ALL.map(|kind| (kind.name(), kind));
            let kind = |typed: Bound<_>| Given { name: given.name.clone(), value: typed }.one_of(&named);
            let typed: Vec<Bound<PyAny>> = given.read("a list of exact, near, excerpt, reworded")?;
            duplicate.kinds = typed.into_iter().map(kind).collect::<PyResult<_>>()?;
        }
        "across_sources" => only(&mut duplicate.sources, PairSources::Across)?,
        "within_sources" => only(&mut duplicate.sources, PairSources::Within)?,
        "max_pairs" => duplicate.max_pairs = given.number()?,
        "min_group" => duplicate.min_group = given.number()?,
        "boilerplate" => duplicate.boilerplate = given.number()?,
        _ => return Ok(false),
    }
    Ok(true)
}
