//! The command line: flags become options, the library does the work, and what came of it is
//! written. Standard output carries data, standard error the rest. Exit codes: 0 done; 1 `--strict`,
//! and some input was skipped or damaged; 2 could not run.

mod doctor;
mod flags;
mod interrupt;
mod watch;

use anyhow::Context;
use clap::Parser;
use flags::{BenchFlags, Command, DedupCommand, DuplicatesCommand, Flags, InputFlags, ModelsAction, OutputFormat};
use refrain::bench::{self, BenchFormat, BenchReport, write_comparison, write_results};
use refrain::report::{
    AttributesFile, CleanCorpus, EmbeddingsFile, ReportFolder, read_report, write_dedup_json, write_dedup_summary,
    write_json, write_preview, write_preview_json, write_summary,
};
use refrain::source::is_report_folder;
use refrain::{Options, Progress, Report, Stage, analyse, regroup};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

const DONE: u8 = 0;
const LOSSES: u8 = 1;
const COULD_NOT_RUN: u8 = 2;

fn main() -> ExitCode {
    let flags = Flags::parse();
    if flags.verbose {
        let lines = tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(tracing::Level::DEBUG);
        lines.without_time().with_target(false).init();
    }
    interrupt::watch();
    #[cfg(feature = "pdf")]
    quiet_about_damaged_pdfs();
    match run(&flags) {
        Ok(code) => ExitCode::from(code),
        // Whoever read our output has had enough of it.
        Err(error) if is_closed_pipe(&error) => ExitCode::from(DONE),
        Err(error) => {
            eprintln!("refrain: {error:#}");
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

/// A panic in the thread that reads a PDF is a warning in the report, and needs no word here.
#[cfg(feature = "pdf")]
fn quiet_about_damaged_pdfs() {
    let ordinary = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() != Some(refrain::document::pdf::THREAD) {
            ordinary(panic);
        }
    }));
}

fn run(flags: &Flags) -> anyhow::Result<u8> {
    match &flags.command {
        Command::Report(flags) => work(&flags.input, &flags.options(), Some(&flags.output)),
        Command::Cluster(flags) => work(&flags.input, &flags.options(), flags.output.as_deref()),
        Command::Duplicates(flags) => duplicates(flags),
        Command::Dedup(flags) => dedup(flags),
        Command::Embed(flags) => embed(&flags.input, &flags.options(), &flags.output),
        Command::Bench(flags) => bench(flags),
        Command::Models { action: ModelsAction::List(engine) } => doctor::list_models(engine),
        Command::Models { action: ModelsAction::Verify { name, engine } } => {
            doctor::verify_models(name.as_deref(), engine)
        }
        Command::Models { action: ModelsAction::Add { from, name, engine } } => {
            doctor::add_model(from, name.as_deref(), engine)
        }
        Command::Cache { clear, engine } => doctor::cache(*clear, engine),
        Command::Doctor(engine) => doctor::doctor(engine),
    }
}

fn work(input: &InputFlags, options: &Options, output: Option<&Path>) -> anyhow::Result<u8> {
    options.check()?;
    let folder = claim(output)?;
    use_threads(options.embedding.threads);
    let report = analyse(&input.paths, options, &watch::Watch::new(input.quiet))?;
    show(&report, input, folder, output)
}

/// A place for a report.
fn claim(output: Option<&Path>) -> refrain::Result<Option<ReportFolder>> {
    let folder = output.map(ReportFolder::claim).transpose()?;
    folder.iter().for_each(|folder| interrupt::takes_away(folder.scratch()));
    Ok(folder)
}

/// Writes a report where it is wanted.
fn show(
    report: &Report,
    input: &InputFlags,
    folder: Option<ReportFolder>,
    output: Option<&Path>,
) -> anyhow::Result<u8> {
    if let Some(folder) = folder {
        let watch = watch::Watch::new(input.quiet);
        watch.start(Stage::Writing, 0);
        folder.write(report)?;
        watch.finish();
    }
    let mut out = std::io::stdout().lock();
    match input.format {
        OutputFormat::Json => write_json(report, &mut out)?,
        OutputFormat::Text => {
            let files = output.map(|path| path.display().to_string());
            write_summary(report, files.as_deref(), width(), &mut out)?;
        }
    }
    out.flush()?;
    if !input.quiet && input.format == OutputFormat::Json {
        report.warnings.iter().for_each(|warning| eprintln!("refrain: {warning}"));
    }
    Ok(if input.strict && report.has_losses() { LOSSES } else { DONE })
}

/// Columns of the terminal.
fn width() -> usize {
    usize::from(console::Term::stdout().size_checked().map_or(100, |(_, columns)| columns))
}

fn duplicates(flags: &DuplicatesCommand) -> anyhow::Result<u8> {
    let (input, mut options) = (&flags.input, flags.options());
    let finished = match &input.paths[..] {
        [path] if is_report_folder(Path::new(path)) => Some(Path::new(path)),
        _ => None,
    };
    if finished.is_none() && !flags.preview && flags.target.is_none() {
        return work(input, &options, flags.output.as_deref());
    }
    options.check()?;
    if let (Some(from), Some(to)) = (finished, flags.output.as_deref())
        && from.canonicalize().ok() == to.canonicalize().ok()
    {
        anyhow::bail!(
            "{}: the report would replace the one it is made from; choose another place with -o",
            to.display()
        );
    }
    let folder = claim(flags.output.as_deref())?;
    let report = if let Some(folder) = finished {
        let report = read_report(folder)?;
        let asked = flags.over(&report.options.duplicate.clone().unwrap_or_default())?;
        regroup::regroup(report, &asked)?
    } else {
        if let Some(options) = &mut options.duplicate {
            options.threshold = options.threshold.min(regroup::LOWEST);
        }
        use_threads(options.embedding.threads);
        analyse(&input.paths, &options, &watch::Watch::new(input.quiet))?
    };
    if !flags.preview {
        let report = match flags.target {
            Some(share) => regroup::for_share(report, share)?,
            None => report,
        };
        return show(&report, input, folder, flags.output.as_deref());
    }
    let rungs = regroup::preview(&report)?;
    let mut out = std::io::stdout().lock();
    match input.format {
        OutputFormat::Json => write_preview_json(&report, &rungs, &mut out)?,
        OutputFormat::Text => write_preview(&report, &rungs, width(), &mut out)?,
    }
    out.flush()?;
    Ok(DONE)
}

fn embed(input: &InputFlags, options: &Options, output: &Path) -> anyhow::Result<u8> {
    let file = EmbeddingsFile::claim(output)?;
    interrupt::takes_away(file.scratch());
    use_threads(options.embedding.threads);
    let embeddings = refrain::embed(&input.paths, options, &watch::Watch::new(input.quiet))?;
    file.write(&embeddings)?;
    let (n, dim) = embeddings.rows.dim();
    writeln!(std::io::stdout(), "{n} embeddings of {dim} dimensions in {}", output.display())?;
    let warnings = &embeddings.corpus.warnings;
    if !input.quiet {
        warnings.iter().for_each(|warning| eprintln!("refrain: {warning}"));
    }
    Ok(if input.strict && warnings.iter().any(refrain::Warning::is_loss) { LOSSES } else { DONE })
}

fn dedup(flags: &DedupCommand) -> anyhow::Result<u8> {
    let (input, options) = (&flags.input, flags.options());
    let attributes = flags.attributes.as_deref().map(AttributesFile::claim).transpose()?;
    attributes.iter().for_each(|file| interrupt::takes_away(file.scratch()));
    let corpus = flags.output.as_deref().map(CleanCorpus::claim).transpose()?;
    corpus.iter().for_each(|corpus| interrupt::takes_away(corpus.scratch()));
    use_threads(options.embedding.threads);
    let watch = watch::Watch::new(input.quiet);
    let dedup = refrain::dedup::dedup(&input.paths, &options, flags.dedup(), &watch)?;
    watch.start(Stage::Writing, 0);
    let mut written = Vec::new();
    if let Some(file) = attributes {
        written.push(file.write(&dedup)?);
    }
    if let Some(corpus) = corpus {
        written.extend(corpus.write(&dedup)?);
    }
    watch.finish();
    let mut out = std::io::stdout().lock();
    match input.format {
        OutputFormat::Json => write_dedup_json(&dedup, &mut out)?,
        OutputFormat::Text => write_dedup_summary(&dedup, &written, &mut out)?,
    }
    out.flush()?;
    if !input.quiet && input.format == OutputFormat::Json {
        dedup.warnings.iter().for_each(|warning| eprintln!("refrain: {warning}"));
    }
    Ok(if input.strict && dedup.warnings.iter().any(refrain::Warning::is_loss) { LOSSES } else { DONE })
}

/// Every later parallel loop runs in a pool of so many threads.
fn use_threads(threads: usize) {
    if threads > 0 {
        // That it cannot be set twice is no concern here.
        rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().ok();
    }
}

fn bench(flags: &BenchFlags) -> anyhow::Result<u8> {
    let before: Option<BenchReport> = flags.compare.as_deref().map(read_results).transpose()?;
    let options = flags.options();
    let watch = watch::Watch::new(false);
    let report = if flags.paths.is_empty() {
        bench::bench(None, &options, &watch)?
    } else {
        let read = refrain::read(&flags.paths, &Options { model: options.models[0].clone(), ..Options::default() })?;
        let texts: Vec<&str> = read.passages.iter().map(|passage| passage.text(&read.documents)).collect();
        bench::bench(Some(&texts), &options, &watch)?
    };
    let mut out = std::io::stdout().lock();
    write_results(&report, flags.format(), &mut out)?;
    if let Some(before) = before {
        // Beside data that a program reads, the comparison goes to the other stream.
        match flags.format() {
            BenchFormat::Text | BenchFormat::Markdown => {
                writeln!(out)?;
                write_comparison(&before, &report, &mut out)?;
            }
            BenchFormat::Json | BenchFormat::Csv => write_comparison(&before, &report, &mut std::io::stderr())?,
        }
    }
    Ok(DONE)
}

fn read_results(path: &Path) -> anyhow::Result<BenchReport> {
    let file = std::fs::File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    serde_json::from_reader(std::io::BufReader::new(file))
        .with_context(|| format!("{} does not hold results of `refrain bench --format json`", path.display()))
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == ErrorKind::BrokenPipe))
}
