"""From argv, environment and file to one value per flag, by the rules of Go's flag package.

Later sources win: file, environment, command line. A value that cannot be read is an error of its source;
what the values mean together is the business of `settings`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from coreos_py.etcd.errors import FlagError
from coreos_py.etcd.flags import ALIASES, BY_ENV, FLAGS, Flag
from coreos_py.etcd.values import flatten, parse_text, quoted

_HELP = frozenset({"h", "help"})
_ENV_PREFIX = "ETCD_"
_FILE_NAMES = {
    "verbose": "v",
    "very-verbose": "vv",
    "very-very-verbose": "vvv",
    "cpu-profile-file": "cpuprofile",
}


@dataclass(slots=True)
class Given:
    """Values by flag name, only of flags that were given, and what to warn about."""

    values: dict[str, object] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    wants_help: bool = False


def failed_verification(message: str) -> FlagError:
    """An error of exit status 1 in etcd's sentence."""
    return FlagError(f"error verifying flags, {message}. See 'etcd --help'.", 1)


def collect(argv: Sequence[str], environ: Mapping[str, str], read_text: Callable[[str], str]) -> Given:
    """Everything that was given. Raises FlagError."""
    given = Given()
    _read_argv(argv, given)
    if given.wants_help or given.values.get("version"):
        return given
    from_argv = dict(given.values)
    given.values = {}
    _read_environ(environ, from_argv, given)
    from_environ = dict(given.values)
    given.values = {}
    path = (from_environ | from_argv).get("config")
    if path:
        _read_file(str(path), read_text, from_environ | from_argv, given)
    given.values |= from_environ | from_argv
    return given


def _read_argv(argv: Sequence[str], given: Given) -> None:
    arguments = list(argv)
    while arguments:
        argument = arguments[0]
        if not argument.startswith("-") or argument == "-":
            break
        arguments.pop(0)
        if argument == "--":
            break
        name, equals, text = argument.removeprefix("-").removeprefix("-").partition("=")
        if not name or name.startswith("-"):
            raise FlagError(f"bad flag syntax: {argument}", 2)
        if name in _HELP:
            given.wants_help = True
            return
        flag = _known(name, given)
        if not equals:
            if flag.kind.is_switch:
                text = "true"
            elif arguments:
                text = arguments.pop(0)
            else:
                raise FlagError(f"flag needs an argument: -{name}", 2)
        _set_from_argv(flag, name, text, given)
    if arguments:
        raise failed_verification(f"'{arguments[0]}' is not a valid flag")


def _known(name: str, given: Given) -> Flag:
    if name in ALIASES:
        given.warnings.append(f"[deprecated] use -{ALIASES[name]}, not -{name}")
        name = ALIASES[name]
    if name not in FLAGS:
        import difflib

        near = difflib.get_close_matches(name, FLAGS, n=1, cutoff=0.75)
        hint = f"\nDid you mean --{near[0]}?" if near else ""
        raise FlagError(f"flag provided but not defined: -{name}{hint}", 2)
    return FLAGS[name]


def _set_from_argv(flag: Flag, typed: str, text: str, given: Given) -> None:
    try:
        given.values[flag.name] = flag.kind.parse(parse_text(text))
    except ValueError as error:
        kind = "boolean value" if flag.kind.is_switch else "value"
        raise FlagError(f"invalid {kind} {quoted(text)} for flag -{typed}: {error}", 2) from error


def _read_environ(environ: Mapping[str, str], wins: Mapping[str, object], given: Given) -> None:
    for variable in sorted(environ):
        if not variable.startswith(_ENV_PREFIX):
            continue
        flag = BY_ENV.get(variable)
        text = environ[variable]
        if flag is None:
            # The name only: a value could be anything, even a secret.
            given.warnings.append(f"unrecognized environment variable {variable}")
        elif flag.name in wins:
            given.warnings.append(f"environment variable {variable} is overridden by {flag.dashed}")
        elif text:
            _set_checked(flag, text, variable, given)


def _read_file(path: str, read_text: Callable[[str], str], wins: Mapping[str, object], given: Given) -> None:
    import tomllib

    try:
        table = tomllib.loads(read_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise failed_verification(f"cannot read the configuration file {path}: {error}") from error
    for key, text in flatten(table).items():
        flag = FLAGS.get(_FILE_NAMES.get(key, key))
        if flag is None or not flag.in_environment:
            given.warnings.append(f"unrecognized setting {quoted(key)} in {path}")
        elif flag.name not in wins and text:
            _set_checked(flag, text, f"{key} in {path}", given)


def _set_checked(flag: Flag, text: str, where: str, given: Given) -> None:
    try:
        given.values[flag.name] = flag.kind.parse(parse_text(text))
    except ValueError as error:
        raise failed_verification(f"invalid value {quoted(text)} for {where}: {error}") from error
