//! Why an attempt failed, and what follows from each class.

use domain::Digest;

use crate::state::Step;

/// Why a step failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which try.
    pub attempt: u32,
    /// During which step.
    pub step: String,
    /// Whose fault.
    pub class: FailureClass,
    /// Why, for the next attempt and for people.
    pub reason: String,
    /// Names what was worked on, where the next attempt would do the same with the same: the change, or the base
    /// where there was none yet. Nothing where the next attempt may come to something else.
    pub work: Option<Digest>,
}

impl Failure {
    /// A failure of this step.
    pub fn new(attempt: u32, step: Step, class: FailureClass, reason: String) -> Self {
        Self { attempt, step: step.name().to_owned(), class, reason, work: None }
    }

    /// The same, with what was worked on.
    pub(crate) fn at_work(self, work: Option<Digest>) -> Self {
        Self { work, ..self }
    }

    /// Whether an earlier attempt failed the same way in the same work, so that one more would as well. Numbers,
    /// durations and ids differ from time to time and do not count.
    pub(crate) fn repeats(&self, earlier: &Self) -> bool {
        self.work.is_some()
            && self.work == earlier.work
            && earlier.attempt < self.attempt
            && (self.class, &self.step) == (earlier.class, &earlier.step)
            && lasting_words(&self.reason).eq(lasting_words(&earlier.reason))
    }
}

/// The words of a message without those that hold a digit.
fn lasting_words(message: &str) -> impl Iterator<Item = &str> {
    let words = message.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.filter(|word| !word.is_empty() && !word.contains(|c: char| c.is_ascii_digit()))
}

/// Whose fault a failure is; each class has its own rule of retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FailureClass {
    /// Machines, disks, registries, our own crash: retried with backoff, never counted as an attempt.
    Infrastructure,
    /// The brain could not do it: retried as the next attempt.
    Agent,
    /// The change breaks a check: retried as the next attempt, which is told what broke.
    Checks,
    /// Out of bounds: never retried, people are told.
    Policy,
    /// Time, disk or money is used up: never retried, people are told.
    Budget,
}

impl FailureClass {
    /// Every class.
    pub const ALL: [Self; 5] =
        [Self::Infrastructure, Self::Agent, Self::Checks, Self::Policy, Self::Budget];

    /// The class's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Infrastructure => "infrastructure",
            Self::Agent => "agent",
            Self::Checks => "checks",
            Self::Policy => "policy",
            Self::Budget => "budget",
        }
    }
}

/// What a run may use up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Attempts.
    pub attempts_max: u32,
    /// Infrastructure losses before people are told.
    pub losses_max: u32,
    /// Time that steps are worked on, all attempts together, in milliseconds. Pauses, and time in which no process
    /// works on the run, are not counted.
    pub time_ms: u64,
    /// The first pause after an infrastructure loss, doubled each time, in milliseconds.
    pub backoff_ms: u64,
    /// The longest such pause, in milliseconds.
    pub backoff_max_ms: u64,
}

impl Limits {
    /// Infrastructure losses of a run that are borne where nothing else is said.
    pub const LOSSES_MAX: u32 = 5;

    /// The pause before the retry after the `losses`-th loss (from 1), with full jitter
    /// (`jitter` of 65536 parts): <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>.
    pub fn pause_ms(&self, losses: u32, jitter: u16) -> u64 {
        let doubled = 1_u64 << losses.saturating_sub(1).min(20);
        let ceiling = self.backoff_ms.saturating_mul(doubled).min(self.backoff_max_ms);
        ceiling.saturating_mul(u64::from(jitter)) / 65_536
    }
}
