//! The published command line is what the parser takes.

use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory as _};

use super::Arguments;

#[test]
fn the_parser_is_sound() {
    Arguments::command().debug_assert();
}

#[test]
fn the_commands_in_the_docs_are_those_that_the_parser_takes() {
    let mut drawn = String::new();
    for command in Arguments::command().get_subcommands() {
        draw(&mut drawn, "hob", command);
    }
    let page = include_str!("../../../../docs/reference/command-line.md");
    let held = page
        .split_once("<!-- commands: begin -->\n")
        .and_then(|(_, rest)| rest.split_once("<!-- commands: end -->\n"))
        .map(|(held, _)| held);
    assert!(held == Some(&*drawn), "docs/reference/command-line.md should hold:\n{drawn}");
}

/// A command that does something is a heading with its arguments below; a group is only its members.
fn draw(page: &mut String, above: &str, command: &Command) {
    let name = format!("{above} {}", command.get_name());
    if command.has_subcommands() {
        for below in command.get_subcommands() {
            draw(page, &name, below);
        }
        return;
    }
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    writeln!(page, "### `{name}`\n\n{about}.\n").unwrap();
    let mut any = false;
    for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
        draw_argument(page, argument);
        any = true;
    }
    if any {
        page.push('\n');
    }
}

fn draw_argument(page: &mut String, argument: &Arg) {
    let takes_value = argument.get_action().takes_values();
    let value = if takes_value {
        argument.get_value_names().unwrap_or_default().join(" ")
    } else {
        String::new()
    };
    let word = match argument.get_long() {
        Some(long) if value.is_empty() => format!("--{long}"),
        Some(long) => format!("--{long} {value}"),
        None => value,
    };
    let repeated =
        if matches!(argument.get_action(), clap::ArgAction::Append) { "..." } else { "" };
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let given: Vec<_> = argument.get_default_values().iter().map(|v| v.to_string_lossy()).collect();
    let given = if takes_value && !given.is_empty() {
        format!(" (`{}`)", given.join(" "))
    } else {
        String::new()
    };
    writeln!(page, "- `{word}{repeated}`: {help}{given}").unwrap();
}
