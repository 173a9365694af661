//! Speaks to GitHub, GitLab, Forgejo/Gitea and plain git: verifies their webhooks, clones, pushes, proposes.
