//! `hob image`: what machines with a kernel of their own are made of.

mod progress;

use sandbox::image::{Images, Kernel, KernelSource, PACKAGES, Root, Watcher};
use serde_json::{Value, json};

use crate::exit::{Exit, Failure};
use crate::settings::Settings;
use crate::usage::{Image, KernelChoice};
use crate::{mouth, table};
use progress::Progress;

/// Does what was asked.
pub(crate) async fn image(settings: &Settings, asked: Image) -> Result<Exit, Failure> {
    settings.make_data()?;
    let images = Images::open(&settings.data)?;
    match asked {
        Image::Build { kernel, oci, plain_http, package, name, output } => {
            let progress = Progress::new(settings.no_color);
            let watcher = progress.watcher();
            let made = match (kernel, oci) {
                (Some(kernel), _) => Made::kernel(build_kernel(images, kernel, watcher).await?),
                (None, Some(reference)) => {
                    Made::root(images.pull(&reference, &name, plain_http, &watcher).await?)
                }
                (None, None) => build(images, package, name, watcher).await?,
            };
            drop(progress);
            say(&made, output.json)
        }
        Image::Import { path, name, output } => {
            let path = settings.cwd.join(path);
            let progress = Progress::new(settings.no_color);
            let watcher = progress.watcher();
            let root = blocking(move || images.import(&path, &name, &watcher)).await?;
            drop(progress);
            say(&Made::root(root), output.json)
        }
        Image::List { output } => list(&images, output.json),
        Image::Remove { image } => {
            let root = blocking(move || images.remove(&image)).await?;
            mouth::say(&format!("removed {} ({})", root.name, root.digest));
            Ok(Exit::Done)
        }
    }
}

/// What a command has made.
#[derive(Debug)]
struct Made {
    root: Option<Root>,
    kernel: Option<Kernel>,
}

impl Made {
    const fn root(root: Root) -> Self {
        Self { root: Some(root), kernel: None }
    }

    const fn kernel(kernel: Kernel) -> Self {
        Self { root: None, kernel: Some(kernel) }
    }
}

/// The default root with what else was named, and Debian's kernel where there is none at all.
async fn build(
    images: Images,
    more: Vec<String>,
    name: String,
    watcher: Watcher,
) -> Result<Made, Failure> {
    let mut packages: Vec<String> =
        PACKAGES.iter().map(|package| (*package).to_owned()).chain(more).collect();
    packages.sort_unstable();
    packages.dedup();
    blocking(move || {
        let kernel = match images.kernel() {
            Ok(kernel) => kernel,
            Err(_) => images.make_kernel(KernelSource::DebianCloud, &watcher)?,
        };
        let root = images.build(&packages, &name, &watcher)?;
        Ok(Made { root: Some(root), kernel: Some(kernel) })
    })
    .await
}

async fn build_kernel(
    images: Images,
    choice: KernelChoice,
    watcher: Watcher,
) -> Result<Kernel, Failure> {
    let source = match choice {
        KernelChoice::Debian => KernelSource::DebianCloud,
        KernelChoice::Own => KernelSource::Own,
    };
    blocking(move || images.make_kernel(source, &watcher)).await
}

fn say(made: &Made, as_json: bool) -> Result<Exit, Failure> {
    if as_json {
        mouth::json(&json!({
            "image": made.root.as_ref().map(of_root),
            "kernel": made.kernel.as_ref().map(of_kernel),
        }))?;
        return Ok(Exit::Done);
    }
    if let Some(root) = &made.root {
        mouth::data(&format!("image {}: {} ({})", root.name, root.digest, size(root.bytes)));
    }
    if let Some(kernel) = &made.kernel {
        mouth::data(&format!("kernel {}: {}", kernel.version, kernel.digest));
    }
    Ok(Exit::Done)
}

fn list(images: &Images, as_json: bool) -> Result<Exit, Failure> {
    let found = images.list()?;
    if as_json {
        let roots: Vec<_> = found.roots.iter().map(of_root).collect();
        let kernels: Vec<_> = found.kernels.iter().map(of_kernel).collect();
        mouth::json(&json!({ "images": roots, "kernels": kernels }))?;
        return Ok(Exit::Done);
    }
    if found.roots.is_empty() && found.kernels.is_empty() {
        mouth::say("there are no images; `hob image build` makes the default one");
    }
    let roots = found.roots.iter().map(|root| {
        let name = if root.name.is_empty() { "-" } else { &root.name };
        [name.to_owned(), root.digest.to_string(), size(root.bytes), root.made_from.clone()]
    });
    let kernels = found.kernels.iter().map(|kernel| {
        let from = match kernel.source {
            KernelSource::DebianCloud => format!("Debian's, with {} modules", kernel.modules.len()),
            KernelSource::Own => "hob's own".to_owned(),
        };
        [format!("kernel {}", kernel.version), kernel.digest.to_string(), String::new(), from]
    });
    for line in table::lines(&roots.chain(kernels).collect::<Vec<_>>()) {
        mouth::data(&line);
    }
    Ok(Exit::Done)
}

fn of_root(root: &Root) -> Value {
    let env: serde_json::Map<_, _> =
        root.env.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    json!({
        "name": root.name,
        "digest": root.digest,
        "file": root.file,
        "bytes": root.bytes,
        "made_from": root.made_from,
        "env": env,
    })
}

fn of_kernel(kernel: &Kernel) -> Value {
    json!({
        "version": kernel.version,
        "digest": kernel.digest,
        "source": kernel.source,
        "bzimage": kernel.bzimage,
        "vmlinux": kernel.vmlinux,
        "modules": kernel.modules,
    })
}

fn size(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1024 * 1024))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, sandbox::image::ImageError> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|error| Failure::bug("working on an image", &error))??)
}

impl From<sandbox::image::ImageError> for Failure {
    fn from(error: sandbox::image::ImageError) -> Self {
        Self::fixable(engine::chain(&error), error.hint())
    }
}
