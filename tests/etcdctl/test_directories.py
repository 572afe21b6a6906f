"""`mkdir`, `setdir`, `updatedir`, `rmdir` and `ls`. Numbers: the reference's checklist, part J."""

from __future__ import annotations

from tests.etcdctl.runner import Ctl, same_but_index, stored
from tests.support.server import Server

SILENT = (0, "", "")


def failure(ctl: Ctl, *words: str) -> tuple[int, str, str]:
    """A run whose error text has no index."""
    code, out, err = ctl.run(*words)
    return code, out, same_but_index(err)


def test_mkdir_j231_j232(ctl: Ctl, server: Server, top: str) -> None:
    assert ctl.run("mkdir", f"{top}/d") == SILENT
    assert failure(ctl, "mkdir", f"{top}/d") == (4, "", f"Error:  105: Key already exists ({top}/d) [N]\n")
    assert ctl.run("mkdir", f"{top}/e", "--ttl", "300") == SILENT
    assert stored(server, f"{top}/e")["ttl"] in (299, 300)


def test_updatedir_j233(ctl: Ctl, server: Server, top: str) -> None:
    ctl.run("mkdir", f"{top}/d")
    assert ctl.run("updatedir", f"{top}/d", "--ttl", "500") == SILENT
    assert stored(server, f"{top}/d")["ttl"] in (499, 500)
    assert ctl.run("updatedir", "--ttl", "0", f"{top}/d") == SILENT
    assert "ttl" not in stored(server, f"{top}/d")
    wanted = (4, "", f"Error:  100: Key not found ({top}/none) [N]\n")
    assert failure(ctl, "updatedir", f"{top}/none", "--ttl", "5") == wanted


def test_updatedir_without_ttl_is_refused_and_changes_nothing(ctl: Ctl, server: Server, top: str) -> None:
    ctl.run("mkdir", f"{top}/d", "--ttl", "500")
    code, out, err = ctl.run("updatedir", f"{top}/d")
    assert (code, out) == (1, "")
    assert "--ttl" in err
    assert stored(server, f"{top}/d")["ttl"] in (499, 500)


def test_setdir_j234_j235(ctl: Ctl, server: Server, top: str) -> None:
    # On an existing directory the TTL is set, as the help says (etcd's client fails with 102).
    ctl.run("mkdir", f"{top}/d")
    ctl.run("set", f"{top}/d/x", "kept")
    assert ctl.run("setdir", f"{top}/d", "--ttl", "500") == SILENT
    assert stored(server, f"{top}/d")["ttl"] in (499, 500)
    assert ctl.run("setdir", f"{top}/d") == SILENT
    assert "ttl" not in stored(server, f"{top}/d")
    assert ctl.run("get", f"{top}/d/x").out == "kept\n"
    ctl.run("set", f"{top}/tofile", "1")
    assert ctl.run("setdir", f"{top}/tofile") == SILENT
    assert stored(server, f"{top}/tofile")["dir"] is True
    assert ctl.run("setdir", f"{top}/new") == SILENT
    assert failure(ctl, "setdir", "/") == (4, "", "Error:  107: Root is read only (/) [N]\n")


def test_ls_j236_to_j239(ctl: Ctl, top: str) -> None:
    ctl.run("set", f"{top}/hello", "world")
    ctl.run("set", f"{top}/d/x", "1")
    ctl.run("set", f"{top}/_h", "1")
    ctl.run("set", f"{top}/d/e/y", "1")
    assert ctl.run("ls", top, "--sort", "-p") == (0, f"{top}/d/\n{top}/hello\n", "")
    everything = [f"{top}/d", f"{top}/d/e", f"{top}/d/e/y", f"{top}/d/x", f"{top}/hello"]
    assert ctl.run("ls", top, "--sort", "--recursive").out.splitlines() == everything
    assert sorted(ctl.run("ls", "--recursive", top).out.splitlines()) == everything
    assert ctl.run("ls", f"{top}/hello") == (0, f"{top}/hello\n", "")
    assert ctl.run("ls", f"{top}/_h") == (0, f"{top}/_h\n", "")
    assert failure(ctl, "ls", f"{top}/none") == (4, "", f"Error:  100: Key not found ({top}/none) [N]\n")
    assert top in ctl.run("ls").out.splitlines()
    assert top in ctl.run("ls", "/").out.splitlines()


def test_rmdir_and_rm_of_directories_j240_to_j243(ctl: Ctl, top: str) -> None:
    ctl.run("set", f"{top}/d/x", "1")
    assert failure(ctl, "rm", f"{top}/d") == (4, "", f"Error:  102: Not a file ({top}/d) [N]\n")
    assert failure(ctl, "rmdir", f"{top}/d") == (4, "", f"Error:  108: Directory not empty ({top}/d) [N]\n")
    assert ctl.run("rm", f"{top}/d", "--recursive") == SILENT
    assert failure(ctl, "rmdir", f"{top}/d") == (4, "", f"Error:  100: Key not found ({top}/d) [N]\n")
    ctl.run("mkdir", f"{top}/e")
    assert ctl.run("rmdir", f"{top}/e") == SILENT
    ctl.run("mkdir", f"{top}/e")
    assert ctl.run("rm", "--dir", f"{top}/e") == SILENT
    ctl.run("set", f"{top}/f", "1")
    assert ctl.run("rmdir", f"{top}/f") == (0, "PrevNode.Value: 1\n", "")


def test_a_very_deep_tree_is_listed(ctl: Ctl, top: str) -> None:
    key = top + "/d" * 700
    assert ctl.run("set", key, "1").code == 0
    names = ctl.run("ls", "--recursive", top).out.splitlines()
    assert len(names) == 700
    assert names[-1] == key


def test_a_missing_key_is_said(ctl: Ctl) -> None:
    for command in ("mkdir", "setdir", "updatedir", "rm", "rmdir", "mk", "set", "watch"):
        assert ctl.run(command) == (1, "", "Error:  key required\n"), command
