"""Command lines that are wrong, ask for help, or ask for what is not here. No server is needed."""

from __future__ import annotations

import pytest

from coreos_py.cli.coreos import SUBCOMMANDS
from coreos_py.cli.etcdctl_ import v3
from coreos_py.cli.etcdctl_.command import Command
from coreos_py.cli.etcdctl_.table import COMMANDS, GLOBAL_FLAGS, find
from tests.etcdctl.runner import Ctl

# Nothing listens on port 1: a command line that is wrong must be told so before anything is connected to.
CTL = Ctl.ours("http://127.0.0.1:1")


def test_an_unknown_command_j253() -> None:
    assert CTL.run("bogus") == (1, "", "No help topic for 'bogus'\n")
    assert CTL.run("help", "bogus") == (1, "", "No help topic for 'bogus'\n")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["get", "--bogus", "/k"], "flag provided but not defined: -bogus"),
        (["set", "/k", "v", "-bogus"], "flag provided but not defined: -bogus"),
        (["set", "/k", "v", "--ttl", "x"], 'invalid value "x" for flag -ttl: parse error'),
        (
            ["set", "/k", "v", "--ttl", "99999999999999999999"],
            'invalid value "99999999999999999999" for flag',
        ),
        (["set", "/k", "v", "--ttl"], "flag needs an argument: -ttl"),
        (["rm", "/k", "--with-index", "-1"], 'invalid value "-1" for flag -with-index: parse error'),
        (["get", "/k", "--quorum=maybe"], 'invalid boolean value "maybe" for -quorum: parse error'),
        (["ls", "-pr", "/"], "flag provided but not defined: -pr"),
        (["get", "---sort", "/k"], "bad flag syntax: ---sort"),
        (["get", "--=x", "/k"], "bad flag syntax: --=x"),
        (["--timeout", "3", "get", "/k"], 'invalid value "3" for flag -timeout: parse error'),
        (["--timeout", "-1s", "get", "/k"], 'invalid value "-1s" for flag -timeout: must not be negative'),
        (["--timeout", "9999999h", "get", "/k"], 'invalid value "9999999h" for flag -timeout: value out of'),
        (["--bogus", "get", "/k"], "flag provided but not defined: -bogus"),
        (["watch", "/k", "--after-index", "x"], 'invalid value "x" for flag -after-index: parse error'),
    ],
)
def test_wrong_flags_are_named_on_stderr_with_exit_1(words: list[str], reason: str) -> None:
    code, out, err = CTL.run(*words)
    assert (code, out) == (1, "")
    assert err.startswith(f"Incorrect Usage: {reason}")


def test_missing_words() -> None:
    assert CTL.run("exec-watch", "/k") == (1, "", "Error:  key and command to exec required\n")
    assert CTL.run("exec-watch", "/k", "--") == (1, "", "Error:  key and command to exec required\n")
    assert CTL.run("exec-watch") == (1, "", "Error:  key and command to exec required\n")
    assert CTL.run("get") == (1, "", "Error:  key required\n")


def test_a_bare_call_and_help_show_everything() -> None:
    help_text = CTL.run("--help").out
    bare: list[list[str]] = [[], ["help"], ["-h"], ["h"], ["help", "help"]]
    for words in bare:
        assert CTL.run(*words) == (0, help_text, "")
    for command in COMMANDS:
        (line,) = [line for line in help_text.splitlines() if line.startswith(f"   {command.name} ")]
        assert line.endswith(command.summary)
    for flag in GLOBAL_FLAGS:
        for name in flag.names:
            assert f"-{name}" in help_text
        assert not flag.environment or f"[${flag.environment}]" in help_text


EVERY_COMMAND = [
    *(("", command) for command in COMMANDS),
    *((command.name, subcommand) for command in COMMANDS for subcommand in command.subcommands),
]


@pytest.mark.parametrize(
    ("parent", "command"),
    EVERY_COMMAND,
    ids=[f"{parent}-{command.name}" for parent, command in EVERY_COMMAND],
)
def test_each_command_has_help(parent: str, command: Command) -> None:
    words = [parent, command.name] if parent else [command.name]
    shown = CTL.run(*words, "--help")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith(f"NAME:\n   etcdctl {' '.join(words)} - {command.summary}\n")
    for flag in command.flags:
        assert all(f"-{name}" in shown.out for name in flag.names)
    for subcommand in command.subcommands:
        assert f"   {subcommand.name} " in shown.out
    assert CTL.run("help", *words) == shown
    if parent:
        assert CTL.run(parent, "help", command.name) == shown
    else:
        assert CTL.run("--help", command.name) == shown


@pytest.mark.parametrize("name", ["member", "user", "role", "auth"])
def test_a_subcommand_that_is_missing_or_unknown(name: str) -> None:
    help_text = CTL.run(name, "--help").out
    assert CTL.run(name) == (1, "", help_text)
    assert CTL.run(name, "help") == CTL.run(name, "h") == (0, help_text, "")
    for words in ([name, "bogus"], [name, "help", "bogus"], ["help", name, "bogus"]):
        assert CTL.run(*words) == (1, "", "No help topic for 'bogus'\n")
    code, out, err = CTL.run(name, "--bogus", "list")
    assert (code, out) == (1, "")
    assert err.startswith("Incorrect Usage: flag provided but not defined: -bogus")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["user", "list", "x"], "No arguments accepted\n"),
        (["role", "list", "x"], "No arguments accepted\n"),
        (["member", "list", "x"], "No arguments accepted\n"),
        (["auth", "enable", "x"], "No arguments accepted\n"),
        (["cluster-health", "x"], "No arguments accepted\n"),
        (["user", "add"], "Please provide a username\n"),
        (["user", "add", ":pw"], "Please provide a username\n"),
        (["user", "get", "a", "b"], "Please provide a username\n"),
        (["role", "remove"], "Please provide a role name\n"),
        (["user", "grant", "bob"], "No roles specified; please use `-roles`\n"),
        (["user", "grant", "bob", "--roles", " , "], "No roles specified; please use `-roles`\n"),
        (["role", "grant", "r"], "No path specified; please use `-path`\n"),
        (["role", "grant", "r", "--path", "m/x"], "Not canonical path; please use `-path=/m/x`\n"),
        (["role", "grant", "r", "--path", "/m//x/"], "Not canonical path; please use `-path=/m/x/`\n"),
        (
            ["role", "grant", "r", "--path", "/m", "--read", "--write"],
            "Please specify exactly one of -read, -write or -readwrite\n",
        ),
    ],
)
def test_words_that_are_missing_or_too_many(words: list[str], text: str) -> None:
    assert CTL.run(*words) == (1, "", text)


def test_help_is_laid_out_as_it_always_was() -> None:
    assert CTL.run("get", "--help").out == (
        "NAME:\n   etcdctl get - retrieve the value of a key\n\n"
        "USAGE:\n   etcdctl get [command options] <key>\n\n"
        "OPTIONS:\n"
        "   --sort        returns result in sorted order\n"
        "   --quorum, -q  require quorum for get request\n"
    )


def test_version() -> None:
    for flag in ("--version", "-v", "-version"):
        code, out, err = CTL.run(flag)
        assert (code, err) == (0, "")
        assert out.splitlines()[0] == "etcdctl version 2.3.8"
        assert out.splitlines()[1].startswith("coreos_py version ")


def is_refused_as_v3(*words: str) -> str:
    """The one line that such a command line is answered with."""
    code, out, err = CTL.run(*words)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "belongs to the v3 API, and this is the etcdctl of the v2 API" in err
    return err


def exists(hint: str) -> bool:
    """Whether every word of a hint is a command or a flag that there is; capitals stand for what is typed."""
    if hint.startswith("coreos "):
        return hint.removeprefix("coreos ") in SUBCOMMANDS
    flags = list(GLOBAL_FLAGS)
    commands: tuple[Command, ...] = COMMANDS
    for word in hint.split():
        if word.startswith("-"):
            if not (word == "--version" or any(word.lstrip("-") in flag.names for flag in flags)):
                return False
        elif not word[0].isupper() and word != "json":
            command = next((command for command in commands if command.name == word), None)
            if command is None:
                return False
            flags += command.flags
            commands = command.subcommands
    return True


@pytest.mark.parametrize("name", v3.COMMANDS)
def test_v3_commands_are_refused_in_one_line(name: str) -> None:
    is_refused_as_v3(*name.split(), "a", "b")


def test_hints_are_to_what_there_is() -> None:
    assert exists("set --ttl")
    assert not exists("put")
    assert not exists("coreos put")
    assert not exists("get --prefix")
    assert not exists("user grant-role")
    for nearest in (*v3.COMMANDS.values(), *v3.FLAGS.values()):
        assert exists(nearest), nearest
    for name in v3.COMMANDS:
        first, _, second = name.partition(" ")
        command = find(first)
        assert command is None or (second and command.find(second) is None), name
    for flag in v3.FLAGS:
        assert not exists(flag), flag


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("get --prefix /k", "ls --recursive"),
        ("get /k --prefix=true", "ls --recursive"),
        ("--prefix get /k", "ls --recursive"),
        ("watch --rev 1 /k", "watch --after-index"),
        ("watch --prefix /k", "watch --recursive"),
        ("--cacert x get /k", "--ca-file"),
        ("get /k --cacert=x", "--ca-file"),
        ("--user root:secret member list", "--username"),
        ("-w json get /k", "--output"),
        ("-d example.com get /k", "--discovery-srv"),
        ("backup --data-dir d --backup-dir b --with-v3", "backup"),
        ("put", "set"),
        ("put /k v --lease=1", "set"),
        ("get a b", "ls --recursive"),
        ("watch a b", "watch --recursive"),
        ("member add m2 --peer-urls=http://h:1", "member add NAME URL"),
        ("user grant-role bob r", "user grant"),
    ],
)
def test_v3_syntax_is_answered_with_what_comes_nearest(line: str, hint: str) -> None:
    assert f'"etcdctl {hint}" comes nearest' in is_refused_as_v3(*line.split())


@pytest.mark.parametrize("line", ["get --limit 5 /k", "get --rev 3 /k", "--hex get /k", "auth status"])
def test_v3_syntax_that_nothing_comes_near_to(line: str) -> None:
    assert "nearest" not in is_refused_as_v3(*line.split())


def test_hints_lead_to_what_is_here() -> None:
    assert '"etcdctl rm" comes nearest' in CTL.run("del").err
    assert '"etcdctl --version" comes nearest' in CTL.run("version").err
    assert '"etcdctl backup" comes nearest' in CTL.run("snapshot").err
    assert '"etcdctl cluster-health" comes nearest' in CTL.run("endpoint").err
    assert '"coreos completion" comes nearest' in CTL.run("completion", "bash").err
    assert "nearest" not in CTL.run("defrag").err


def test_the_v3_api_is_refused_in_one_line() -> None:
    code, out, err = CTL.run("get", "/k", variables={"ETCDCTL_API": "3"})
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "ETCDCTL_API=3" in err
    assert CTL.run("--version", variables={"ETCDCTL_API": "2"}).code == 0
