//! The front matter, key by key, as it stands in the text.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};

use super::measure::{Duration, Size};

/// The front matter of an agent's definition.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Front {
    /// The unique name: lower-case letters, digits and `-`.
    #[schemars(regex(pattern = "^[a-z][a-z0-9-]{0,62}$"))]
    pub name: String,
    /// Which events start it.
    #[serde(default)]
    pub on: On,
    /// The repositories it may work on, as glob patterns; left out means every one.
    #[serde(default)]
    pub repositories: Vec<String>,
    /// What decides in an attempt.
    pub brain: BrainName,
    /// The playbook and its settings.
    pub playbook: PlaybookFront,
    /// The machine that an attempt gets.
    #[serde(default)]
    pub sandbox: SandboxFront,
    /// What the machine may ask of the network: ecosystem presets, or hosts with methods and paths.
    #[serde(default)]
    pub network: Vec<NetworkFront>,
    /// What a change may touch.
    pub scope: ScopeFront,
    /// Check commands; left out means detected from the base commit.
    #[serde(default)]
    pub checks: Vec<String>,
    /// What must hold before a proposal.
    #[serde(default)]
    pub gates: GatesFront,
    /// What a run may do to the outside.
    #[serde(default)]
    pub outputs: OutputsFront,
    /// How much of it at once.
    #[serde(default)]
    pub limits: LimitsFront,
    /// What a run may spend.
    #[serde(default)]
    pub budget: BudgetFront,
    /// Who is told what it could not resolve.
    #[serde(default)]
    pub escalate: Option<EscalateFront>,
}

/// Which events start an agent.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct On {
    /// At these times.
    pub schedule: Option<ScheduleFront>,
    /// When these branches move.
    pub push: Option<PushFront>,
    /// When an advisory appears that matches the repository's dependencies.
    pub advisory: Option<AdvisoryFront>,
    /// A CEL expression over the event; false means no.
    pub filter: Option<String>,
}

/// When a schedule fires.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleFront {
    /// Five fields: minute, hour, day of month, month, day of week.
    pub cron: String,
    /// An IANA time zone.
    pub timezone: Option<String>,
    /// Spread the start over this long.
    pub jitter: Option<Duration>,
    /// How late a missed time is still made up for.
    pub catch_up: Option<Duration>,
    /// What happens while an earlier run is still under way.
    pub overlap: Option<Overlap>,
}

/// What happens while an earlier run is still under way.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// The new one is left out.
    Skip,
    /// One waits.
    BufferOne,
    /// All wait.
    BufferAll,
    /// The old one is told to stop.
    CancelOther,
    /// The old one is ended.
    TerminateOther,
    /// Both run.
    AllowAll,
}

/// Which pushes count.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PushFront {
    /// Branch globs.
    #[serde(default)]
    pub branches: Vec<String>,
    /// Path globs; one has to match.
    #[serde(default)]
    pub paths: Vec<String>,
}

/// Which advisories count.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdvisoryFront {
    /// Only these ecosystems; left out means all.
    #[serde(default)]
    pub ecosystems: Vec<EcosystemName>,
}

/// An ecosystem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = with_other_names)]
pub enum EcosystemName {
    /// Rust.
    #[serde(alias = "crates-io")]
    Cargo,
    /// JavaScript.
    Npm,
    /// Python.
    #[serde(alias = "pypi")]
    Python,
}

/// The schema also knows the names of the registries.
fn with_other_names(schema: &mut schemars::Schema) {
    let names = schema.get_mut("oneOf").and_then(serde_json::Value::as_array_mut);
    let others = [("crates-io", "The same as `cargo`."), ("pypi", "The same as `python`.")];
    names.into_iter().for_each(|names| {
        names.extend(others.map(|(name, meaning)| {
            serde_json::json!({ "const": name, "description": meaning, "type": "string" })
        }));
    });
}

/// What decides in an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BrainName {
    /// A deterministic playbook.
    Playbook,
}

/// The playbook and its settings.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaybookFront {
    /// Which playbook.
    pub name: PlaybookName,
    /// `dependencies`: the largest step that is taken; `minor` when left out.
    pub level: Option<LevelName>,
    /// `dependencies`: how updates are bundled into changes; `all` when left out.
    pub group: Option<GroupName>,
    /// `dependencies`: a version must have been published for this long; `0s` when left out.
    pub min_release_age: Option<Duration>,
    /// Package names (globs) that are left alone.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// `remediation`: advisories that people have accepted.
    #[serde(default)]
    pub ignore_advisories: Vec<String>,
    /// `remediation`: whether findings in development dependencies are fixed too; `true` when left out.
    pub development: Option<bool>,
    /// Only these ecosystems; left out means all.
    #[serde(default)]
    pub ecosystems: Vec<EcosystemName>,
}

/// A playbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlaybookName {
    /// Raise dependencies to newer versions.
    Dependencies,
    /// Raise dependencies out of the reach of known advisories.
    Remediation,
}

/// The largest step of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LevelName {
    /// Bug fixes only.
    Patch,
    /// Compatible additions.
    Minor,
    /// Everything.
    Major,
}

/// How updates are bundled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GroupName {
    /// One package a change.
    Each,
    /// One ecosystem a change.
    ByEcosystem,
    /// Everything in one change.
    All,
}

/// The machine that an attempt gets.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SandboxFront {
    /// Which image; only `default` exists: the host's own view, or what `hob image build` makes.
    pub image: Option<String>,
    /// Processors, 1 to 256; 2 when left out.
    pub cpus: Option<u32>,
    /// Memory, from 64MiB; `4GiB` when left out.
    pub memory: Option<Size>,
    /// Disk, from 64MiB; `8GiB` when left out.
    pub disk: Option<Size>,
    /// Wall time, from 1s; `45m` when left out.
    pub time: Option<Duration>,
}

/// A preset, or a host.
#[derive(Debug, Clone)]
pub enum NetworkFront {
    /// Reading an ecosystem's registry.
    Preset(EcosystemName),
    /// One host.
    Host(HostFront),
}

/// One host with what may be asked of it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostFront {
    /// The exact host name.
    pub host: String,
    /// Methods; left out means `GET` and `HEAD`.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Path globs.
    pub paths: Vec<String>,
}

impl<'de> Deserialize<'de> for NetworkFront {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = NetworkFront;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an ecosystem's name, or a map with `host`, `methods` and `paths`")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<NetworkFront, E> {
                EcosystemName::deserialize(de::value::StrDeserializer::new(name))
                    .map(NetworkFront::Preset)
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<NetworkFront, M::Error> {
                HostFront::deserialize(MapAccessDeserializer::new(map)).map(NetworkFront::Host)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for NetworkFront {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Network".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let preset = generator.subschema_for::<EcosystemName>();
        let host = generator.subschema_for::<HostFront>();
        schemars::json_schema!({ "anyOf": [preset, host] })
    }
}

/// What a change may touch.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopeFront {
    /// Path globs that may change; everything else is denied.
    pub paths: Vec<String>,
    /// Path globs that may not change, whatever `paths` says.
    #[serde(default)]
    pub deny: Vec<String>,
    /// What a change may mean.
    pub semantic: Option<SemanticName>,
    /// Caps.
    #[serde(default)]
    pub max: ScopeMax,
}

/// What a change may mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SemanticName {
    /// Version requirements of existing dependencies, and lock entries that follow from them.
    DependencyVersionsOnly,
}

/// Caps on a change.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopeMax {
    /// Files; 40 when left out.
    pub files: Option<u64>,
    /// Changed lines, added plus removed; 5000 when left out.
    pub lines: Option<u64>,
    /// The patch's size; `1MiB` when left out.
    pub bytes: Option<Size>,
}

/// What must hold before a proposal.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatesFront {
    /// Whether checks must pass; `required` when left out.
    pub checks: Option<ChecksName>,
    /// Who must approve before a merge; one person when left out.
    pub approvals: Option<ApprovalsFront>,
}

/// Whether checks must pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChecksName {
    /// Nothing may newly fail.
    Required,
    /// What newly fails is told, and a person decides.
    Reported,
}

/// Who must approve before a merge.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalsFront {
    /// How many people, from 1: nothing changes until a person approves it.
    #[schemars(range(min = 1, max = 100))]
    pub count: u32,
    /// From whom.
    pub from: Option<ApproversName>,
}

/// From whom approvals count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApproversName {
    /// Anybody who may review, the requester excepted.
    Anyone,
    /// Owners of the changed paths.
    Owners,
}

/// What a run may do to the outside.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputsFront {
    /// Pull requests, or reviews in hob.
    pub pull_request: Option<PullRequestFront>,
}

/// Pull requests, or reviews in hob.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PullRequestFront {
    /// How many one run may open, 1 when left out; with 0 it reports only.
    pub max: Option<u32>,
    /// Whether they open as drafts.
    pub draft: Option<bool>,
    /// Labels for them.
    #[serde(default)]
    pub labels: Vec<String>,
}

/// How much of an agent at once.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsFront {
    /// What at most one run may be under way for.
    pub concurrency: Option<ConcurrencyName>,
    /// How many proposals may be open in one repository; 5 when left out.
    pub open_proposals: Option<u32>,
    /// How many runs may start in an hour.
    pub per_hour: Option<u32>,
}

/// What at most one run may be under way for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConcurrencyName {
    /// Each repository.
    Repository,
    /// The agent as a whole.
    Agent,
}

/// What a run may spend.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetFront {
    /// How long a run may be worked on, waiting not counted; `2h` when left out.
    pub time: Option<Duration>,
    /// Tokens of models: a whole number, `k` and `M` allowed.
    pub tokens: Option<String>,
    /// Money: `2.00 USD`.
    pub cost: Option<String>,
    /// Attempts, 1 to 20; 3 when left out.
    pub attempts: Option<u32>,
}

/// Who is told what an agent could not resolve.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EscalateFront {
    /// When.
    pub after: Option<AfterName>,
    /// To whom.
    pub to: Option<EscalateToFront>,
}

/// When people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AfterName {
    /// When the attempts are used up.
    Attempts,
}

/// To whom an escalation goes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EscalateToFront {
    /// An issue on the forge.
    pub issue: Option<IssueFront>,
    /// Teams by name.
    #[serde(default)]
    pub notify: Vec<String>,
}

/// An issue on the forge.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueFront {
    /// Labels for it.
    #[serde(default)]
    pub labels: Vec<String>,
}
