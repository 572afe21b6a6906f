"""The daemon `etcd`: its flags, endpoints and listeners, in this process and as a program."""
