"""Side-by-side benchmarks: ours and Debian's etcd 3.4 with the v2 API, in alternating rounds of one call.

    python -m bench [--rounds 3] [--seconds 4] [--only NAME,...] [--list]

Every figure is a ratio of medians taken in the same call on the same machine with the same generator
(`rust/loadgen`). The table goes to the terminal and to `bench/results/latest.txt`, all rounds to
`latest.json` there; a call that leaves rows or rounds out writes `partial.txt` and `partial.json` instead.
"""
