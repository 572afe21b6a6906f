"""The protocol of etcd 2's discovery: N members find each other below a token, and whoever comes later is
told that the cluster is complete.

Below the token, `_config/size` holds N, and each member makes a key with its id as the name and
`name=url,name=url` as the value. The first N in the order of their creation are the cluster.
"""

import re
from typing import NamedTuple

from coreos_py import logs
from coreos_py.client.errors import EtcdError, KeyNotFoundError
from coreos_py.client.keys import Node
from coreos_py.etcd.bootstrap.discovery_client import Registry, explain
from coreos_py.etcd.errors import StartError
from coreos_py.etcd.urls import Cluster, parse_cluster, show_cluster

_LOG = logs.Log("etcd")
_SIZE = re.compile(r"\+?0*[1-9][0-9]{0,5}", re.ASCII)


class FullError(Exception):
    """N others are the cluster."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__("discovery: cluster is full")
        self.cluster = cluster


class _State(NamedTuple):
    size: int
    nodes: list[Node]
    etcd_index: int


def check_room(registry: Registry, own_id: int, *, url: str) -> None:
    """Look whether this member can be one of the N. Raises FullError, StartError."""
    try:
        _check_room(_look(registry, url), f"{own_id:x}", url)
    except EtcdError as error:
        raise _failed(explain(error), url) from error


def join(registry: Registry, own_id: int, own: Cluster, *, url: str, data_dir: str) -> Cluster:
    """Register this member and wait for the others: the initial cluster. Raises FullError, StartError.

    There has to be room for it, as far as `check_room` could see.
    """
    try:
        return _join(registry, f"{own_id:x}", own, url, data_dir)
    except EtcdError as error:
        raise _failed(explain(error), url) from error


def listed(registry: Registry, *, url: str) -> Cluster:
    """The members that have registered so far, without registering. Raises StartError."""
    try:
        state = _look(registry, url)
    except EtcdError as error:
        raise _failed(explain(error), url) from error
    return _cluster(state.nodes, url) if state.nodes else ()


def _join(registry: Registry, own_id: str, own: Cluster, url: str, data_dir: str) -> Cluster:
    made = registry.create(f"{registry.token}/{own_id}", show_cluster(own))
    state = _look(registry, url)
    # Of a lost answer it is not known whether the key was made. Before that it was not there: so it is ours.
    if made is False or (made is None and not any(_name(node) == own_id for node in state.nodes)):
        raise StartError(
            f'member "{own[0][0]}" has previously registered with discovery service token ({url}), but there '
            f"is no valid cluster configuration in the given data dir ({data_dir}). Please check the given "
            "data dir path if the previous bootstrap succeeded, or use a new discovery token if it failed"
        )
    _LOG.info("registered with the discovery service", member_id=own_id, url=url)
    while True:
        _check_room(state, own_id, url)
        missing = state.size - len(state.nodes)
        if missing <= 0:
            cluster = _cluster(state.nodes, url)
            if len(cluster) != state.size:
                raise _failed("discovery: found duplicate name, give each member its own --name", url)
            _LOG.info("found all members of the cluster", initial_cluster=show_cluster(cluster))
            return cluster
        _LOG.info(f"found {len(state.nodes)} members, waiting for {missing} more", url=url)
        registry.await_change(state.etcd_index)
        state = _look(registry, url)


def _look(registry: Registry, url: str) -> _State:
    """Size, and the first members in the order in which they came."""
    try:
        told = registry.read(f"{registry.token}/_config/size").node.value or ""
    except KeyNotFoundError as error:
        raise _failed(
            f"{error}: discovery: size key not found; the creator of the token has to set TOKEN/_config/size",
            url,
        ) from error
    if not _SIZE.fullmatch(told):
        raise _failed("discovery: size key is bad", url)
    size = int(told)
    listing = registry.read(registry.token)
    nodes = [node for node in listing.node.nodes or () if not node.is_dir and not _name(node).startswith("_")]
    nodes.sort(key=lambda node: node.created_index)
    return _State(size, nodes, listing.etcd_index)


def _check_room(state: _State, own_id: str, url: str) -> None:
    """Cut the list to the first N. Raises FullError when this member cannot be one of them."""
    first = state.nodes[: state.size]
    is_in = any(_name(node) == own_id for node in first)
    del state.nodes[state.size :]
    if not is_in and len(first) >= state.size:
        raise FullError(_cluster(first, url))


def _cluster(nodes: list[Node], url: str) -> Cluster:
    text = ",".join(node.value or "" for node in nodes)
    try:
        return parse_cluster(text)
    except ValueError as error:
        raise _failed(f"discovery: a registration is bad: {error}", url) from error


def _name(node: Node) -> str:
    return node.key.rpartition("/")[2]


def _failed(reason: str, url: str) -> StartError:
    return StartError(
        f"failed to join discovery cluster ({reason}). Discovery token {url} was used, but failed to "
        "bootstrap the cluster: please generate a new discovery token and try to bootstrap again"
    )
