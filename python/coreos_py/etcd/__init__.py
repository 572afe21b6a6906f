"""The etcd daemon: flags, listeners, the loop over the native front, the endpoints beside /v2/keys."""
