"""What `etcd --help`, `etcd --version` and a wrong command line print."""

import platform
import textwrap

from coreos_py import __version__
from coreos_py.etcd.flags import FLAGS, IGNORED, OLD, UNSUPPORTED, Fate, Flag
from coreos_py.etcd.versions import API_VERSION

USAGE = """\
Usage: etcd [flags]
  Flags take one or two dashes, --flag value or --flag=value, or come as ETCD_FLAG from the environment.
  See etcd --help, etcd --version.
"""
_WIDTH = 106
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def help_text() -> str:
    """The whole help, grouped, made from the flag table."""
    groups: dict[str, list[Flag]] = {}
    for flag in FLAGS.values():
        if not flag.hidden:
            groups.setdefault(flag.group, []).append(flag)
    brief = {UNSUPPORTED, IGNORED}
    parts = [USAGE, *(_section(name, flags) for name, flags in groups.items() if name not in brief)]
    parts += [_names(name, groups[name]) for name in (UNSUPPORTED, IGNORED)]
    return "\n".join(parts)


def _section(name: str, flags: list[Flag]) -> str:
    lines = [f"{name}:"]
    for flag in (flag for flag in flags if flag.fate is Fate.ACTS):
        default = f" '{flag.default}'" if flag.default else ""
        lines.append(f"  {flag.dashed}{default}" + (f"  ({flag.env})" if flag.env else ""))
        lines += textwrap.wrap(flag.help, _WIDTH, initial_indent="      ", subsequent_indent="      ")
    rest = [flag for flag in flags if flag.fate is not Fate.ACTS]
    if rest:
        what = "Accepted with a warning or refused" if name == OLD else "Others"
        lines += _wrapped(f"{what}: ", rest)
    return "\n".join(lines) + "\n"


def _names(name: str, flags: list[Flag]) -> str:
    return "\n".join([f"{name}:", *_wrapped("", flags)]) + "\n"


def _wrapped(lead: str, flags: list[Flag]) -> list[str]:
    text = lead + ", ".join(flag.dashed for flag in flags)
    wrapper = textwrap.TextWrapper(
        _WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
    )
    return wrapper.wrap(text)


def version_text() -> str:
    """Four lines in the form of etcd, saying what this is."""
    machine = platform.machine()
    return (
        f"etcd Version: {API_VERSION}+coreos-py.{__version__}\n"
        "Git SHA: Not provided\n"
        f"Go Version: none (Rust engine, Python {platform.python_version()})\n"
        f"Go OS/Arch: {platform.system().lower()}/{_ARCHITECTURES.get(machine, machine)}\n"
    )
