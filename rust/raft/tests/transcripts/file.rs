//! A transcript as text: comments and blank lines, commands at the left margin, what happened indented below each.

use super::cluster::Cluster;
use super::language;

const INDENT: &str = "  ";

/// Carry out the commands of a transcript: the same text, with what happens now.
pub fn replay(name: &str, text: &str) -> Result<String, String> {
    let mut cluster = Cluster::new();
    let mut made = String::new();
    for (line, number) in text.lines().zip(1..) {
        if line.starts_with(INDENT) {
            continue;
        }
        made += line;
        made.push('\n');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        language::run(&mut cluster, line).map_err(|why| {
            let said = cluster.said.join("\n");
            format!("{name}, line {number}: {why}\n{said}")
        })?;
        for said in std::mem::take(&mut cluster.said) {
            made += INDENT;
            made += &said;
            made.push('\n');
        }
    }
    Ok(made)
}

/// Lines around a difference.
const AROUND: usize = 3;

/// What has to be taken from `before` and added to it to get `after`; empty if they are the same.
pub fn difference(before: &str, after: &str) -> String {
    let (before, after): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
    // How many lines the rests have in common, by where they begin.
    let mut common = vec![vec![0_usize; after.len() + 1]; before.len() + 1];
    for i in (0..before.len()).rev() {
        for j in (0..after.len()).rev() {
            common[i][j] = if before[i] == after[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    while i < before.len() || j < after.len() {
        if i < before.len() && j < after.len() && before[i] == after[j] {
            lines.push((' ', i + 1, before[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == after.len() || (i < before.len() && common[i + 1][j] >= common[i][j + 1]) {
            lines.push(('-', i + 1, before[i]));
            i += 1;
        } else {
            lines.push(('+', i + 1, after[j]));
            j += 1;
        }
    }
    let differs: Vec<usize> = (0..lines.len()).filter(|&at| lines[at].0 != ' ').collect();
    let is_near = |at: &usize| differs.iter().any(|differs| differs.abs_diff(*at) <= AROUND);
    let near = (0..lines.len()).filter(is_near).map(|at| lines[at]);
    near.map(|(sign, line, text)| format!("{line:5} {sign}{text}\n")).collect()
}
