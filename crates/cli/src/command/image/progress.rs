//! How the making of an image goes on: live for a person who watches, steps as lines elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use sandbox::image::{Said, Watcher};

use crate::{mouth, visible};

/// Shows it until it is dropped.
#[derive(Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A live display where someone watches.
    pub(super) fn new(no_color: bool) -> Self {
        let bar = mouth::is_watched().then(|| {
            let bar = ProgressBar::new_spinner();
            let spinner = if no_color { "{spinner}" } else { "{spinner:.cyan}" };
            if let Ok(style) =
                ProgressStyle::with_template(&format!("{spinner} {{elapsed:>4}} {{wide_msg}}"))
            {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { bar }
    }

    /// Whoever makes images tells this one.
    pub(super) fn watcher(&self) -> Watcher {
        let bar = self.bar.clone();
        Watcher::new(move |said| match (said, &bar) {
            (Said::Step(step), Some(bar)) => {
                bar.suspend(|| mouth::say(step));
                bar.set_message(String::new());
            }
            (Said::Step(step), None) => mouth::say(step),
            (Said::Detail(line), Some(bar)) => bar.set_message(visible::line(line).into_owned()),
            (Said::Detail(_), None) => {}
        })
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
