"""The HTTP API of one member: conformance, comparison with etcd 3.4, malformed input, watches."""
