"""Events in the three output formats."""

from __future__ import annotations

from coreos_py.client.keys import Event, Node, Result

FORMATS = ("simple", "extended", "json")

# As Go writes JSON: what could end a script element in a page is escaped too.
_JSON_ESCAPES = {code: f"\\u{code:04x}" for code in (*range(0x20), *b"<>&", 0x2028, 0x2029)}
_JSON_ESCAPES |= {0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x22: '\\"', 0x5C: "\\\\"}


def render(result: Result, output_format: str) -> str:
    """What to print for an event, with its final newline."""
    if output_format == "json":
        return _json(result.event) + "\n"
    if output_format == "extended":
        return _extended(result)
    return _simple(result.event)


def _is_removal(event: Event) -> bool:
    # etcd's client prints an empty line for a compareAndDelete, as if the old value were not known.
    return event.action in ("delete", "compareAndDelete")


def _old_value(event: Event) -> str:
    return "" if event.prev_node is None else event.prev_node.value


def _simple(event: Event) -> str:
    if _is_removal(event):
        return f"PrevNode.Value: {_old_value(event)}\n"
    return f"{event.node.value}\n"


def _extended(result: Result) -> str:
    event = result.event
    lines = [
        f"Key: {event.node.key}",
        f"Created-Index: {event.node.created_index}",
        f"Modified-Index: {event.node.modified_index}",
    ]
    if event.prev_node is not None:
        lines.append(f"PrevNode.Value: {event.prev_node.value}")
    lines += [f"TTL: {event.node.ttl_s}", f"Index: {result.etcd_index}"]
    if not _is_removal(event):
        lines += ["", event.node.value]
    return "\n".join(lines) + "\n"


def _json(event: Event) -> str:
    previous = "null" if event.prev_node is None else _json_node(event.prev_node)
    return f'{{"action":{json_text(event.action)},"node":{_json_node(event.node)},"prevNode":{previous}}}'


def _json_node(node: Node) -> str:
    fields = [f'"key":{json_text(node.key)}']
    if node.is_dir:
        fields.append('"dir":true')
    children = "null" if node.nodes is None else f"[{','.join([_json_node(child) for child in node.nodes])}]"
    fields += [
        f'"value":{json_text(node.value)}',
        f'"nodes":{children}',
        f'"createdIndex":{node.created_index}',
        f'"modifiedIndex":{node.modified_index}',
    ]
    if node.expiration:
        fields.append(f'"expiration":{json_text(node.expiration)}')
    if node.ttl_s:
        fields.append(f'"ttl":{node.ttl_s}')
    return "{" + ",".join(fields) + "}"


def json_text(text: str) -> str:
    """A text as Go writes it in JSON."""
    return f'"{text.translate(_JSON_ESCAPES)}"'
