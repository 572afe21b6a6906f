//! Listings in pages, without values and counted, against a naive reading of what is in the tree.

mod common;

use std::collections::BTreeSet;

use common::{apply, done, fresh, write};
use coreos_store::{Op, Page, ReadSpec, Store, Write, parse_after};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// The JSON of a listing, which must be the same from the store and from a view, in pieces.
fn list(store: &mut Store, path: &str, spec: &ReadSpec) -> String {
    let now_ns = store.time_ns();
    let mut out = Vec::new();
    let complete = store.list(path.as_bytes(), spec, now_ns, usize::MAX, &mut out).expect("there");
    assert!(complete, "no limit was given");
    let mut viewed = Vec::new();
    let mut take = |piece: &[u8]| {
        viewed.extend_from_slice(piece);
        true
    };
    store.tree_view().list(path.as_bytes(), spec, now_ns, &mut take).expect("there");
    assert_eq!(out, viewed);
    String::from_utf8(out).expect("JSON is UTF-8")
}

fn paged(recursive: bool, after: &str, limit: usize) -> ReadSpec {
    let page = Some(Page { after: after.into(), limit });
    ReadSpec { recursive, page, ..ReadSpec::default() }
}

/// The keys below the top one; no test key needs an escape.
fn keys(json: &str) -> Vec<String> {
    let (_, nodes) = json.split_once("\"nodes\":[").unwrap_or_default();
    let key = |rest: &str| rest.split('"').next().map(str::to_owned);
    nodes.split("\"key\":\"").skip(1).filter_map(key).collect()
}

/// Where to go on; `None`: there is no more.
fn next(json: &str) -> Option<String> {
    if json.ends_with(",\"more\":false}\n") {
        return None;
    }
    let (_, next) = json.split_once("\"more\":true,\"next\":\"").expect("a page says it");
    Some(next.trim_end_matches("\"}\n").to_owned())
}

fn segments(path: &str) -> Vec<&str> {
    path.split('/').skip(1).filter(|segment| !segment.is_empty()).collect()
}

/// How a wrong reading could put keys in order.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    DepthFirst,
    /// Keys as text: the control. `/a-` comes before `/a/b` then.
    Text,
}

/// All that a listing shows, in order.
fn shown(all: &BTreeSet<String>, top: &str, recursive: bool, order: Order) -> Vec<String> {
    let depth = segments(top).len();
    let mut found: Vec<String> = all
        .iter()
        .filter(|key| {
            let parts = segments(key);
            parts.len() > depth
                && parts[..depth] == segments(top)[..]
                && parts[depth..].iter().all(|part| !part.starts_with('_'))
                && (recursive || parts.len() == depth + 1)
        })
        .cloned()
        .collect();
    if order == Order::DepthFirst {
        found.sort_by(|a, b| segments(a).cmp(&segments(b)));
    }
    found
}

fn path() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        4 => Just("a"), 3 => Just("b"), 2 => Just("_h"), 2 => Just("ab"), 2 => Just("a-"),
        1 => Just("`"), 1 => Just("Z"), 1 => Just("_"),
    ];
    prop::collection::vec(segment, 1..5).prop_map(|all| format!("/{}", all.join("/")))
}

/// A tree of some files, the directories that they need, and every path in it.
fn grow(paths: &[String]) -> (Store, BTreeSet<String>) {
    let mut store = fresh();
    let mut all = BTreeSet::new();
    for path in paths {
        if apply(&mut store, write(Op::Set, path, "v")).outcome.is_ok() {
            let ends = path.match_indices('/').map(|(at, _)| at).skip(1).chain([path.len()]);
            all.extend(ends.map(|end| path[..end].to_owned()));
        }
    }
    (store, all)
}

/// Every page from the start on, following `next`.
fn pages(store: &mut Store, top: &str, recursive: bool, limit: usize) -> Vec<Vec<String>> {
    let mut after = String::new();
    let mut pages = Vec::new();
    loop {
        let json = list(store, top, &paged(recursive, &after, limit));
        pages.push(keys(&json));
        match next(&json) {
            Some(key) => after = key,
            None => return pages,
        }
    }
}

fn agree(
    paths: &[String],
    top: &str,
    recursive: bool,
    limit: usize,
    order: Order,
) -> Result<(), String> {
    let (mut store, all) = grow(paths);
    let top = if all.contains(top) { top } else { "/" };
    let expected = shown(&all, top, recursive, order);
    let pages = pages(&mut store, top, recursive, limit);
    let (last, full) = pages.split_last().expect("one page at least");
    if full.iter().any(|page| page.len() != limit) || last.len() > limit {
        return Err(format!("pages of {limit}: {pages:?}"));
    }
    if pages.concat() != expected {
        return Err(format!("{top}: {pages:?}, expected {expected:?}"));
    }
    let count = ReadSpec { recursive, counts: true, ..ReadSpec::default() };
    let json = list(&mut store, top, &count);
    if !json.ends_with(&format!(",\"count\":{}}}\n", expected.len())) {
        return Err(format!("{json}, expected {}", expected.len()));
    }
    Ok(())
}

fn inputs() -> impl Strategy<Value = (Vec<String>, String, bool, usize)> {
    let top = prop_oneof![Just("/".to_owned()), path()];
    (prop::collection::vec(path(), 0..40), top, any::<bool>(), 1..9_usize)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pages_in_a_row_are_the_listing((paths, top, recursive, limit) in inputs()) {
        agree(&paths, &top, recursive, limit, Order::DepthFirst).map_err(TestCaseError::fail)?;
    }

    /// Any key to begin after, there or not: what comes after it in the order, and nothing else.
    #[test]
    fn after_is_a_place_in_the_order(
        (paths, top, recursive, limit) in inputs(), below in prop::option::of(path()),
    ) {
        let (mut store, all) = grow(&paths);
        let top = if all.contains(&top) { top } else { "/".to_owned() };
        let after = format!("{}{}", top.trim_end_matches('/'), below.unwrap_or_default());
        let rest: Vec<_> = shown(&all, &top, recursive, Order::DepthFirst)
            .into_iter()
            .filter(|key| segments(key) > segments(&after))
            .collect();
        let json = list(&mut store, &top, &paged(recursive, &after, limit));
        prop_assert_eq!(keys(&json), &rest[..limit.min(rest.len())]);
        prop_assert_eq!(next(&json).is_some(), rest.len() > limit);
        let spec = ReadSpec { counts: true, ..paged(recursive, &after, limit) };
        let expected = format!(",\"count\":{},\"more\":{}", limit.min(rest.len()), rest.len() > limit);
        prop_assert!(list(&mut store, &top, &spec).contains(&expected));
    }

    /// What is there all the time comes exactly once and in order, whatever comes and goes between two pages.
    #[test]
    fn pages_stay_in_step_with_writes(
        paths in prop::collection::vec(path(), 1..40),
        changes in prop::collection::vec((any::<bool>(), path()), 0..60),
        limit in 1..6_usize,
    ) {
        let (mut store, all) = grow(&paths);
        let mut always = shown(&all, "/", true, Order::DepthFirst);
        let mut seen = Vec::new();
        let mut after = String::new();
        let mut changes = changes.into_iter();
        loop {
            let json = list(&mut store, "/", &paged(true, &after, limit));
            seen.extend(keys(&json));
            let Some(key) = next(&json) else { break };
            after = key;
            for (removes, path) in changes.by_ref().take(3) {
                let op = if removes { Op::Delete } else { Op::Set };
                let change = Write { recursive: true, ..write(op, &path, "w") };
                if apply(&mut store, change).outcome.is_ok() && removes {
                    let gone = format!("{path}/");
                    always.retain(|key| *key != path && !key.starts_with(&gone));
                }
            }
        }
        prop_assert!(seen.windows(2).all(|two| segments(&two[0]) < segments(&two[1])), "{seen:?}");
        let missing: Vec<_> = always.iter().filter(|key| !seen.contains(key)).collect();
        prop_assert!(missing.is_empty(), "{missing:?} of {always:?} in {seen:?}");
    }
}

/// The control: with the keys in another order, the same comparison fails.
#[test]
fn a_wrong_order_is_noticed() {
    let mut runner = TestRunner::deterministic();
    let found = (0..500).any(|_| {
        let (paths, top, recursive, limit) =
            inputs().new_tree(&mut runner).expect("inputs").current();
        agree(&paths, &top, recursive, limit, Order::Text).is_err()
    });
    assert!(found);
}

#[test]
fn the_shapes() {
    let mut store = fresh();
    done(&mut store, write(Op::Set, "/d/a", "1"));
    done(&mut store, write(Op::Set, "/d/b/c", "2"));
    let whole = |keys_only, counts| ReadSpec { recursive: true, keys_only, counts, page: None };
    assert_eq!(
        list(&mut store, "/d", &whole(true, false)),
        "{\"action\":\"get\",\"node\":{\"key\":\"/d\",\"dir\":true,\"nodes\":[\
         {\"key\":\"/d/a\",\"modifiedIndex\":4,\"createdIndex\":4},\
         {\"key\":\"/d/b\",\"dir\":true,\"nodes\":[{\"key\":\"/d/b/c\",\"modifiedIndex\":5,\
         \"createdIndex\":5}],\"modifiedIndex\":5,\"createdIndex\":5}],\
         \"modifiedIndex\":4,\"createdIndex\":4}}\n"
    );
    assert_eq!(
        list(&mut store, "/d", &paged(true, "/d/a", 1)),
        "{\"action\":\"get\",\"node\":{\"key\":\"/d\",\"dir\":true,\"nodes\":[\
         {\"key\":\"/d/b\",\"dir\":true,\"modifiedIndex\":5,\"createdIndex\":5}],\
         \"modifiedIndex\":4,\"createdIndex\":4},\"more\":true,\"next\":\"/d/b\"}\n"
    );
    assert_eq!(
        list(&mut store, "/", &whole(false, true)),
        "{\"action\":\"get\",\"node\":{\"dir\":true},\"count\":4}\n"
    );
    assert_eq!(
        list(&mut store, "/d/a", &paged(false, "", 5)),
        "{\"action\":\"get\",\"node\":{\"key\":\"/d/a\",\"value\":\"1\",\"modifiedIndex\":4,\
         \"createdIndex\":4},\"more\":false}\n"
    );
    assert_eq!(
        list(&mut store, "/d", &paged(false, "/d/zz", 5)),
        "{\"action\":\"get\",\"node\":{\"key\":\"/d\",\"dir\":true,\"modifiedIndex\":4,\
         \"createdIndex\":4},\"more\":false}\n"
    );
}

/// JSON shows the same for both keys, so their own text would lead from the second to the first.
#[test]
fn keys_that_are_not_text_do_not_hold_a_reader_up() {
    let mut store = fresh();
    for name in [&b"/d/\xfe"[..], b"/d/\xff"] {
        done(&mut store, Write { value: b"v".to_vec(), ..Write::new(Op::Set, name.to_vec()) });
    }
    let first = list(&mut store, "/d", &paged(false, "", 1));
    let after = parse_after(next(&first).expect("more").as_bytes()).expect("a key");
    assert_eq!(after, b"/d/\xfe");
    let page = Some(Page { after, limit: 1 });
    let second = list(&mut store, "/d", &ReadSpec { page, ..ReadSpec::default() });
    assert!(second.contains("\"nodes\":[") && next(&second).is_none(), "{second}");
}

/// A page costs what is on it, not what is before it, and hidden children cost nothing.
#[test]
fn a_late_page_looks_at_nothing_else() {
    let mut store = fresh();
    for number in 0..20_000 {
        let name = if number % 2 == 0 { "_h" } else { "n" };
        done(&mut store, write(Op::Set, &format!("/d/{name}{number:05}"), ""));
    }
    let now_ns = store.time_ns();
    for after in ["", "/d/Z", "/d/_h00002", "/d/n10001", "/d/n19995"] {
        let spec = paged(true, after, 3);
        let mut out = Vec::new();
        assert!(store.list(b"/d", &spec, now_ns, 6, &mut out).expect("there"), "{after}");
    }
    // The control: the bound is felt by a page that is longer.
    assert!(!store.list(b"/d", &paged(true, "", 9), now_ns, 6, &mut Vec::new()).expect("there"));
}
