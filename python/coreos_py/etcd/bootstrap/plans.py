"""What a process is to be. `initial_cluster`, `token` and `joining` are for `Engine.open` as they stand."""

from dataclasses import dataclass
from typing import Any

from coreos_py.etcd.urls import Cluster

Joining = tuple[int, int, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class RemoteMember:
    """A member as its cluster knows it. `name` is empty until it has started once."""

    id: int
    name: str
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...]
    is_learner: bool = False

    @property
    def is_started(self) -> bool:
        """Whether it has ever told the others where it serves clients."""
        return bool(self.client_urls)

    def for_engine(self) -> dict[str, Any]:
        """In the shape of `Engine.members`."""
        return {
            "id": self.id,
            "name": self.name,
            "peer_urls": list(self.peer_urls),
            "client_urls": list(self.client_urls),
            "is_learner": self.is_learner,
        }


@dataclass(frozen=True, slots=True)
class RemoteCluster:
    """A running cluster as one of its members describes it, members sorted by id."""

    id: int
    members: tuple[RemoteMember, ...]


@dataclass(frozen=True, slots=True)
class Restart:
    """Go on from the data directory. `ignored` are flags that were given and say how to begin."""

    initial_cluster: Cluster
    token: str | None
    ignored: tuple[str, ...]
    joining: None = None


@dataclass(frozen=True, slots=True)
class NewCluster:
    """Found a cluster together with the others of the list. `token` None is the default one."""

    initial_cluster: Cluster
    token: str | None
    joining: None = None


@dataclass(frozen=True, slots=True)
class Join:
    """Join a running cluster as the member that it has added under this id."""

    initial_cluster: Cluster
    token: str | None
    member_id: int
    cluster: RemoteCluster

    @property
    def joining(self) -> Joining:
        """Own id, the cluster's id, its members."""
        return self.member_id, self.cluster.id, [member.for_engine() for member in self.cluster.members]


@dataclass(frozen=True, slots=True)
class RunProxy:
    """Be a proxy. `peer_urls` are whom to ask for the members, the best known ones first."""

    peer_urls: tuple[str, ...]
    is_readonly: bool = False


Plan = Restart | NewCluster | Join | RunProxy
