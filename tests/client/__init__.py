"""The client library: pure parts by properties; both clients on ours, on Debian's etcd, on what fails."""
