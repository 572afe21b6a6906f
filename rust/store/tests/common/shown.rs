//! What of the naive store's events is shown, and to whom.

use super::mistake::Mistake;
use super::model::{Event, Node, Watch};

pub fn below(path: &str, top: &str) -> bool {
    if top == "/" { path != "/" } else { path.starts_with(&format!("{top}/")) }
}

pub fn hidden(path: &str, point: &str) -> bool {
    let rest = if point == "/" { path } else { &path[point.len()..] };
    rest.split('/').any(|segment| segment.starts_with('_'))
}

pub fn seen(event: &Event, watch: &Watch, mistake: Mistake, knows_gone: bool) -> bool {
    if event.refresh && mistake != Mistake::RefreshTold {
        return false;
    }
    let (key, point) = (&event.key, &watch.path);
    if key == point {
        return true;
    }
    if watch.recursive && below(key, point) {
        let from = if mistake == Mistake::HiddenAbsolute { "/" } else { point };
        return mistake == Mistake::HiddenShown || !hidden(key, from);
    }
    if mistake == Mistake::TextPrefix && !event.gone.is_empty() && point.starts_with(key.as_str()) {
        return true;
    }
    let known = knows_gone && mistake != Mistake::NeverExistedTold;
    if known { event.gone.contains(point) } else { !event.gone.is_empty() && below(point, key) }
}

impl Event {
    pub fn json(&self) -> String {
        let node = image(&self.key, &self.node, self.shows_value, self.time, false);
        let prev = self.prev.as_ref().map_or(String::new(), |prev| {
            format!(",\"prevNode\":{}", image(&self.key, prev, true, self.time, false))
        });
        format!("{{\"action\":\"{}\",\"node\":{node}{prev}}}\n", self.action)
    }
}

/// A node without children. Times are within the first hour of 1970.
pub fn image(path: &str, node: &Node, shows_value: bool, now: u64, lives: bool) -> String {
    let mut out = format!("{{\"key\":\"{path}\"");
    if node.dir {
        out += ",\"dir\":true";
    } else if shows_value {
        out += &format!(",\"value\":\"{}\"", node.value);
    }
    if let Some(deadline) = node.deadline {
        let (seconds, fraction) = (deadline / 1_000_000_000, deadline % 1_000_000_000);
        let fraction = format!(".{fraction:09}");
        let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
        let (minutes, seconds) = (seconds / 60, seconds % 60);
        out += &format!(",\"expiration\":\"1970-01-01T00:{minutes:02}:{seconds:02}{fraction}Z\"");
        let left = deadline as i64 - now as i64;
        let ttl = (left + 999_999_999).div_euclid(1_000_000_000);
        let ttl = if lives { ttl.max(1) } else { ttl };
        if ttl > 0 {
            out += &format!(",\"ttl\":{ttl}");
        }
    }
    out + &format!(",\"modifiedIndex\":{},\"createdIndex\":{}}}", node.modified, node.created)
}
