//! Situations as readable text: commands, and what members say, write and decide on them. Each file in `transcripts` is
//! carried out again and has to give the same.

mod transcripts {
    pub mod cluster;
    pub mod disk;
    pub mod file;
    pub mod language;
    pub mod network;
    pub mod words;
}

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use transcripts::file::{difference, replay};

/// With the value `write`, the transcripts are written anew instead of compared.
const VARIABLE: &str = "COREOS_TRANSCRIPTS";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts")
}

/// Every transcript by its name. All tests see the same: when they are written anew, that is done before.
static TEXTS: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let files = fs::read_dir(folder()).expect("a folder").map(|file| file.expect("a file").path());
    let is_transcript = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "txt");
    let mut paths: Vec<PathBuf> = files.filter(is_transcript).collect();
    paths.sort();
    let is_to_write = std::env::var(VARIABLE).is_ok_and(|what| what == "write");
    let read = |path: PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("a text");
        match replay(&name, &text) {
            Ok(now) if is_to_write && now != text => {
                fs::write(path, &now).expect("it is written");
                (name, now)
            }
            // What cannot be carried out is found by the comparison.
            _ => (name, text),
        }
    };
    paths.into_iter().map(read).collect()
});

/// What is wrong with a transcript, if anything is.
fn judge(name: &str, text: &str) -> Option<String> {
    match replay(name, text) {
        Ok(now) if now == text => None,
        Ok(now) => {
            Some(format!("{name}: - stands there, + happens now:\n{}", difference(text, &now)))
        }
        Err(why) => Some(why),
    }
}

#[test]
fn what_happens_is_what_stands_there() {
    let judged = TEXTS.iter().filter_map(|(name, text)| judge(name, text));
    let problems: Vec<String> = judged.collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_transcript_says_what_it_shows() {
    for (name, text) in TEXTS.iter() {
        let head = text.lines().take_while(|line| line.starts_with('#')).count();
        assert!((2..=8).contains(&head), "{name} begins with {head} lines of comment");
        assert!(text.lines().any(|line| line.starts_with("  ")), "{name} shows nothing");
    }
    assert!(TEXTS.len() >= 25, "{} transcripts", TEXTS.len());
}

/// The control: no line of what happened can be altered, left out or added without a word.
#[test]
fn an_altered_line_is_found() {
    let mut altered = 0;
    for (name, text) in TEXTS.iter() {
        let lines: Vec<&str> = text.lines().collect();
        let places: Vec<usize> =
            (0..lines.len()).filter(|&at| lines[at].starts_with("  ")).collect();
        let Some(&at) = places.get(places.len() / 2) else { continue };
        let other = format!("{} or so", lines[at]);
        for instead in [vec![other.as_str()], vec![], vec![lines[at], lines[at]]] {
            let mut wrong = lines.clone();
            wrong.splice(at..=at, instead);
            let problem = judge(name, &(wrong.join("\n") + "\n")).expect("it is found");
            assert!(problem.contains(&format!("{:5} ", at + 1)), "{problem}");
            altered += 1;
        }
    }
    assert!(altered >= 75, "{altered}");
}

#[test]
fn an_unknown_command_is_an_error_that_names_its_place() {
    let text = "# A mistake.\nmembers 1 2 3\n\ncampaing 1\n";
    let problem = judge("some.txt", text).expect("it is found");
    assert!(problem.starts_with("some.txt, line 4: unknown command: campaing 1"), "{problem}");
    for wrong in
        ["tick one", "campaign 4", "limit size 3", "change 1 make-king 2", "deliver 1-2 x y 3 z"]
    {
        let text = format!("members 1 2 3\n{wrong}\n");
        let problem = judge("some.txt", &text);
        assert!(problem.is_some_and(|why| why.starts_with("some.txt, line 2: ")), "{wrong}");
    }
}

#[test]
fn a_difference_is_shown_with_what_is_around_it() {
    let before = "a\nb\nc\nd\ne\nf\n";
    assert_eq!(difference(before, before), "");
    assert_eq!(
        difference(before, "a\nb\nc\nd\nE\nf\ng\n"),
        "    2  b\n    3  c\n    4  d\n    5 -e\n    6 +E\n    6  f\n    7 +g\n"
    );
}
