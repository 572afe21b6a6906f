"""The peer port, which the engine serves: links between members, /members and /version."""

from typing import TYPE_CHECKING

from coreos_py import __version__
from coreos_py.etcd import bootstrap
from coreos_py.etcd.errors import StartError
from coreos_py.etcd.listeners import Listener
from coreos_py.etcd.settings import Settings
from coreos_py.etcd.settings_parts import TlsFiles
from coreos_py.etcd.versions import API_VERSION, CLUSTER_VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coreos_py._core import Engine


def serve_peers(
    engine: "Engine", settings: Settings, plan: bootstrap.MemberPlan, listeners: "Sequence[Listener]"
) -> None:
    """Have the engine serve these sockets and talk to the other members. StartError for certificates."""
    from coreos_py._core import EngineError

    sockets = [(one.socket.fileno(), one.url.scheme == "https") for one in listeners]
    try:
        engine.serve_peers(
            sockets,
            known=_known(engine, settings, plan),
            tls=_files(settings.peer_tls),
            server_version=API_VERSION,
            cluster_version=CLUSTER_VERSION,
            program_version=None if settings.upstream else __version__,
        )
    except EngineError as error:
        raise StartError(str(error)) from error


def _known(engine: "Engine", settings: Settings, plan: bootstrap.MemberPlan) -> list[tuple[int, list[str]]]:
    """Members to talk to, for one that does not know any: it joins, or ended before it heard of any."""
    if engine.members():
        return []
    joining = plan if isinstance(plan, bootstrap.Join) else bootstrap.join_again(settings)
    return joining.others


def _files(tls: TlsFiles | None) -> tuple[str, str, str | None, bool, str | None] | None:
    if tls is None:
        return None
    return tls.cert_file, tls.key_file, tls.ca_file, tls.requires_client_cert, tls.allowed_cn or None
