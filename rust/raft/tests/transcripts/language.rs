//! The commands of a transcript. `README.md` beside this file lists them.

use coreos_raft::Position;

use super::cluster::Cluster;
use super::disk::Content;
use super::network::{KINDS, Packet, Which};
use super::words;

type Done = Result<(), String>;

/// Carry out one line. What happened is in `cluster.said` then.
pub fn run(cluster: &mut Cluster, line: &str) -> Done {
    if let Some(rest) = line.strip_prefix("quietly ") {
        run(cluster, rest)?;
        cluster.said.clear();
        return Ok(());
    }
    let mut words = line.split_whitespace();
    let command = words.next().unwrap_or_default();
    let words: Vec<&str> = words.collect();
    match (command, words.as_slice()) {
        ("ticks", ["election", election, "heartbeat", heartbeat]) => {
            cluster.election_ticks = number(election)?;
            cluster.heartbeat_ticks = number(heartbeat)?;
            Ok(())
        }
        ("limit", [what, value]) => limit(cluster, what, value),
        ("members", rest) => members(cluster, rest),
        ("join", [id]) => cluster.add(number(id)?, Content::default()),
        ("given", [id, "term", term, "vote", vote, "log", entries @ ..]) => {
            let entries = entries.iter().map(|entry| position(entry)).collect::<Result<_, _>>()?;
            cluster.given(number(id)?, number(term)?, number(vote)?, entries)
        }
        ("seed", [id, seed]) => cluster.seed(number(id)?, number(seed)?),
        ("start", [id]) => cluster.start(number(id)?),
        ("crash", [id]) => cluster.crash(number(id)?),
        ("tick", [id]) => tick(cluster, id, "1"),
        ("tick", [id, count]) => tick(cluster, id, count),
        ("campaign", [id]) => cluster.input(number(id)?, |raft| raft.campaign()),
        ("propose", [id, payloads @ ..]) if !payloads.is_empty() => {
            let id = number(id)?;
            payloads.iter().try_for_each(|payload| cluster.propose(id, payload))
        }
        ("change", [id, kind, of]) => change(cluster, id, &format!("{kind} {of}")),
        ("read", [id, read]) => {
            let read = number(read)?;
            cluster.input(number(id)?, |raft| raft.read(read))
        }
        ("read-unsent", [id, read]) => {
            let read = number(read)?;
            cluster.raft(number(id)?)?.read(read);
            Ok(())
        }
        ("hand-over", [id, to]) => hand_over(cluster, number(id)?, number(to)?),
        ("unreachable", [id, peer]) => {
            let peer = number(peer)?;
            cluster.input(number(id)?, |raft| raft.unreachable(peer))
        }
        ("suspect", [id, leader]) => {
            let leader = number(leader)?;
            cluster.input(number(id)?, |raft| raft.suspect_leader(leader))
        }
        ("peer", [id, peer]) => {
            let id = number(id)?;
            let seen = words::peer(cluster.raft(id)?, number(peer)?);
            unless(false, cluster, format!("{id} {seen}"))
        }
        ("write", ids) => each(cluster, ids, |cluster, id| {
            let is_done = cluster.write(id)?;
            unless(is_done, cluster, format!("{id} has nothing to write"))
        }),
        ("sync", ids) => each(cluster, ids, |cluster, id| {
            let is_done = cluster.sync(id)?;
            unless(is_done, cluster, format!("{id} has nothing to sync"))
        }),
        ("store", ids) => each(cluster, ids, |cluster, id| {
            while cluster.write(id)? || cluster.sync(id)? {}
            Ok(())
        }),
        ("refuse", [id]) => cluster.refuse(number(id)?),
        ("deliver", which) => {
            let count = cluster.deliver(&choice(which)?)?;
            unless(count > 0, cluster, "nothing to deliver".into())
        }
        ("drop", which) => {
            let count = cluster.drop(&choice(which)?);
            unless(count > 0, cluster, "nothing to drop".into())
        }
        ("double", which) => double(cluster, &choice(which)?),
        ("cut", [link]) => {
            links(cluster, link)?.into_iter().for_each(|(from, to)| cluster.network.cut(from, to));
            Ok(())
        }
        ("mend", []) => {
            cluster.network.mend();
            Ok(())
        }
        ("send-snapshot", [link]) => {
            let (from, to) = pair(link)?;
            let (Some(from), Some(to)) = (from, to) else {
                return Err("from whom to whom?".into());
            };
            cluster.send_snapshot(from, to)
        }
        ("settle", ids) => {
            let ids = some_or_all(cluster, ids)?;
            cluster.settle(&ids)
        }
        ("network", []) => {
            let packets = cluster.network.packets().iter().map(Packet::words).collect::<Vec<_>>();
            cluster.said.extend(packets);
            Ok(())
        }
        ("state", ids) => each(cluster, ids, |cluster, id| {
            let state = words::state(cluster.raft(id)?);
            unless(false, cluster, format!("{id} {state}"))
        }),
        ("log", ids) => each(cluster, ids, log),
        ("disk", ids) => each(cluster, ids, |cluster, id| {
            let disk = cluster.member(id)?.disk.words();
            unless(false, cluster, format!("{id} has on its disk {disk}"))
        }),
        _ => Err(format!("unknown command: {line}")),
    }
}

fn number<T: std::str::FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("not a number: {word}"))
}

fn unless(is_done: bool, cluster: &mut Cluster, words: String) -> Done {
    if !is_done {
        cluster.said.push(words);
    }
    Ok(())
}

fn some_or_all(cluster: &Cluster, ids: &[&str]) -> Result<Vec<u64>, String> {
    if ids.is_empty() {
        return Ok(cluster.members.keys().copied().collect());
    }
    ids.iter().map(|id| number(id)).collect()
}

fn each(cluster: &mut Cluster, ids: &[&str], act: impl Fn(&mut Cluster, u64) -> Done) -> Done {
    some_or_all(cluster, ids)?.into_iter().try_for_each(|id| act(cluster, id))
}

fn limit(cluster: &mut Cluster, what: &str, value: &str) -> Done {
    let limits = &mut cluster.limits;
    let place = match what {
        "append-bytes" => &mut limits.append_bytes,
        "in-flight-messages" => &mut limits.in_flight_messages,
        "in-flight-bytes" => &mut limits.in_flight_bytes,
        "uncommitted-bytes" => &mut limits.uncommitted_bytes,
        "kept-bytes" => &mut limits.kept_bytes,
        _ => return Err(format!("unknown limit: {what}")),
    };
    *place = number(value)?;
    Ok(())
}

fn members(cluster: &mut Cluster, ids: &[&str]) -> Done {
    let mut parts = ids.split(|word| *word == "learners");
    let mut part = || -> Result<Vec<u64>, String> {
        parts.next().unwrap_or_default().iter().map(|id| number(id)).collect()
    };
    let (voters, learners) = (part()?, part()?);
    cluster.begin(&voters, &learners)
}

fn tick(cluster: &mut Cluster, id: &str, count: &str) -> Done {
    let (id, count) = (number(id)?, number::<u32>(count)?);
    (0..count).try_for_each(|_| cluster.input(id, |raft| raft.tick()))
}

fn change(cluster: &mut Cluster, id: &str, payload: &str) -> Done {
    if words::change(payload.as_bytes()).is_none() {
        return Err(format!("unknown change: {payload}"));
    }
    cluster.propose(number(id)?, payload)
}

fn hand_over(cluster: &mut Cluster, id: u64, to: u64) -> Done {
    let is_possible = cluster.input(id, |raft| raft.hand_over(to))?;
    unless(is_possible, cluster, format!("{id} cannot hand over to {to}"))
}

fn position(word: &str) -> Result<Position, String> {
    let (term, index) = word.split_once('/').ok_or_else(|| format!("not a place: {word}"))?;
    Ok(Position { term: number(term)?, index: number(index)? })
}

/// `1->2`, where either may be `*`.
fn pair(link: &str) -> Result<(Option<u64>, Option<u64>), String> {
    let (from, to) = link.split_once("->").ok_or_else(|| format!("not a link: {link}"))?;
    let end = |word: &str| if word == "*" { Ok(None) } else { number(word).map(Some) };
    Ok((end(from)?, end(to)?))
}

/// A link, a kind of message and how many (or `last`), each of which may be missing.
fn choice(words: &[&str]) -> Result<Which, String> {
    let mut which = Which::default();
    for word in words {
        if word.contains("->") {
            (which.from, which.to) = pair(word)?;
        } else if let Ok(count) = word.parse() {
            which.count = Some(count);
        } else if *word == "last" {
            which.is_last = true;
        } else if KINDS.contains(word) {
            which.kind = Some((*word).to_owned());
        } else {
            return Err(format!("unknown kind of message: {word}"));
        }
    }
    Ok(which)
}

fn double(cluster: &mut Cluster, which: &Which) -> Done {
    let packets = cluster.network.take(which);
    unless(!packets.is_empty(), cluster, "nothing to double".into())?;
    for packet in packets {
        cluster.network.put(packet.clone());
        cluster.network.put(packet);
    }
    Ok(())
}

/// A link in one direction, or all links of a member.
fn links(cluster: &Cluster, link: &str) -> Result<Vec<(u64, u64)>, String> {
    if let Ok(id) = link.parse::<u64>() {
        let others = cluster.members.keys().filter(|&&other| other != id);
        return Ok(others.flat_map(|&other| [(id, other), (other, id)]).collect());
    }
    match pair(link)? {
        (Some(from), Some(to)) => Ok(vec![(from, to)]),
        _ => Err(format!("not one link: {link}")),
    }
}

fn log(cluster: &mut Cluster, id: u64) -> Done {
    let log = cluster.log(id)?;
    unless(false, cluster, format!("{id} has {log}"))
}
