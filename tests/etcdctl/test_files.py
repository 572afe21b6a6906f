"""`set`, `mk`, `get`, `update` and `rm`. Numbers are those of the reference's checklist, part J."""

from __future__ import annotations

import os
import re
import subprocess

from tests.etcdctl.runner import Ctl, environment, same_but_index, stored
from tests.support.server import Server


def test_mk_makes_a_key_once_j212_j213(ctl: Ctl, top: str) -> None:
    assert ctl.run("mk", f"{top}/hello", "world") == (0, "world\n", "")
    code, out, err = ctl.run("mk", f"{top}/hello", "again")
    assert (code, out, same_but_index(err)) == (4, "", f"Error:  105: Key already exists ({top}/hello) [N]\n")


def test_get_j214_to_j218(ctl: Ctl, top: str) -> None:
    ctl.run("mk", f"{top}/hello", "world")
    assert ctl.run("get", f"{top}/hello") == (0, "world\n", "")
    assert ctl.run("get", f"{top}/hello"[1:]) == (0, "world\n", "")
    assert ctl.run("get", "--quorum", f"{top}/hello") == (0, "world\n", "")
    code, out, err = ctl.run("get", f"{top}/nope")
    assert (code, out, same_but_index(err)) == (4, "", f"Error:  100: Key not found ({top}/nope) [N]\n")
    assert ctl.run("get", top) == (1, "", f"{top}: is a directory\n")
    assert ctl.run("get", "/") == (1, "", "/: is a directory\n")
    assert ctl.run("get") == (1, "", "Error:  key required\n")


def test_keys_are_cleaned_before_they_are_sent(ctl: Ctl, top: str) -> None:
    assert ctl.run("set", f"/{top}//x/../y/", "1").code == 0
    assert ctl.run("get", f"../..{top}/./y") == (0, "1\n", "")


def test_set_takes_its_value_from_anywhere_j219_to_j224(ctl: Ctl, server: Server, top: str) -> None:
    key = f"{top}/k"
    assert ctl.run("set", key, "v1") == (0, "v1\n", "")
    assert ctl.run("set", key, stdin=b"v2") == (0, "v2\n", "")
    assert ctl.run("set", key, stdin=b"x\n") == (0, "x\n\n", "")
    assert stored(server, key)["value"] == "x\n"
    assert ctl.run("set", key, stdin=b"") == (1, "", "Error:  value required\n")
    assert ctl.run("set", key, "") == (0, "\n", "")
    assert ctl.run("set", "--", key, "-1") == (0, "-1\n", "")
    assert ctl.run("set", key, "--", "-v") == (0, "-v\n", "")
    assert ctl.run("set", key, "-2") == (0, "-2\n", "")
    assert ctl.run("set", key, "-") == (0, "-\n", "")
    assert stored(server, key)["value"] == "-"


def test_set_keeps_every_text(ctl: Ctl, server: Server, top: str) -> None:
    text = 'a b+c%20&d=e;\u00fc\u20ac\U0001f980"\\\u2028<>\x7f\t\r\nend'
    assert ctl.run("set", f"{top}/a b+c%20&d=e?f;\u00fc", text) == (0, f"{text}\n", "")
    assert ctl.run("get", f"{top}/a b+c%20&d=e?f;\u00fc").out == f"{text}\n"
    listed = ctl.run("ls", top).out
    assert listed == f"{top}/a b+c%20&d=e?f;\u00fc\n"


def test_a_big_value_arrives_whole(ctl: Ctl, server: Server, top: str) -> None:
    value = "0123456789abcdef" * 16384
    assert ctl.run("set", f"{top}/big", stdin=value.encode()) == (0, f"{value}\n", "")
    assert stored(server, f"{top}/big")["value"] == value


def test_ttl_j225_j226(ctl: Ctl, server: Server, top: str) -> None:
    key = f"{top}/k"
    assert ctl.run("set", key, "v3", "--ttl", "200") == (0, "v3\n", "")
    assert stored(server, key)["ttl"] in (199, 200)
    assert ctl.run("set", "--ttl=300", key, "v3").code == 0
    assert stored(server, key)["ttl"] in (299, 300)
    for no_ttl in ("0", "-5"):
        assert ctl.run("set", key, "v3", "-ttl", no_ttl).code == 0
        assert "ttl" not in stored(server, key)


def test_swap_j227_j228(ctl: Ctl, server: Server, top: str) -> None:
    key = f"{top}/k"
    ctl.run("set", key, "v3")
    code, out, err = ctl.run("set", key, "v4", "--swap-with-value", "zz")
    assert (code, out, same_but_index(err)) == (4, "", "Error:  101: Compare failed ([zz != v3]) [N]\n")
    assert ctl.run("set", key, "v4", "--swap-with-value", "v3") == (0, "v4\n", "")
    index = stored(server, key)["modifiedIndex"]
    assert ctl.run("set", key, "v5", "--swap-with-index", str(index)) == (0, "v5\n", "")
    assert ctl.run("set", key, "v6", "--swap-with-index", str(index)).code == 4


def test_an_empty_old_value_is_a_condition(ctl: Ctl, server: Server, top: str) -> None:
    """Never an unconditional write, as with etcd's own client: Debian's server refuses it, ours compares."""
    key = f"{top}/k"
    ctl.run("set", key, "old")
    code, _, err = ctl.run("set", key, "new", "--swap-with-value", "")
    assert code == 4
    assert ("201: " in err) or ("101: Compare failed" in err)
    assert stored(server, key)["value"] == "old"


def test_update_j229_j230(ctl: Ctl, top: str) -> None:
    ctl.run("set", f"{top}/k", "v4")
    assert ctl.run("update", f"{top}/k", "v5") == (0, "v5\n", "")
    code, out, err = ctl.run("update", f"{top}/none", "v5")
    assert (code, out, same_but_index(err)) == (4, "", f"Error:  100: Key not found ({top}/none) [N]\n")
    assert ctl.run("update") == (1, "", "Error:  key required\n")
    assert ctl.run("update", f"{top}/k") == (1, "", "Error:  value required\n")


def test_rm_j244_to_j247(ctl: Ctl, server: Server, top: str) -> None:
    ctl.run("mk", f"{top}/hello", "world")
    assert ctl.run("rm", f"{top}/hello") == (0, "PrevNode.Value: world\n", "")
    code, out, err = ctl.run("rm", f"{top}/hello")
    assert (code, out, same_but_index(err)) == (4, "", f"Error:  100: Key not found ({top}/hello) [N]\n")
    ctl.run("set", f"{top}/k", "v5")
    assert ctl.run("rm", f"{top}/k", "--with-value", "no").code == 4
    # FIX 29: the old value is shown; etcd's client prints an empty line.
    assert ctl.run("rm", f"{top}/k", "--with-value", "v5") == (0, "PrevNode.Value: v5\n", "")
    ctl.run("set", f"{top}/k", "v6")
    index = stored(server, f"{top}/k")["modifiedIndex"]
    assert ctl.run("rm", f"{top}/k", "--with-index", f"{index}") == (0, "PrevNode.Value: v6\n", "")
    code, out, err = ctl.run("rm", "/")
    assert (code, out, same_but_index(err)) == (4, "", "Error:  107: Root is read only (/) [N]\n")


def test_mk_in_order_j248(ctl: Ctl, top: str) -> None:
    assert ctl.run("mk", f"{top}/q", "job1", "--in-order") == (0, "job1\n", "")
    assert ctl.run("mk", "--in-order", f"{top}/q", stdin=b"job2") == (0, "job2\n", "")
    names = ctl.run("ls", "--sort", f"{top}/q").out.split()
    assert [re.sub(r"\d{20}$", "N", name) for name in names] == [f"{top}/q/N"] * 2
    assert [ctl.run("get", name).out for name in names] == ["job1\n", "job2\n"]


def test_a_value_that_is_no_text_is_sent_as_it_is(ctl: Ctl, server: Server, top: str) -> None:
    assert ctl.run("set", f"{top}/k", b"a\xffb").out in ("a\ufffdb\n", "a\udcffb\n")
    assert ctl.run("set", f"{top}/k", "c", "--swap-with-value", b"a\xffb") == (0, "c\n", "")


def test_closed_and_full_outputs(ctl: Ctl, top: str) -> None:
    ctl.run("set", f"{top}/k", "v")
    words = [os.fsdecode(word) for word in ctl.command("get", f"{top}/k")]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, env=environment(), timeout=30)
    assert (done.returncode, done.stderr) == (1, b"Error:  write standard output: no space left on device\n")
    quoted = " ".join(f"'{word}'" for word in words)
    for closing, status in (("| true; echo ${PIPESTATUS[0]}", None), (">&- 2>&- <&-; echo $?", b"0\n")):
        done = subprocess.run(
            ["bash", "-c", f"{quoted} {closing}"], capture_output=True, env=environment(), timeout=30
        )
        assert done.stdout == status if status else done.stdout in (b"0\n", b"141\n")
        assert done.stderr == b""
