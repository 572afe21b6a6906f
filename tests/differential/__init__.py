"""The same requests to ours and to Debian's etcd 3.4, both fresh: the same replies, indexes included."""
