"""Black-box tests of `etcdctl`, and tests of the client parts under it."""
