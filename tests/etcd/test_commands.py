"""`etcd` and `coreos` as far as they go without a data directory."""

from __future__ import annotations

import pytest

from coreos_py import __version__
from coreos_py.cli import coreos, coreos_etcd, etcd
from coreos_py.etcd.flags import FLAGS
from coreos_py.etcd.usage import help_text

Capture = pytest.CaptureFixture[str]


def test_version_has_etcds_four_lines(capsys: Capture) -> None:
    assert etcd.main(["--version"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "etcd Version",
        "Git SHA",
        "Go Version",
        "Go OS/Arch",
    ]
    assert lines[0] == f"etcd Version: 2.3.8+coreos-py.{__version__}"


def test_help_names_every_flag_but_testing_controls(capsys: Capture) -> None:
    assert etcd.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert shown == help_text()
    for flag in FLAGS.values():
        assert (f"--{flag.name}" in shown) is not flag.hidden or flag.name == "version"
    assert "--unsafe-no-fsync" not in shown
    assert "(ETCD_LISTEN_CLIENT_URLS)" in shown
    assert max(map(len, shown.splitlines())) <= 116


def test_a_wrong_command_line_shows_the_usage(capsys: Capture) -> None:
    assert etcd.main(["--nope"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("etcd: flag provided but not defined: -nope\n")
    assert "Usage: etcd [flags]" in said.err


def test_a_stray_argument_is_one_line(capsys: Capture) -> None:
    assert etcd.main(["foo"]) == 1
    assert capsys.readouterr().err == (
        "etcd: error verifying flags, 'foo' is not a valid flag. See 'etcd --help'.\n"
    )


def test_coreos_version_and_help(capsys: Capture) -> None:
    assert coreos.main(["--version"]) == 0
    assert capsys.readouterr().out == f"coreos {__version__}\n"
    assert coreos.main(["--help"]) == 0
    assert "verify or repair" in capsys.readouterr().out


def test_coreos_unknown_subcommand_is_one_line(capsys: Capture) -> None:
    assert coreos.main(["uup"]) == 2
    assert capsys.readouterr().err == "coreos: 'uup' is not a command of coreos. See 'coreos --help'.\n"
    assert coreos.main([]) == 2
    assert "Usage: coreos" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status"),
    [([], 2), (["verify"], 2), (["mend", "d"], 2), (["verify", "d", "--nope"], 2), (["--help"], 0),
     (["repair", "--help"], 0)],
)  # fmt: skip
def test_coreos_etcd_command_lines(arguments: list[str], status: int, capsys: Capture) -> None:
    assert coreos.main(["etcd", *arguments]) == status
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    assert (said.out if status == 0 else said.err).startswith("usage: coreos etcd")


def test_report_of_verify_for_people() -> None:
    report = {
        "ok": False,
        "cluster_id": 0x1A,
        "member_id": 0x2B,
        "segments": 2,
        "first_index": 1,
        "last_index": 90,
        "commit": 100,
        "snapshots": [("0000000000000001-0000000000000010.snap", 1, 16, False)],
        "problems": ["segment 1, offset 640: batch 7 does not check out"],
        "torn_tail_bytes": 12,
        "would_lose": 10,
    }
    text = coreos_etcd.report_text(report)
    assert text.splitlines()[0].split() == ["cluster", "1a"]
    assert "index 16, UNREADABLE" in text
    assert "12 bytes that were never acknowledged" in text
    assert "a repair would lose 10 entries" in text
    assert text.endswith("NOT in order: see `coreos etcd repair --help`")
