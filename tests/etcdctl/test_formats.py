"""The output formats `extended` and `json`. Numbers are those of the reference's checklist, part J."""

from __future__ import annotations

import json
import re

from tests.etcdctl.runner import Ctl


def numberless(text: str) -> str:
    """The text with indexes and times replaced."""
    text = re.sub(r'"expiration":"[0-9T:.-]+Z"', '"expiration":"T"', text)
    return re.sub(r"(Index: |Index\":)\d+", r"\1N", text)


def test_extended_j249_j251(ctl: Ctl, top: str) -> None:
    ctl.run("set", "--", f"{top}/neg", "-1")
    shown = ctl.run("-o", "extended", "get", f"{top}/neg")
    head = f"Key: {top}/neg\nCreated-Index: N\nModified-Index: N\n"
    assert (shown.code, numberless(shown.out), shown.err) == (0, f"{head}TTL: 0\nIndex: N\n\n-1\n", "")
    ctl.run("set", f"{top}/pp", "a")
    head = f"Key: {top}/pp\nCreated-Index: N\nModified-Index: N\n"
    shown = ctl.run("-o", "extended", "set", f"{top}/pp", "b")
    assert numberless(shown.out) == f"{head}PrevNode.Value: a\nTTL: 0\nIndex: N\n\nb\n"
    shown = ctl.run("-o", "extended", "rm", f"{top}/pp")
    assert numberless(shown.out) == f"{head}PrevNode.Value: b\nTTL: 0\nIndex: N\n"
    shown = ctl.run("-o", "extended", "mkdir", f"{top}/d", "--ttl", "500")
    head = f"Key: {top}/d\nCreated-Index: N\nModified-Index: N\n"
    assert numberless(shown.out) == f"{head}TTL: 500\nIndex: N\n\n\n"


def test_in_order_name_is_shown(ctl: Ctl, top: str) -> None:
    shown = ctl.run("mk", "--in-order", f"{top}/q", "job", "--output=extended").out
    assert re.match(rf"Key: {top}/q/\d{{20}}\n", shown)


def test_json_j250(ctl: Ctl, top: str) -> None:
    ctl.run("set", "--", f"{top}/neg", "-1")
    shown = ctl.run("-o", "json", "get", f"{top}/neg")
    file = f'"key":"{top}/neg","value":"-1","nodes":null,"createdIndex":N,"modifiedIndex":N'
    assert numberless(shown.out) == f'{{"action":"get","node":{{{file}}},"prevNode":null}}\n'
    shown = ctl.run("-o", "json", "set", f"{top}/neg", "2", "--ttl", "500")
    new = f'"key":"{top}/neg","value":"2","nodes":null,"createdIndex":N,"modifiedIndex":N'
    timed = f'{new},"expiration":"T","ttl":500'
    assert numberless(shown.out) == f'{{"action":"set","node":{{{timed}}},"prevNode":{{{file}}}}}\n'


def test_json_of_directories(ctl: Ctl, top: str) -> None:
    ctl.run("set", f"{top}/a/b", "1")
    ctl.run("mkdir", f"{top}/c")
    shown = ctl.run("-o", "json", "ls", "--sort", "--recursive", top)
    node = json.loads(shown.out)["node"]
    assert (node["key"], node["dir"], node["value"]) == (top, True, "")
    assert [child["key"] for child in node["nodes"]] == [f"{top}/a", f"{top}/c"]
    assert node["nodes"][0]["nodes"][0]["value"] == "1"
    assert node["nodes"][1]["nodes"] is None
    assert '"dir":true,"value":"","nodes":' in shown.out
    assert json.loads(ctl.run("-o", "json", "rm", "--recursive", top).out)["action"] == "delete"


def test_json_is_escaped_as_go_does_it(ctl: Ctl, top: str) -> None:
    ctl.run("set", f"{top}/k", '<&>\u2028\u2029\x01\x08\x0c\n\r\t"\\/\x7f\u00fc')
    shown = ctl.run("-o", "json", "get", f"{top}/k").out
    escaped = r"\u003c\u0026\u003e\u2028\u2029\u0001\u0008\u000c\n\r\t\"\\/" + "\x7f\u00fc"
    assert f'"value":"{escaped}"' in shown


def test_an_unknown_format_stops_before_anything_is_done_j252(ctl: Ctl, top: str) -> None:
    assert ctl.run("-o", "bad", "set", f"{top}/k", "v") == (1, "", "Unsupported output format: bad\n")
    assert ctl.run("get", f"{top}/k").code == 4
