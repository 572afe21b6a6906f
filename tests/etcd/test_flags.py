"""Flags, environment and file: what is understood, what is refused, and in whose words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coreos_py.etcd.errors import FlagError
from coreos_py.etcd.flags import ALIASES, BY_ENV, FLAGS, Fate
from coreos_py.etcd.settings import Settings, Show, parse


def no_file(path: str) -> str:
    raise FileNotFoundError(2, "No such file or directory", path)


def settings(line: str = "", **environ: str) -> Settings:
    parsed = parse(line.split(), environ, no_file)
    assert isinstance(parsed, Settings)
    return parsed


def refusal(line: str, **environ: str) -> tuple[int, str]:
    with pytest.raises(FlagError) as caught:
        parse(line.split(), environ, no_file)
    return caught.value.exit_code, caught.value.message


def texts(urls: tuple[object, ...]) -> list[str]:
    return [str(url) for url in urls]


def test_defaults_are_those_of_etcd_2() -> None:
    parsed = settings()
    assert parsed.name == "default"
    assert parsed.data_dir == "default.etcd"
    assert texts(parsed.listen_client_urls) == ["http://localhost:2379", "http://localhost:4001"]
    assert parsed.advertise_client_urls == parsed.listen_client_urls
    assert texts(parsed.advertise_peer_urls) == ["http://localhost:2380", "http://localhost:7001"]
    assert parsed.beginning.initial_cluster is None
    assert parsed.beginning.given == ()
    assert (parsed.strict_reconfig_check, parsed.force_new_cluster) == (True, False)
    proxy = parsed.proxy
    assert (proxy.mode, proxy.failure_wait_ms, proxy.refresh_ms) == ("off", 5000, 30000)
    assert (proxy.dial_ms, proxy.write_ms, proxy.read_ms) == (1000, 5000, 0)
    assert (parsed.heartbeat_ms, parsed.election_ms, parsed.request_timeout_ms) == (100, 1000, 7000)
    assert parsed.warnings == ("no data-dir provided, using default data-dir ./default.etcd",)
    assert parsed.max_snapshots == 2, "the one that differs: etcd keeps 5"
    assert "etcd keeps 5" in FLAGS["max-snapshots"].help


def test_the_default_directory_follows_the_name() -> None:
    assert settings("--name q").data_dir == "q.etcd"


@pytest.mark.parametrize("line", ["-name a", "--name a", "-name=a", "--name=a", "--name b --name a"])
def test_one_or_two_dashes_with_or_without_equals(line: str) -> None:
    assert settings(line).name == "a"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("--debug", True), ("--debug=true", True), ("--debug=T", True), ("--debug=1", True),
     ("--debug=false", False), ("--debug=0", False), ("--debug=F", False)],
)  # fmt: skip
def test_switches_are_go_booleans(text: str, expected: bool) -> None:
    assert settings(text).log_level == ("debug" if expected else "info")


@pytest.mark.parametrize(
    ("line", "status", "message"),
    [
        ("--nope", 2, "flag provided but not defined: -nope"),
        ("-nope=1", 2, "flag provided but not defined: -nope"),
        ("--listen-client-url http://127.0.0.1:1", 2, "Did you mean --listen-client-urls?"),
        ("---x", 2, "bad flag syntax: ---x"),
        ("-=3", 2, "bad flag syntax: -=3"),
        ("--name", 2, "flag needs an argument: -name"),
        ("--heartbeat-interval x", 2, 'invalid value "x" for flag -heartbeat-interval: parse error'),
        ("--heartbeat-interval -1", 2, 'invalid value "-1" for flag -heartbeat-interval: parse error'),
        ("--heartbeat-interval 0", 2, "value out of range: 1 to 10000"),
        ("--idle-timeout soon", 2, "parse error: neither milliseconds nor a duration"),
        ("--idle-timeout -1s", 2, "parse error: neither milliseconds nor a duration"),
        ("--idle-timeout 999us", 2, "value out of range: 1ms to 2^40ms"),
        ("--debug=maybe", 2, 'invalid boolean value "maybe" for flag -debug: parse error'),
        ("--proxy maybe", 2, 'invalid value "maybe" for flag -proxy: invalid value'),
        ("--initial-cluster-state foo", 2, "invalid value"),
        ("--listen-client-urls ftp://x", 2, "URL scheme must be http or https: ftp://x"),
        ("--listen-client-urls 127.0.0.1:1", 2, "URL scheme must be http or https: 127.0.0.1:1"),
        ("--listen-client-urls http://h", 2, 'URL address does not have the form "host:port": http://h'),
        ("--listen-client-urls http://h:1/x", 2, "URL must not contain a path: http://h:1/x"),
        ("--initial-cluster foo", 2, '"foo" is not of the form name=url'),
        ("--initial-cluster a=h:1", 2, "URL scheme must be http or https: h:1"),
        ("-addr localhost:4001", 2, "must be a numeric IP address and a port"),
        ("-addr 127.0.0.1", 2, "must be a numeric IP address and a port"),
        ("-peers 127.0.0.1", 2, 'URL address does not have the form "host:port": http://127.0.0.1'),
        ("-C ,", 2, "no peers given"),
        ("-peers h:1 -peers-file f", 1, "Set only one of flags -peers and -peers-file"),
        ("-peers h:1 --initial-cluster a=http://h:1", 1, "Set only one of flags -initial-cluster and -peers"),
        ("-peers h:1 --discovery http://h/t", 1, "Set only one of flags -discovery and -peers"),
        ("foo", 1, "'foo' is not a valid flag"),
        ("--debug foo", 1, "'foo' is not a valid flag"),
        ("-- foo", 1, "'foo' is not a valid flag"),
        ("gateway start", 1, "'gateway' is not a valid flag"),
        ("--heartbeat-interval 100 --election-timeout 400", 1,
         "--election-timeout[400ms] should be at least as 5 times as --heartbeat-interval[100ms]"),
        ("--election-timeout 60000", 1, "--election-timeout[60000ms] is too long"),
        ("--discovery http://h/t --initial-cluster a=http://h:1", 1,
         "multiple discovery or bootstrap flags are set"),
        ("--listen-client-urls http://127.0.0.1:1", 1,
         "--advertise-client-urls is required when --listen-client-urls is set explicitly"),
        ("--listen-client-urls http://example.com:1 --advertise-client-urls http://example.com:1", 1,
         "expected IP in URL for binding (http://example.com:1)"),
        ("-addr 127.0.0.1:1 --advertise-client-urls http://127.0.0.1:1", 1,
         "Set only one of flags -advertise-client-urls and -addr"),
        ("-bind-addr 127.0.0.1:1 --listen-client-urls http://127.0.0.1:1 -addr 127.0.0.1:1", 1,
         "Set only one of flags -listen-client-urls and -bind-addr"),
        ("-peer-addr 127.0.0.1:1 --initial-advertise-peer-urls http://127.0.0.1:1", 1,
         "Set only one of flags -initial-advertise-peer-urls and -peer-addr"),
        ("-peer-bind-addr 127.0.0.1:1 --listen-peer-urls http://127.0.0.1:1", 1,
         "Set only one of flags -listen-peer-urls and -peer-bind-addr"),
        ("--cert-file c", 1, "KeyFile and CertFile must both be present[key: , cert: c]"),
        ("--key-file k", 1, "KeyFile and CertFile must both be present[key: k, cert: ]"),
        ("--client-cert-auth", 1, "client certificates need TLS"),
        ("--listen-client-urls https://127.0.0.1:1 --advertise-client-urls https://127.0.0.1:1", 1,
         "cannot serve https://127.0.0.1:1: give --cert-file and --key-file"),
        ("--listen-peer-urls https://127.0.0.1:1", 1,
         "cannot serve https://127.0.0.1:1: give --peer-cert-file and --peer-key-file"),
        ("--peer-cert-file c", 1, "KeyFile and CertFile must both be present[key: , cert: c]"),
        ("--peer-client-cert-auth", 1, "certificates of peers need TLS: give --peer-cert-file"),
        ("--peer-trusted-ca-file a", 1, "certificates of peers need TLS: give --peer-cert-file"),
        ("--peer-cert-allowed-cn n", 1, "certificates of peers need TLS: give --peer-cert-file"),
        ("--proxy-refresh-interval 0", 2, "value out of range: 1 to"),
        ("--discovery-fallback maybe", 2, "invalid value"),
        ("--enable-v2=false", 1, "there is no v3 API here"),
        ("-config nowhere.toml", 1, "cannot read the configuration file nowhere.toml"),
    ],
)  # fmt: skip
def test_refusals(line: str, status: int, message: str) -> None:
    code, said = refusal(line)
    assert code == status
    assert message in said


@pytest.mark.parametrize(
    "line",
    [
        "--peer-auto-tls",
        "--peer-crl-file c",
        "--peer-cert-allowed-hostname h",
        "--wal-dir w",
        "--auto-tls",
        "--config-file c.yml",
        "--listen-metrics-urls http://127.0.0.1:1",
    ],
)
def test_what_belongs_to_later_versions_is_refused_clearly(line: str) -> None:
    code, said = refusal(line)
    assert code == 1
    assert "not supported by this version yet" in said


@pytest.mark.parametrize(
    "line", ["--proxy off", "--force-new-cluster=false", "--auto-tls=false", "--peer-auto-tls=false"]
)
def test_asking_for_nothing_of_it_is_fine(line: str) -> None:
    assert settings(f"{line} --data-dir d").warnings == ()


def test_every_flag_without_effect_warns_by_name() -> None:
    for flag in FLAGS.values():
        if flag.fate is not Fate.IGNORED:
            continue
        value = flag.default or ("true" if flag.kind.is_switch else "1")
        (warning,) = settings(f"--data-dir d -{flag.name}={value}").warnings
        assert f'flag "-{flag.name}"' in warning
        assert "ignoring" in warning


def test_v_of_04_warns_in_etcds_words() -> None:
    assert settings("-data-dir d -v").warnings == ('flag "-v" is no longer supported - ignoring.',)


def test_one_letter_flags_of_04_work_and_name_their_successor() -> None:
    parsed = settings("-n m -d dir -c 127.0.0.1:4001 -s 127.0.0.1:7001")
    assert (parsed.name, parsed.data_dir) == ("m", "dir")
    assert texts(parsed.advertise_client_urls) == ["http://127.0.0.1:4001"]
    assert "[deprecated] use -addr, not -c" in parsed.warnings
    assert all(name in FLAGS for name in ALIASES.values())


def test_addresses_of_04_give_urls_and_the_initial_cluster() -> None:
    parsed = settings("-name old -addr 127.0.0.1:4001 -peer-addr 127.0.0.1:7001")
    assert texts(parsed.listen_client_urls) == ["http://127.0.0.1:4001"]
    assert texts(parsed.listen_peer_urls) == ["http://127.0.0.1:7001"]
    assert texts(parsed.advertise_peer_urls) == ["http://127.0.0.1:7001"]


@pytest.mark.parametrize(
    ("line", "listen", "advertise"),
    [
        ("-addr 10.0.0.1:4001", "http://0.0.0.0:4001", "http://10.0.0.1:4001"),
        ("-addr 127.0.3.1:4001", "http://127.0.3.1:4001", "http://127.0.3.1:4001"),
        ("-addr [fd00::1]:4001", "http://[::]:4001", "http://[fd00::1]:4001"),
        ("-addr 10.0.0.1:4001 -bind-addr 10.0.0.2:5001", "http://10.0.0.2:5001", "http://10.0.0.1:4001"),
        ("-addr 10.0.0.1:4001 -bind-addr 0.0.0.0", "http://0.0.0.0:4001", "http://10.0.0.1:4001"),
        ("-addr 10.0.0.1:4001 -bind-addr :5001", "http://0.0.0.0:5001", "http://10.0.0.1:4001"),
        ("-bind-addr 10.0.0.2:5001", "http://10.0.0.2:5001", "http://10.0.0.2:5001"),
        ("-bind-addr 0.0.0.0:5001", "http://0.0.0.0:5001", "http://127.0.0.1:5001"),
        ("-addr 10.0.0.1:4001 --listen-client-urls http://10.0.0.9:1", "http://10.0.0.9:1",
         "http://10.0.0.1:4001"),
        ("--advertise-client-urls http://h:1 -bind-addr 0.0.0.0:2", "http://0.0.0.0:2", "http://h:1"),
    ],
)  # fmt: skip
def test_mixing_old_and_new_addresses(line: str, listen: str, advertise: str) -> None:
    parsed = settings(line)
    assert texts(parsed.listen_client_urls) == [listen]
    assert texts(parsed.advertise_client_urls) == [advertise]


def test_environment_is_read_and_the_command_line_wins() -> None:
    parsed = settings("--name b --data-dir d", ETCD_NAME="a", ETCD_HEARTBEAT_INTERVAL="7", ETCD_DEBUG="true")
    assert (parsed.name, parsed.heartbeat_ms, parsed.log_level) == ("b", 7, "debug")
    assert parsed.warnings == ("environment variable ETCD_NAME is overridden by --name",)


def test_environment_of_04() -> None:
    parsed = settings("", ETCD_ADDR="127.0.0.1:4001", ETCD_PEER_ADDR="127.0.0.1:7001", ETCD_NAME="m")
    assert texts(parsed.advertise_client_urls) == ["http://127.0.0.1:4001"]
    assert texts(parsed.advertise_peer_urls) == ["http://127.0.0.1:7001"]


def test_unknown_variables_are_warned_about_without_their_values() -> None:
    parsed = settings("--data-dir d", ETCD_FOO="secret", ETCDCTL_API="2", HOME="h", ETCD_CORS="")
    assert parsed.warnings == ("unrecognized environment variable ETCD_FOO",)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [("ETCD_DEBUG", "xx", 'invalid value "xx" for ETCD_DEBUG: parse error'),
     ("ETCD_PEERS", "a", 'invalid value "a" for ETCD_PEERS: URL address does not have the form'),
     ("ETCD_WAL_DIR", "w", "--wal-dir is not supported by this version yet")],
)  # fmt: skip
def test_wrong_environment(variable: str, value: str, message: str) -> None:
    code, said = refusal("", **{variable: value})
    assert code == 1
    assert message in said


def test_every_flag_has_its_variable() -> None:
    assert BY_ENV["ETCD_LISTEN_CLIENT_URLS"].name == "listen-client-urls"
    assert "ETCD_UNSAFE_NO_FSYNC" not in BY_ENV, "a leftover variable must not cost data"
    assert len(BY_ENV) == sum(flag.in_environment for flag in FLAGS.values())


TOML = """
name = "file"
addr = "127.0.0.1:4001"
cors = ["http://a", "http://b"]
snapshot_count = 77
verbose = true
color = "blue"
[peer]
addr = "127.0.0.1:7001"
[cluster]
active_size = 5
"""


def test_file_of_04_loses_to_environment_and_flags() -> None:
    parsed = parse(
        ["-config", "etcd.conf", "-data-dir", "d"], {"ETCD_NAME": "env"}, {"etcd.conf": TOML}.__getitem__
    )
    assert isinstance(parsed, Settings)
    assert (parsed.name, parsed.snapshot_count, parsed.cors) == ("env", 77, ("http://a", "http://b"))
    assert texts(parsed.advertise_peer_urls) == ["http://127.0.0.1:7001"]
    assert set(parsed.warnings) == {
        'flag "-v" is no longer supported - ignoring.',
        'flag "-cluster-active-size" is no longer supported - ignoring.',
        'unrecognized setting "color" in etcd.conf',
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "cannot read the configuration file f: "),
        ("heartbeat_interval = -1", 'invalid value "-1" for heartbeat-interval in f: parse error'),
        ('name = "\\u0000"', "not UTF-8 text"),
        ('peers = ["a:7001", "b"]', 'invalid value "a:7001,b" for peers in f'),
    ],
)
def test_wrong_files_are_refused(text: str, message: str) -> None:
    with pytest.raises(FlagError, match="error verifying flags") as caught:
        parse(["-config", "f"], {}, lambda _: text)
    assert caught.value.exit_code == 1
    assert message in caught.value.message


def test_limits_and_own_flags() -> None:
    parsed = settings(
        "--compat upstream --history-bytes 5 --max-connections 9 --max-body-bytes 10 --max-head-bytes 256"
        " --max-key-bytes 11 --request-timeout 3s --snapshot-count 12 --unsafe-no-fsync --log-format json"
        " --max-snapshots 0 --initial-cluster-token t --cors * --host-whitelist a,b"
    )
    assert parsed.upstream
    assert not parsed.fsync
    assert (parsed.history_bytes, parsed.max_connections, parsed.max_body_bytes) == (5, 9, 10)
    assert (parsed.max_head_bytes, parsed.max_key_bytes, parsed.request_timeout_ms) == (256, 11, 3000)
    assert (parsed.snapshot_count, parsed.max_snapshots, parsed.beginning.token) == (12, 0, "t")
    assert (parsed.log_format, parsed.cors, parsed.hosts) == ("json", ("*",), ("a", "b"))
    assert any("--unsafe-no-fsync" in warning for warning in parsed.warnings)


def test_a_body_always_fits_into_the_log() -> None:
    assert settings(f"--max-body-bytes {48 << 20}").max_body_bytes == 48 << 20
    with pytest.raises(FlagError, match="max-body-bytes"):
        settings(f"--max-body-bytes {(48 << 20) + 1}")


def test_host_lists() -> None:
    assert settings().hosts is None
    assert settings("--host-whitelist *").hosts == ()
    assert settings("--compat upstream").hosts == ()


@pytest.mark.parametrize("line", ["--help", "-h", "-help", "--name x --help --nope"])
def test_help_wins_over_what_follows(line: str) -> None:
    assert parse(line.split(), {}, no_file) is Show.HELP


def test_version() -> None:
    assert parse(["--version"], {"ETCD_DEBUG": "broken"}, no_file) is Show.VERSION
    assert refusal("--version foo")[0] == 1


WORDS = st.one_of(
    st.sampled_from([f"--{name}" for name in FLAGS] + [f"-{name}" for name in ALIASES]),
    st.sampled_from(
        ["http://127.0.0.1:1", "a=http://h:1", "true", "0", "--", "-", "127.0.0.1:1", "http://[::1]:1"]
    ),
    st.builds("--{}={}".format, st.sampled_from(sorted(FLAGS)), st.text(max_size=12)),
    st.text(max_size=30),
)


@given(
    argv=st.lists(WORDS, max_size=8),
    environ=st.dictionaries(
        st.one_of(st.sampled_from(sorted(BY_ENV)), st.builds("ETCD_{}".format, st.text(max_size=6))),
        st.text(max_size=20),
        max_size=4,
    ),
    file=st.one_of(st.just(TOML), st.text(max_size=40)),
)
def test_nothing_else_than_a_flag_error_is_ever_raised(
    argv: list[str], environ: dict[str, str], file: str
) -> None:
    outcome: Settings | Show | FlagError
    try:
        outcome = parse(argv, environ, lambda _: file)
    except FlagError as error:
        outcome = error
    if isinstance(outcome, FlagError):
        assert outcome.exit_code in (1, 2)
        assert outcome.message


@given(st.text())
def test_any_text_as_any_value_is_a_value_or_a_value_error(text: str) -> None:
    for flag in FLAGS.values():
        try:
            flag.kind.parse(text)
        except ValueError:
            continue
