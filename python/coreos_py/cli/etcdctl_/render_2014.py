"""Events as the `etcdctl` of 2014 (0.4) printed them, for `COREOS_COMPAT=2014`.

A removal is an empty line in the simple format; the extended one ends with the three numbers of the server's
headers; JSON has the server's order of fields and those numbers.
"""

from __future__ import annotations

from coreos_py.cli.etcdctl_.render import json_text
from coreos_py.client.keys import Node, Result


def render(result: Result, output_format: str) -> str:
    """What to print for an event, with its final newline."""
    if output_format == "json":
        return _json(result)
    if output_format == "extended":
        return _extended(result)
    return f"{result.event.node.value}\n"


def _extended(result: Result) -> str:
    node = result.event.node
    return (
        f"Key: {node.key}\nCreated-Index: {node.created_index}\nModified-Index: {node.modified_index}\n"
        f"TTL: {node.ttl_s}\nEtcd-Index: {result.etcd_index}\nRaft-Index: {result.raft_index}\n"
        f"Raft-Term: {result.raft_term}\n\n{node.value}\n"
    )


def _json(result: Result) -> str:
    event = result.event
    fields = [f'"action":{json_text(event.action)}', f'"node":{_json_node(event.node)}']
    if event.prev_node is not None:
        fields.append(f'"prevNode":{_json_node(event.prev_node)}')
    fields += [
        f'"etcdIndex":{result.etcd_index}',
        f'"raftIndex":{result.raft_index}',
        f'"raftTerm":{result.raft_term}',
    ]
    return "{" + ",".join(fields) + "}\n"


def _json_node(node: Node) -> str:
    fields = [f'"key":{json_text(node.key)}']
    if node.value:
        fields.append(f'"value":{json_text(node.value)}')
    if node.is_dir:
        fields.append('"dir":true')
    if node.expiration:
        fields.append(f'"expiration":{json_text(node.expiration)}')
    if node.ttl_s:
        fields.append(f'"ttl":{node.ttl_s}')
    if node.nodes:
        fields.append(f'"nodes":[{",".join([_json_node(child) for child in node.nodes])}]')
    fields += [f'"modifiedIndex":{node.modified_index}', f'"createdIndex":{node.created_index}']
    return "{" + ",".join(fields) + "}"
