"""`coreos etcd`: check or mend the data directory of a member at rest; take over another etcd's keys."""

import argparse
import json
from collections.abc import Sequence
from typing import Any

from coreos_py.cli import coreos_etcd_import
from coreos_py.cli.streams import complain, say


def main(argv: Sequence[str]) -> int:
    """0: in order, repaired or taken over. 1: problems, or unreadable. 2: wrong command line."""
    parser = argparse.ArgumentParser("coreos etcd", allow_abbrev=False)
    add_arguments(parser)
    try:
        options = parser.parse_args(argv)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 2

    if options.action == "import":
        return coreos_etcd_import.run(options)
    from coreos_py._core import EngineError

    try:
        return _verify(options) if options.action == "verify" else _repair(options)
    except EngineError as error:
        if options.json:
            return say(json.dumps({"ok": False, "error": str(error), "kind": error.kind}) + "\n", 1)
        complain(f"coreos: {error}\n")
        return 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed behind `coreos etcd`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="verify|repair|import")
    texts = {
        "verify": "read a data directory and say whether it is in order; changes nothing",
        "repair": "cut the log at the first damage, keep what is cut beside it, and say what was done",
    }
    for name, text in texts.items():
        action = actions.add_parser(name, help=text, description=text, allow_abbrev=False)
        action.add_argument("data_dir", metavar="DATA_DIR")
        action.add_argument("--json", action="store_true", help="print one JSON object")
    text = "take over keys, folders and remaining times to live of a running etcd (v2 API)"
    coreos_etcd_import.add_arguments(
        actions.add_parser(
            "import",
            help=text,
            description=f"{text}. {coreos_etcd_import.REPEATED}",
            allow_abbrev=False,
        )
    )


def _verify(options: argparse.Namespace) -> int:
    from coreos_py._core import verify

    report = verify(options.data_dir)
    text = json.dumps(report) if options.json else report_text(report)
    return say(text + "\n", 0 if report["ok"] else 1)


def report_text(report: dict[str, Any]) -> str:
    """A report of `verify` for people."""
    lines = [
        f"cluster    {report['cluster_id']:x}",
        f"member     {report['member_id']:x}",
        f"segments   {report['segments']}",
        f"entries    {report['first_index']} to {report['last_index']}, committed to {report['commit']}",
    ]
    lines += [
        f"snapshot   {name}: term {term}, index {index}, {'in order' if ok else 'UNREADABLE'}"
        for name, term, index, ok in report["snapshots"]
    ]
    if report["torn_tail_bytes"]:
        tail = f"{report['torn_tail_bytes']} bytes that were never acknowledged; the next start cuts them off"
        lines.append(f"torn tail  {tail}")
    lines += [f"problem    {sentence}" for sentence in report["problems"]]
    if report["would_lose"]:
        lines.append(f"           a repair would lose {report['would_lose']} entries")
    lines.append("in order" if report["ok"] else "NOT in order: see `coreos etcd repair --help`")
    return "\n".join(lines)


def _repair(options: argparse.Namespace) -> int:
    from coreos_py._core import repair

    done = repair(options.data_dir)
    if options.json:
        return say(json.dumps({"ok": True, "done": done}) + "\n")
    return say(("\n".join(done) if done else "nothing to repair") + "\n")
