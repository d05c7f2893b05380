//! What can be typed. Flags are checked into the library's options here and nowhere else.

use clap::{Args, Parser, Subcommand, ValueEnum};
use refrain::Options;
use refrain::bench::{BenchFormat, BenchOptions};
use refrain::cluster::{Algorithm, ClusterOptions, Init, NClusters, Outliers};
use refrain::dedup::{DedupOptions, Keep, Unit};
use refrain::document::embedded::read_array;
use refrain::document::{Columns, DocumentOptions, Format, HtmlText, Limit, Limits};
use refrain::duplicate::{DuplicateOptions, Kind, PairSources};
use refrain::embedding::{
    Batching, DEFAULT_MODEL, EmbeddingOptions, Precision, Provider, ProviderChoice, RuntimeOptions, cache_folder,
};
use refrain::passage::{PassageOptions, Segment};
use refrain::source::SourceOptions;
use std::path::{Path, PathBuf};

/// What keeps coming back in a pile of documents: the themes that sources share, and the passages
/// that recur.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct Flags {
    #[command(subcommand)]
    pub command: Command,
    /// Say on standard error what is recognised as what, and why, and what runs
    #[arg(short, long, global = true, help_heading = "Output")]
    pub verbose: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Themes and duplicates: the main job
    Report(ReportFlags),
    /// Themes only
    Cluster(ClusterCommand),
    /// Duplicates only
    Duplicates(DuplicatesCommand),
    /// The corpus without its duplicates, in the format it came in
    Dedup(DedupCommand),
    /// Embeddings only
    Embed(EmbedCommand),
    /// Embedding throughput: models × providers × precisions × threads × batch tokens × lengths
    Bench(BenchFlags),
    /// What models are at hand
    Models {
        #[command(subcommand)]
        action: ModelsAction,
    },
    /// The cache folder: what is in the embedding store
    Cache {
        /// Delete all stored embeddings
        #[arg(long)]
        clear: bool,
        #[command(flatten)]
        engine: EngineFlags,
    },
    /// What would run here: CPU, runtime, provider, model, cache
    Doctor(EngineFlags),
}

#[derive(Debug, Subcommand)]
pub enum ModelsAction {
    /// List the models at hand
    List(EngineFlags),
    /// Load every model at hand (or the one named), check its files and embed two texts
    Verify {
        /// A model at hand or a model folder
        name: Option<String>,
        #[command(flatten)]
        engine: EngineFlags,
    },
    /// Copy a model into the cache folder, once it has been loaded and has embedded two texts
    Add {
        /// A folder with model.onnx, tokenizer.json and model.toml (or sentence-transformers' files),
        /// or a name of fastembed's, fetched from the hub (feature `hub`)
        #[arg(value_name = "DIR|NAME")]
        from: String,
        /// What it will be called [default: as the folder, or fastembed's name]
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        engine: EngineFlags,
    },
}

#[derive(Debug, Args)]
pub struct ReportFlags {
    #[command(flatten)]
    pub input: InputFlags,
    #[command(flatten)]
    cluster: ClusterFlags,
    #[command(flatten)]
    duplicate: DuplicateFlags,
    /// The report folder; a report that stands there is replaced
    #[arg(short, long, value_name = "DIR", default_value = "refrain-report")]
    pub output: PathBuf,
}

#[derive(Debug, Args)]
pub struct ClusterCommand {
    #[command(flatten)]
    pub input: InputFlags,
    #[command(flatten)]
    cluster: ClusterFlags,
    /// Also write a report folder
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct DuplicatesCommand {
    #[command(flatten)]
    pub input: InputFlags,
    #[command(flatten)]
    duplicate: DuplicateFlags,
    /// An old corpus (may be repeated): find what of it comes again in PATHS; its own pairs are left out
    #[arg(long, value_name = "PATHS", num_args = 1.., help_heading = "Duplicates")]
    against: Vec<String>,
    /// What a ladder of thresholds would find, with the pairs nearest to each, instead of a report
    #[arg(long, conflicts_with_all = ["target", "output"], help_heading = "Duplicates")]
    pub preview: bool,
    /// Find the threshold at which at most this share of the passages goes
    #[arg(long, value_name = "SHARE", help_heading = "Duplicates")]
    pub target: Option<f32>,
    /// Also write a report folder
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct DedupCommand {
    #[command(flatten)]
    pub input: InputFlags,
    #[command(flatten)]
    pairs: PairFlags,
    /// An old corpus (may be repeated): what stands in it goes from PATHS; all of it stays
    #[arg(long, value_name = "PATHS", num_args = 1.., help_heading = "Duplicates")]
    against: Vec<String>,
    /// Which of several duplicates stays
    #[arg(long, value_enum, default_value_t, value_name = "WHICH", help_heading = "Duplicates")]
    keep: KeepFlag,
    /// What goes
    #[arg(long, value_enum, default_value_t, value_name = "UNIT", help_heading = "Duplicates")]
    unit: UnitFlag,
    /// With --unit document, the least share of a document that stands in one that stays
    #[arg(long, default_value_t = DedupOptions::default().min_share, value_name = "SHARE", help_heading = "Duplicates")]
    min_share: f32,
    /// Instead of a corpus, write a line for each document that says where its duplicates are
    #[arg(long, value_name = "FILE", conflicts_with = "output", help_heading = "Output")]
    pub attributes: Option<PathBuf>,
    /// Where the clean corpus goes: a folder, or, for a single input, a file of the same extension;
    /// nothing may stand there
    #[arg(short, long, value_name = "OUT", required_unless_present = "attributes", help_heading = "Output")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct EmbedCommand {
    #[command(flatten)]
    pub input: InputFlags,
    /// A .parquet table with the passages, or a .npy array of the rows alone
    #[arg(short, long, value_name = "FILE", required = true)]
    pub output: PathBuf,
}

/// What is read, and what the output looks like.
#[derive(Debug, Args)]
pub struct InputFlags {
    /// Files, folders, globs, or - for standard input; for `duplicates`, also a finished report
    #[arg(required = true, value_name = "PATHS")]
    pub paths: Vec<String>,
    /// Of the files in folders, only those that match this glob (may be repeated)
    #[arg(long, value_name = "GLOB", help_heading = "Input")]
    include: Vec<String>,
    /// Of the files in folders, not those that match this glob (may be repeated)
    #[arg(long, value_name = "GLOB", help_heading = "Input")]
    exclude: Vec<String>,
    /// The format of every input
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT", help_heading = "Input")]
    input_format: InputFormat,
    /// Of rows, the column with the text [default: text, content, body and the like]
    #[arg(long, value_name = "NAME", help_heading = "Input")]
    text_column: Option<String>,
    /// Of rows, the column that a row is cited by [default: the number of its line]
    #[arg(long, value_name = "NAME", help_heading = "Input")]
    id_column: Option<String>,
    /// Of rows, the column with the row's source [default: the file]
    #[arg(long, value_name = "NAME", help_heading = "Input")]
    source_column: Option<String>,
    /// Of rows, the column with the date [default: date, published and the like]
    #[arg(long, value_name = "NAME", help_heading = "Input")]
    date_column: Option<String>,
    /// The most that is read: file=8G (read whole, as tables and archives are not), unpacked=4G (of a compressed file
    /// or a member of an archive), row=64M (of a table), ratio=200 (unpacked to packed), depth=4 (archives in each
    /// other), members=100k (of an archive), files=10M; may be repeated
    #[arg(long = "limit", value_name = "NAME=N", help_heading = "Input")]
    limits: Vec<Limit>,
    /// Which text of HTML pages counts
    #[arg(long, value_enum, default_value_t, value_name = "TEXT", help_heading = "Input")]
    html: HtmlFlag,
    /// Where passages end
    #[arg(long, value_enum, default_value_t, value_name = "UNIT", help_heading = "Input")]
    segment: SegmentFlag,
    /// Passages of fewer characters are left out
    #[arg(long, default_value_t = PassageOptions::default().min_chars, value_name = "N", help_heading = "Input")]
    min_chars: usize,
    /// End with exit code 1 if any input was skipped or damaged
    #[arg(long, help_heading = "Input")]
    pub strict: bool,
    /// What is printed on standard output: the summary, or report.json
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT", help_heading = "Output")]
    pub format: OutputFormat,
    /// Print nothing but errors on standard error
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,
    #[command(flatten)]
    pub engine: EngineFlags,
}

/// What `bench` measures; every list multiplies the combinations.
#[derive(Debug, Args)]
pub struct BenchFlags {
    /// Files, folders or globs whose passages are embedded; none: a built-in text cut to --lengths
    #[arg(value_name = "PATHS")]
    pub paths: Vec<String>,
    /// Models, by name or folder
    #[arg(long, value_delimiter = ',', default_value = DEFAULT_MODEL, value_name = "NAME|DIR")]
    models: Vec<String>,
    /// Providers
    #[arg(long, value_enum, value_delimiter = ',', default_value = "auto")]
    providers: Vec<ProviderFlag>,
    /// Number formats of the matrix products
    #[arg(long, value_enum, value_delimiter = ',', default_value = "auto")]
    precisions: Vec<PrecisionFlag>,
    /// Threads; 0: one for each core
    #[arg(long, value_delimiter = ',', default_value = "0", value_name = "N")]
    threads: Vec<usize>,
    /// Tokens of a batch at most, padding included
    #[arg(long, value_delimiter = ',', default_values_t = [Batching::default().batch_tokens], value_name = "N")]
    batch_tokens: Vec<usize>,
    /// What lengths are padded to a multiple of
    #[arg(long, value_delimiter = ',', default_values_t = [Batching::default().length_step], value_name = "N")]
    length_steps: Vec<usize>,
    /// Passage lengths in tokens, without PATHS
    #[arg(long, value_delimiter = ',', default_value = "32,64,128,256", value_name = "N")]
    lengths: Vec<usize>,
    /// Repetitions of each combination
    #[arg(long, default_value_t = 5, value_name = "N")]
    repeats: usize,
    /// How the results are written
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: BenchFormatFlag,
    /// Compare with the results in this file (made with --format json)
    #[arg(long, value_name = "FILE")]
    pub compare: Option<PathBuf>,
    #[command(flatten)]
    runtime: RuntimeFlags,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum BenchFormatFlag {
    #[default]
    Text,
    Json,
    Csv,
    Markdown,
}

impl BenchFlags {
    pub fn options(&self) -> BenchOptions {
        BenchOptions {
            models: self.models.clone(),
            providers: self.providers.iter().map(|flag| flag.choice()).collect(),
            precisions: self.precisions.iter().map(|flag| flag.choice()).collect(),
            threads: self.threads.clone(),
            batch_tokens: self.batch_tokens.clone(),
            length_steps: self.length_steps.clone(),
            lengths: self.lengths.clone(),
            repeats: self.repeats,
            runtime: self.runtime.options(),
        }
    }

    pub fn format(&self) -> BenchFormat {
        match self.format {
            BenchFormatFlag::Text => BenchFormat::Text,
            BenchFormatFlag::Json => BenchFormat::Json,
            BenchFormatFlag::Csv => BenchFormat::Csv,
            BenchFormatFlag::Markdown => BenchFormat::Markdown,
        }
    }
}

impl ProviderFlag {
    fn choice(self) -> ProviderChoice {
        match self {
            Self::Auto => ProviderChoice::Auto,
            Self::Cpu => ProviderChoice::Only(Provider::Cpu),
            Self::Openvino => ProviderChoice::Only(Provider::OpenVino),
        }
    }
}

impl PrecisionFlag {
    fn choice(self) -> Option<Precision> {
        match self {
            Self::Auto => None,
            Self::F32 => Some(Precision::F32),
            Self::Bf16 => Some(Precision::Bf16),
        }
    }
}

/// The model and what runs it.
#[derive(Debug, Args)]
pub struct EngineFlags {
    /// A model at hand, or a folder with model.onnx, tokenizer.json and model.toml (or
    /// sentence-transformers' files)
    #[arg(long, default_value = DEFAULT_MODEL, value_name = "NAME|DIR", help_heading = "Engine")]
    pub model: String,
    /// What runs the model
    #[arg(long, value_enum, default_value_t, help_heading = "Engine")]
    provider: ProviderFlag,
    /// The number format of the model's matrix products
    #[arg(long, value_enum, default_value_t, help_heading = "Engine")]
    precision: PrecisionFlag,
    /// Tokens of a batch at most, padding included
    #[arg(long, default_value_t = Batching::default().batch_tokens, value_name = "N", help_heading = "Engine")]
    batch_tokens: usize,
    /// Run a dynamically quantised model all the same: one passage at a time, so that neighbours do
    /// not change its row, which is slower; and cosines are off from the full model's by up to 0.15
    #[arg(long, help_heading = "Engine")]
    allow_dynamic_quantization: bool,
    /// Neither use nor fill the embedding store
    #[arg(long, help_heading = "Engine")]
    no_cache: bool,
    /// Threads to use; 0: one for each core
    #[arg(long, default_value_t = 0, value_name = "N", help_heading = "Engine")]
    pub threads: usize,
    #[command(flatten)]
    runtime: RuntimeFlags,
}

/// Where ONNX Runtime and everything that is kept are.
#[derive(Debug, Args)]
struct RuntimeFlags {
    /// refrain's cache folder [default: refrain in the user's cache folder]
    #[arg(long, value_name = "DIR", help_heading = "Engine")]
    cache_dir: Option<PathBuf>,
    /// Never fetch anything
    #[arg(long, help_heading = "Engine")]
    offline: bool,
    /// The ONNX Runtime library to load [env: ORT_DYLIB_PATH]
    #[arg(long, value_name = "FILE", help_heading = "Engine")]
    onnxruntime: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ClusterFlags {
    /// Number of clusters, auto, or limits for auto such as 10..200
    ///
    /// Without limits: at least 4 and one for every 5,000 different passages, at most √n for n of them.
    #[arg(short, default_value = "auto", value_parser = n_clusters, value_name = "N|auto|N..N", help_heading = "Themes")]
    k: NClusters,
    /// Where a fit begins: auto, kmeans++, kmeans||, random, or a .npy file of centroids
    ///
    /// auto is kmeans++, and from 1,000 clusters on kmeans||. A file also says how many clusters there are,
    /// unless -k is a number.
    #[arg(long, default_value = "auto", value_parser = init, value_name = "NAME|FILE", help_heading = "Themes")]
    init: Init,
    /// Fits from different starts, of which the best is kept
    #[arg(long, default_value_t = ClusterOptions::default().restarts, value_name = "N", help_heading = "Themes")]
    restarts: usize,
    /// Iterations of a fit at most
    #[arg(long, default_value_t = ClusterOptions::default().max_iterations, value_name = "N", help_heading = "Themes")]
    max_iterations: usize,
    /// Fit on a sample of this many passages for each cluster where there are more
    #[arg(long, default_value_t = ClusterOptions::default().train_per_cluster, value_name = "N", help_heading = "Themes")]
    train_per_cluster: usize,
    /// What finds the centroids
    #[arg(long, value_enum, default_value_t, value_name = "NAME", help_heading = "Themes")]
    algorithm: AlgorithmFlag,
    /// Of JSON rows, the column with what a row is known to be about: how well the themes agree with
    /// these labels is printed
    #[arg(long, value_name = "NAME", help_heading = "Themes")]
    label_column: Option<String>,
    /// The share of passages that are to be in no theme, those that fit theirs least
    ///
    /// Default: as many as lie beyond Tukey's fences (1.5 times the distance between the quartiles of a
    /// theme's similarities to its centroid below the first).
    #[arg(long, value_name = "SHARE", help_heading = "Themes")]
    outliers: Option<f32>,
    /// Decides every random choice
    #[arg(long, default_value_t = ClusterOptions::default().seed, value_name = "N", help_heading = "Themes")]
    seed: u64,
}

#[derive(Debug, Args)]
struct PairFlags {
    /// Least cosine similarity of a reworded pair [default: 0.9]
    #[arg(long, value_name = "COSINE", help_heading = "Duplicates")]
    threshold: Option<f32>,
    /// Kinds of duplicates to look for [default: all]
    #[arg(long, value_enum, value_delimiter = ',', help_heading = "Duplicates")]
    kinds: Option<Vec<KindFlag>>,
    /// Only pairs of passages from different sources
    #[arg(long, conflicts_with = "within_sources", help_heading = "Duplicates")]
    across_sources: bool,
    /// Only pairs of passages from the same source
    #[arg(long, help_heading = "Duplicates")]
    within_sources: bool,
    /// Of more pairs than this, keep the strongest [default: 10000000]
    #[arg(long, value_name = "N", help_heading = "Duplicates")]
    max_pairs: Option<usize>,
}

#[derive(Debug, Args)]
struct DuplicateFlags {
    #[command(flatten)]
    pairs: PairFlags,
    /// Leave out groups of fewer members [default: 2]
    #[arg(long, value_name = "N", help_heading = "Duplicates")]
    min_group: Option<usize>,
    /// What stands in at least this share of a source's documents is its boilerplate [default: 0.2]
    #[arg(long, value_name = "SHARE", help_heading = "Duplicates")]
    boilerplate: Option<f32>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum InputFormat {
    /// Recognised for each input by its content
    #[default]
    Auto,
    Text,
    /// Without its markup
    Markdown,
    Html,
    Json,
    /// A document on every line
    Jsonl,
    Csv,
    Parquet,
    /// RSS or Atom
    Feed,
    /// A message or a mailbox
    Mail,
    Docx,
    Odt,
    Epub,
    Pdf,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum HtmlFlag {
    /// The main text of a page, without navigation, sidebars and footers
    #[default]
    Main,
    /// All that a reader sees
    Full,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum SegmentFlag {
    #[default]
    Paragraph,
    Line,
    Document,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    #[default]
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum ProviderFlag {
    /// The fastest that the runtime and the CPU offer
    #[default]
    Auto,
    Cpu,
    Openvino,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum AlgorithmFlag {
    /// Lloyd's iteration on matrix products
    #[default]
    Lloyd,
    /// linfa-clustering's KMeans on all passages: the reference, and slow
    Linfa,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum PrecisionFlag {
    /// The fastest that the provider and the CPU offer
    #[default]
    Auto,
    F32,
    Bf16,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum KeepFlag {
    /// The first, in the order of documents by name
    #[default]
    First,
    /// The longest
    Longest,
    /// The one of the newest document
    Newest,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum UnitFlag {
    #[default]
    Passage,
    /// Documents of which most stands in another
    Document,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum KindFlag {
    Exact,
    Near,
    Excerpt,
    Reworded,
}

fn n_clusters(typed: &str) -> Result<NClusters, String> {
    let number = |typed: &str| typed.parse().map_err(|_| "expected a number, auto, or two numbers such as 10..200");
    match typed.split_once("..") {
        None if typed == "auto" => Ok(NClusters::Auto),
        None => Ok(NClusters::Exactly(number(typed)?)),
        Some((least, most)) => Ok(NClusters::Between(number(least)?, number(most)?)),
    }
}

fn init(typed: &str) -> Result<Init, String> {
    let named =
        [Init::Auto, Init::PlusPlus, Init::Parallel, Init::Random].into_iter().find(|init| init.name() == typed);
    let file = || read_array(Path::new(typed)).map(Init::Given);
    named.map_or_else(file, Ok).map_err(|e| format!("expected auto, kmeans++, kmeans||, random or a .npy file ({e})"))
}

impl RuntimeFlags {
    fn options(&self) -> RuntimeOptions {
        RuntimeOptions {
            library: self.onnxruntime.clone(),
            offline: self.offline,
            cache: cache_folder(self.cache_dir.clone()),
        }
    }
}

impl EngineFlags {
    pub fn runtime(&self) -> RuntimeOptions {
        self.runtime.options()
    }

    pub fn embedding(&self) -> EmbeddingOptions {
        EmbeddingOptions {
            provider: self.provider.choice(),
            precision: self.precision.choice(),
            threads: self.threads,
            batching: Batching { batch_tokens: self.batch_tokens, ..Default::default() },
            allow_dynamic_quantization: self.allow_dynamic_quantization,
            store: (!self.no_cache).then(|| self.runtime().cache),
        }
    }
}

impl PairFlags {
    /// What is typed, over `base`.
    fn over(&self, base: &DuplicateOptions) -> DuplicateOptions {
        let kinds = |flags: &Vec<KindFlag>| flags.iter().map(|flag| Kind::ALL[*flag as usize]).collect();
        DuplicateOptions {
            threshold: self.threshold.unwrap_or(base.threshold),
            kinds: self.kinds.as_ref().map_or_else(|| base.kinds.clone(), kinds),
            sources: match (self.across_sources, self.within_sources) {
                (true, _) => PairSources::Across,
                (_, true) => PairSources::Within,
                _ => base.sources,
            },
            max_pairs: self.max_pairs.unwrap_or(base.max_pairs),
            ..base.clone()
        }
    }
}

impl DuplicateFlags {
    /// What is typed, over `base`.
    fn over(&self, base: &DuplicateOptions) -> DuplicateOptions {
        let base = self.pairs.over(base);
        DuplicateOptions {
            min_group: self.min_group.unwrap_or(base.min_group),
            boilerplate: self.boilerplate.unwrap_or(base.boilerplate),
            ..base
        }
    }
}

impl InputFlags {
    fn options(&self, cluster: Option<&ClusterFlags>, duplicate: Option<&DuplicateFlags>) -> Options {
        Options {
            source: SourceOptions { include: self.include.clone(), exclude: self.exclude.clone() },
            document: DocumentOptions {
                format: match self.input_format {
                    InputFormat::Auto => None,
                    InputFormat::Text => Some(Format::Text),
                    InputFormat::Markdown => Some(Format::Markdown),
                    InputFormat::Html => Some(Format::Html),
                    InputFormat::Json => Some(Format::Json),
                    InputFormat::Jsonl => Some(Format::Jsonl),
                    InputFormat::Csv => Some(Format::Csv),
                    InputFormat::Parquet => Some(Format::Parquet),
                    InputFormat::Feed => Some(Format::Feed),
                    InputFormat::Mail => Some(Format::Mail),
                    InputFormat::Docx => Some(Format::Docx),
                    InputFormat::Odt => Some(Format::Odt),
                    InputFormat::Epub => Some(Format::Epub),
                    InputFormat::Pdf => Some(Format::Pdf),
                },
                columns: Columns {
                    text: self.text_column.clone(),
                    id: self.id_column.clone(),
                    label: cluster.and_then(|flags| flags.label_column.clone()),
                    source: self.source_column.clone(),
                    date: self.date_column.clone(),
                },
                html: match self.html {
                    HtmlFlag::Main => HtmlText::Main,
                    HtmlFlag::Full => HtmlText::Full,
                },
                limits: self.limits.iter().fold(Limits::default(), |limits, &limit| limits.with(limit)),
            },
            passage: PassageOptions {
                segment: match self.segment {
                    SegmentFlag::Paragraph => Segment::Paragraph,
                    SegmentFlag::Line => Segment::Line,
                    SegmentFlag::Document => Segment::Document,
                },
                min_chars: self.min_chars,
            },
            model: self.engine.model.clone(),
            runtime: self.engine.runtime(),
            embedding: self.engine.embedding(),
            projection: true,
            cluster: cluster.map(|flags| ClusterOptions {
                n_clusters: flags.k,
                init: flags.init.clone(),
                restarts: flags.restarts,
                max_iterations: flags.max_iterations,
                train_per_cluster: flags.train_per_cluster,
                algorithm: match flags.algorithm {
                    AlgorithmFlag::Lloyd => Algorithm::Lloyd,
                    AlgorithmFlag::Linfa => Algorithm::Linfa,
                },
                outliers: flags.outliers.map_or_else(Outliers::default, Outliers::Share),
                seed: flags.seed,
            }),
            duplicate: duplicate.map(|flags| flags.over(&DuplicateOptions::default())),
            against: vec![],
        }
    }
}

impl ReportFlags {
    pub fn options(&self) -> Options {
        self.input.options(Some(&self.cluster), Some(&self.duplicate))
    }
}

impl EmbedCommand {
    pub fn options(&self) -> Options {
        self.input.options(None, None)
    }
}

impl DedupCommand {
    pub fn options(&self) -> Options {
        let duplicate = Some(self.pairs.over(&DuplicateOptions::default()));
        Options { duplicate, against: self.against.clone(), ..self.input.options(None, None) }
    }

    pub fn dedup(&self) -> DedupOptions {
        DedupOptions {
            keep: match self.keep {
                KeepFlag::First => Keep::First,
                KeepFlag::Longest => Keep::Longest,
                KeepFlag::Newest => Keep::Newest,
            },
            unit: match self.unit {
                UnitFlag::Passage => Unit::Passage,
                UnitFlag::Document => Unit::Document,
            },
            min_share: self.min_share,
            is_named_only: self.attributes.is_some(),
        }
    }
}

impl ClusterCommand {
    pub fn options(&self) -> Options {
        // Only a report folder shows the map.
        Options { projection: self.output.is_some(), ..self.input.options(Some(&self.cluster), None) }
    }
}

impl DuplicatesCommand {
    pub fn options(&self) -> Options {
        Options { against: self.against.clone(), ..self.input.options(None, Some(&self.duplicate)) }
    }

    /// The options that are typed, over those of a finished report.
    ///
    /// # Errors
    /// Which of them a finished report does not allow.
    pub fn over(&self, made_with: &DuplicateOptions) -> anyhow::Result<DuplicateOptions> {
        let pairs = &self.duplicate.pairs;
        let is_other = pairs.across_sources || pairs.within_sources || pairs.max_pairs.is_some();
        if is_other || !self.against.is_empty() {
            anyhow::bail!(
                "of a finished report, only --threshold, --kinds, --min-group and --boilerplate can be changed; \
                 for the others, name the documents"
            );
        }
        Ok(self.duplicate.over(made_with))
    }
}
