"""What a process is to be. `initial_cluster`, `token` and `joining` are for `Engine.open` as they stand."""

from dataclasses import dataclass

from coreos_py.etcd.urls import Cluster

#: Own id, the cluster's id.
Joining = tuple[int, int]


@dataclass(frozen=True, slots=True)
class RemoteMember:
    """A member as its cluster knows it. `name` is empty until it has started once."""

    id: int
    name: str
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...]

    @property
    def is_started(self) -> bool:
        """Whether it has ever told the others where it serves clients."""
        return bool(self.client_urls)


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
        """See the module."""
        return self.member_id, self.cluster.id

    @property
    def others(self) -> list[tuple[int, list[str]]]:
        """Ids and peer URLs of those that it joins, for `Engine.serve_peers`."""
        members = (member for member in self.cluster.members if member.id != self.member_id)
        return [(member.id, list(member.peer_urls)) for member in members]


@dataclass(frozen=True, slots=True)
class RunProxy:
    """Be a proxy. `peer_urls` are whom to ask for the members, the best known ones first."""

    peer_urls: tuple[str, ...]
    is_readonly: bool = False


MemberPlan = Restart | NewCluster | Join
Plan = MemberPlan | RunProxy
