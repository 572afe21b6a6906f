"""/v2/machines: all client URLs as one line of text, as old clients ask for them."""

from coreos_py.etcd.endpoints.context import Context, Incoming
from coreos_py.etcd.endpoints.reply import Reply, as_text


def machines(_request: Incoming, context: Context) -> Reply:
    """Sorted client URLs of all members."""
    return as_text(200, ", ".join(sorted(url for m in context.member.members() for url in m["client_urls"])))
