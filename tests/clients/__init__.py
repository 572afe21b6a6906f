"""Clients that are not ours, against our server: Debian's `etcdctl` and python-etcd."""
