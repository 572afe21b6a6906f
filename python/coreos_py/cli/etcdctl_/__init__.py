"""The parts of `etcdctl`: `run` is the way through, `table` the commands, the rest one idea each."""
