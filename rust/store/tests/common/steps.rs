//! Random steps, done by the store and by the model, compared after each.

use std::collections::BTreeMap;

use coreos_store::{
    Body, Code, Command, Notice, Op, RequestId, Store, StoreConfig, WatchId, WatchSpec, Watching,
    Write,
};
use proptest::prelude::*;

use super::cluster;
use super::mistake::Mistake;
use super::model::{Model, Watch};

#[derive(Clone, Debug)]
pub enum Step {
    Write(Write),
    /// The last command once more.
    Repeat,
    /// A command of the system.
    System(Body),
    Advance(u64),
    Expire,
    /// `back` indexes before the current one, 0 = no index.
    Watch {
        path: String,
        recursive: bool,
        stream: bool,
        back: Option<i64>,
    },
    Cancel(usize),
    /// Through a snapshot; watches do not survive it.
    Restore,
}

fn path() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        4 => Just("a"), 3 => Just("b"), 2 => Just("_h"), 2 => Just("ab"), 1 => Just("a-")
    ];
    prop_oneof![
        1 => Just("/".to_owned()),
        3 => prop::sample::select(vec![
            "/_etcd",
            "/_etcd/machines",
            "/_etcd/machines/m",
            "/_etcd/machines/n%2Fx",
            "/_etcd/config",
            "/_etcd/config/x",
        ]).prop_map(str::to_owned),
        20 => proptest::collection::vec(segment, 1..4).prop_map(|all| format!("/{}", all.join("/"))),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => Just(Op::Set),
        2 => Just(Op::Create),
        1 => Just(Op::CreateInOrder),
        3 => Just(Op::Update),
        2 => Just(Op::CompareAndSwap),
        1 => Just(Op::CompareAndDelete),
        3 => Just(Op::Delete),
    ]
}

fn write() -> impl Strategy<Value = Write> {
    let value = prop_oneof![Just(""), Just("x"), Just("y")];
    let prev_value = proptest::option::weighted(0.3, prop_oneof![Just(""), Just("x"), Just("y")]);
    let ttl = proptest::option::weighted(
        0.3,
        prop_oneof![0..3_u64, Just(1_000_000_000), 0..5_000_000_000_u64],
    );
    let flags = (proptest::bool::weighted(0.25), any::<bool>(), proptest::bool::weighted(0.15));
    let prev_index = prop_oneof![4 => Just(0), 1 => 1..12_u64];
    (op(), path(), value, flags, ttl, prev_value, prev_index).prop_map(
        |(op, path, value, (dir, recursive, refresh), ttl_ns, prev_value, prev_index)| Write {
            op,
            path: path.into_bytes(),
            value: value.as_bytes().to_vec(),
            dir,
            recursive,
            // The front drops the flag for these.
            refresh: refresh && !matches!(op, Op::Create | Op::CreateInOrder),
            ttl_ns,
            prev_value: prev_value.map(|text| text.as_bytes().to_vec()),
            prev_index,
        },
    )
}

pub fn step() -> impl Strategy<Value = Step> {
    let back = proptest::option::weighted(0.7, -3..20_i64);
    prop_oneof![
        30 => write().prop_map(Step::Write),
        6 => cluster::body().prop_map(Step::System),
        1 => Just(Step::Repeat),
        4 => prop_oneof![Just(1), Just(999_999_999), 0..3_000_000_000_u64]
            .prop_map(Step::Advance),
        4 => Just(Step::Expire),
        8 => (path(), any::<bool>(), any::<bool>(), back)
            .prop_map(|(path, recursive, stream, back)| Step::Watch { path, recursive, stream, back }),
        1 => (0..8_usize).prop_map(Step::Cancel),
        1 => Just(Step::Restore),
    ]
}

pub fn steps(count: usize) -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(), 1..count)
}

macro_rules! same {
    ($left:expr, $right:expr, $($what:tt)*) => {{
        let (left, right) = (&$left, &$right);
        if left != right {
            return Err(format!("{}: store {left:?}, model {right:?}", format!($($what)*)));
        }
    }};
}

pub struct Run {
    store: Store,
    model: Model,
    config: StoreConfig,
    sequence: u64,
    last: Option<(Command, String)>,
    ids: BTreeMap<u64, WatchId>,
    told: BTreeMap<u64, Vec<String>>,
    tokens: u64,
}

/// Do all steps; the first difference is the error.
pub fn run(steps: &[Step], mistake: Mistake, config: &StoreConfig) -> Result<(), String> {
    let mut run = Run {
        store: Store::new(config.clone()),
        model: Model::new(mistake),
        config: config.clone(),
        sequence: 0,
        last: None,
        ids: BTreeMap::new(),
        told: BTreeMap::new(),
        tokens: 0,
    };
    for step in steps {
        run.step(step).map_err(|difference| format!("{step:?}: {difference}"))?;
        run.compare()?;
    }
    Ok(())
}

impl Run {
    fn apply(&mut self, body: Body) -> Result<String, String> {
        self.sequence += 1;
        let request = RequestId { member: 7, incarnation: 1, sequence: self.sequence };
        let command = Command { request, time_ns: self.model.time, body };
        let mut bytes = Vec::new();
        command.encode(&mut bytes);
        let command = Command::decode(&bytes).map_err(|error| error.to_string())?;
        let applied = self.store.apply(&command);
        same!(applied.repeated, false, "a new command");
        let shown = format!(
            "{:?}",
            applied.outcome.as_ref().map(|event| event.as_ref().map(|e| e.json().to_vec()))
        );
        self.last = Some((command, shown));
        Ok(match applied.outcome {
            Ok(Some(event)) => {
                same!(applied.etcd_index, event.index(), "index of the answer");
                String::from_utf8_lossy(event.json()).into_owned()
            }
            Ok(None) => String::new(),
            Err(error) => {
                same!(error.index, self.store.etcd_index(), "index of the error");
                format!("{:?} {}", error.code, String::from_utf8_lossy(&error.cause))
            }
        })
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Write(write) => {
                let told = self.apply(Body::Write(write.clone()))?;
                let expected = match self.model.write(write) {
                    Ok(event) => event.json(),
                    Err((code, cause)) => format!("{code:?} {cause}"),
                };
                same!(told, expected, "answer");
            }
            Step::Repeat => {
                let Some((command, first)) = &self.last else { return Ok(()) };
                let digest = self.store.view().digest();
                let again = self.store.apply(command);
                same!(again.repeated, true, "repeated");
                let shown = format!(
                    "{:?}",
                    again.outcome.as_ref().map(|event| event.as_ref().map(|e| e.json().to_vec()))
                );
                same!(&shown, first, "the first outcome again");
                if command.body.changes_members() {
                    // Consensus, which has no window, judges it anew; what comes of it is nobody's answer.
                    let _ = self.model.system(&command.body);
                } else {
                    same!(self.store.view().digest(), digest, "digest after a repetition");
                }
            }
            Step::System(body) => {
                let told = self.apply(body.clone())?;
                same!(told, self.model.system(body).err().unwrap_or_default(), "answer");
            }
            Step::Advance(by_ns) => self.model.time += by_ns,
            Step::Expire => {
                self.apply(Body::Expire)?;
                self.model.expire();
            }
            Step::Watch { path, recursive, stream, back } => {
                self.watch(path, *recursive, *stream, *back)?;
            }
            Step::Cancel(at) => {
                let token = self.ids.keys().nth(*at).copied();
                if let Some(id) = token.and_then(|token| self.ids.remove(&token)) {
                    self.store.cancel(id);
                    self.store.cancel(id);
                }
                if let Some(token) = token {
                    self.model.watches.remove(&token);
                    self.told.remove(&token);
                }
            }
            Step::Restore => self.restore()?,
        }
        Ok(())
    }

    fn watch(
        &mut self,
        path: &str,
        recursive: bool,
        stream: bool,
        back: Option<i64>,
    ) -> Result<(), String> {
        self.tokens += 1;
        let token = self.tokens;
        let index = self.model.index as i64;
        let wait_index = back.map_or(0, |back| (index - back).max(1) as u64);
        let spec = WatchSpec { path: path.as_bytes().to_vec(), recursive, stream, wait_index };
        let oldest = self.store.oldest_event_index();
        let watch = Watch {
            path: path.to_owned(),
            recursive,
            stream,
            from: 0,
            over: false,
            told: Vec::new(),
        };
        let text = |event: &coreos_store::Event| String::from_utf8_lossy(event.json()).into_owned();
        let (past, over) = match self.store.watch(spec, token) {
            Err(error) => {
                same!(error.code, Code::EventIndexCleared, "error of a watch");
                let cause =
                    format!("the requested history has been cleared [{oldest}/{wait_index}]");
                same!(String::from_utf8_lossy(&error.cause), cause, "its cause");
                same!(wait_index < oldest, true, "cleared only when it is");
                return Ok(());
            }
            Ok(Watching::Now(event)) => (vec![text(&event)], true),
            Ok(Watching::Live(id)) => {
                self.ids.insert(token, id);
                (Vec::new(), false)
            }
            Ok(Watching::Stream(id, backlog)) => {
                self.ids.insert(token, id);
                (backlog.iter().map(|event| text(event)).collect(), false)
            }
        };
        let expected = self.model.watch(token, watch, wait_index);
        same!(past, expected, "past events from {wait_index}");
        same!(over, self.model.watches[&token].over, "whether the watch is over");
        self.told.insert(token, Vec::new());
        Ok(())
    }

    fn restore(&mut self) -> Result<(), String> {
        let view = self.store.view();
        let mut bytes = Vec::new();
        view.write(&mut bytes).map_err(|error| error.to_string())?;
        let mut restored = Store::restore(self.config.clone(), &mut bytes.as_slice())
            .map_err(|error| error.to_string())?;
        let mut again = Vec::new();
        let second = restored.view();
        second.write(&mut again).map_err(|error| error.to_string())?;
        same!(bytes, again, "bytes of the restored store's snapshot");
        same!(view.digest(), second.digest(), "digest of the restored store");
        same!(restored.stats()[..15], self.store.stats()[..15], "statistics");
        self.store = restored;
        self.ids.clear();
        self.told.clear();
        self.model.watches.clear();
        self.model.from_snapshot = self.model.events.len();
        Ok(())
    }

    fn compare(&mut self) -> Result<(), String> {
        let mut notices: Vec<Notice> = Vec::new();
        self.store.take_notices(&mut notices);
        for notice in notices {
            let json = String::from_utf8_lossy(super::event(&notice).json()).into_owned();
            let Some(told) = self.told.get_mut(&notice.token) else {
                return Err(format!("token {} is told {json} after its end", notice.token));
            };
            told.push(json);
            let stream = self.model.watches[&notice.token].stream;
            same!(notice.ended, !stream, "end of watch {}", notice.token);
            if notice.ended {
                self.ids.remove(&notice.token);
            }
        }
        for (token, watch) in &self.model.watches {
            same!(self.told[token], watch.told, "events of watch {token} ({watch:?})");
        }
        let waiting = self.model.watches.values().filter(|watch| !watch.over).count();
        same!(self.store.watchers(), waiting, "watchers");
        same!(self.store.etcd_index(), self.model.index, "etcd_index");
        same!(self.store.keys(), self.model.nodes.len(), "nodes");
        let first = self.model.nodes.values().filter_map(|node| node.deadline).min();
        same!(self.store.next_deadline_ns(), first.map(|at| at.max(1)), "next deadline");
        for path in ["/", "/a", "/_h", "/_etcd"] {
            let mut out = Vec::new();
            let now_ns = self.model.time;
            let read = self.store.get(path.as_bytes(), true, now_ns, usize::MAX, &mut out);
            let exists = path == "/" || self.model.nodes.contains_key(path);
            same!(read.is_ok(), exists, "whether {path} exists");
            if exists {
                let expected = self.model.listing(path);
                same!(String::from_utf8_lossy(&out), expected, "listing of {path}");
                let mut pieces = Vec::new();
                let mut take = |piece: &[u8]| {
                    pieces.extend_from_slice(piece);
                    true
                };
                let view = self.store.tree_view();
                view.get(path.as_bytes(), true, now_ns, &mut take).map_err(|e| e.to_string())?;
                same!(pieces, out, "the same from a view");
            }
        }
        Ok(())
    }
}
