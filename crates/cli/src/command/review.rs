//! `hob review`: look at proposals; approve, reject, merge them.

use domain::Actor;
use engine::request::review::Review as Shown;

use crate::exit::{Exit, Failure};
use crate::mouth;
use crate::settings::Settings;
use crate::usage::{Output, Review};
use crate::wire_up;

/// Said of a proposal whose answer is written down and not carried out.
const ANSWER_WAITS: &str = "  (answered, not carried out yet: `hob runs resume` goes on with it)";

/// Does what was asked.
pub(crate) async fn review(settings: &Settings, asked: Review) -> Result<Exit, Failure> {
    let house = wire_up::house(settings).await?;
    let actor = Actor::local(&settings.user);
    match asked {
        Review::List { all, output } => {
            listed(house.list_reviews(all).await?, output)?;
        }
        Review::Show { proposal, output } => {
            let review = house.show_review(proposal).await?;
            if output.json {
                mouth::json(&review)?;
            } else {
                mouth::data(&format!("{}\n{}", line(&review), details(&review)));
            }
        }
        Review::Diff { proposal, output } => {
            let diff = house.diff_review(proposal).await?;
            if output.json {
                let digest = house.show_review(proposal).await?.digest;
                mouth::json(
                    &serde_json::json!({ "id": proposal, "digest": digest, "diff": diff }),
                )?;
            } else {
                mouth::change(&diff);
            }
        }
        Review::Approve { proposal, digest, output } => {
            let before = house.show_review(proposal).await?;
            let review = house.approve(&actor, proposal, digest).await?;
            if before.approvals.contains(&actor.name) {
                mouth::say("already approved by you");
            }
            told(&review, output)?;
            if review.requester.as_deref() == Some(actor.name.as_str()) {
                mouth::say(&format!(
                    "note: {} approves their own request; that is possible because only this user can reach \
                     the data folder, and the ledger says so",
                    actor.name
                ));
            }
        }
        Review::Reject { proposal, why, output } => {
            let review = house.reject(&actor, proposal, &why).await?;
            told(&review, output)?;
        }
        Review::Merge { proposal, merge_commit, output } => {
            let merged = house.merge(&actor, proposal, merge_commit).await?;
            if output.json {
                mouth::json(&merged)?;
            } else {
                mouth::data(&format!("{} is at {}", merged.target, merged.commit));
                for behind in merged.behind {
                    mouth::say(&format!(
                        "hint: `{}` shows the old state; bring it along with: {}",
                        behind.work_tree, behind.command
                    ));
                }
            }
        }
    }
    Ok(Exit::Done)
}

/// What waits for an answer, a line each.
fn listed(reviews: Vec<Shown>, output: Output) -> Result<(), Failure> {
    if output.json {
        return mouth::json(&reviews);
    }
    if reviews.is_empty() {
        mouth::say("nothing waits for an answer");
    }
    for review in reviews {
        let moved = if review.target_moved { "  (its base moved)" } else { "" };
        let waits = if review.answer_waits { ANSWER_WAITS } else { "" };
        mouth::data(&format!("{}{moved}{waits}", line(&review)));
    }
    Ok(())
}

fn told(review: &Shown, output: Output) -> Result<(), Failure> {
    if output.json {
        return mouth::json(review);
    }
    mouth::data(&line(review));
    Ok(())
}

fn line(review: &Shown) -> String {
    format!(
        "{}  {:<10} {}/{} approvals  {}  {}",
        review.id,
        review.state,
        review.approvals.len(),
        review.approvals_needed,
        review.repository,
        review.title
    )
}

fn details(review: &Shown) -> String {
    let target = review.target.as_deref().unwrap_or("no branch");
    let held = review.mirror.as_ref().map(|folder| format!(" in {folder}")).unwrap_or_default();
    format!(
        "branch {}{held} onto {target}\nbase {}\nhead {}\ndigest {}\nrun {} of {}, asked for by {}\napproved by: {}{}\n\n{}",
        review.branch,
        review.base,
        review.head,
        review.digest,
        review.run,
        review.agent,
        review.requester.as_deref().unwrap_or("nobody"),
        if review.approvals.is_empty() { "nobody".to_owned() } else { review.approvals.join(", ") },
        answered(review),
        review.body.trim_end()
    )
}

/// What became of it beyond its state.
fn answered(review: &Shown) -> String {
    let why = review.why.iter().map(|why| format!("\nrejected because: {why}"));
    let newer = review.superseded_by.iter().map(|newer| format!("\n{newer} takes its place"));
    why.chain(newer).collect()
}
