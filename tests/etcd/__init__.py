"""The daemon: its flags, its listeners, its endpoints, its log and its life as a process."""
