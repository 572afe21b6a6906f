"""The table: every row, with the targets of the design."""

from __future__ import annotations

from bench.cluster_measures import gap, get3, put3
from bench.figures import Figure, Row
from bench.measures import big, get, put, put_long, put_under_listing, start, watchers

_TWICE = Figure("per_second", "more", 2.0, or_cpu=1.8)
_MORE_THAN_TWICE = Figure("per_second", "more", 2.5)
_HALF_MORE = Figure("per_second", "more", 1.5)

ROWS = [
    Row("put-1", "PUT, 1 connection", put(1), (Figure("p50_ms", "less", 0.75),)),
    Row("put-16", "PUT, 16 connections", put(16), (_TWICE,)),
    Row("put-64", "PUT, 64 connections", put(64), (_TWICE,)),
    Row("put-256", "PUT, 256 connections", put(256), (_TWICE,)),
    Row("put-ttl", "PUT with ttl, 64 connections", put(64, ttl=300), (Figure("per_second", "more", 2.5),)),
    Row("put-4k", "PUT of 4 KiB, 64 connections", put(64, value_bytes=4096), (_HALF_MORE,)),
    Row("put-p99", "PUT for 60 s, 64 connections", put_long, (Figure("p99_ms", "less", 1.0),)),
    Row("put-list", "PUT while 600 k keys are listed", put_under_listing, (Figure("p99_ms", "less", 0.5),)),
    Row("get-1", "GET, 1 connection", get(1), (Figure("p50_ms", "less", 1.0),)),
    Row("get-16", "GET, 16 connections", get(16), (_HALF_MORE,)),
    Row("get-64", "GET, 64 connections", get(64), (_HALF_MORE,)),
    Row("get-256", "GET, 256 connections", get(256), (_HALF_MORE,)),
    Row("get-quorum", "GET quorum=true, 64 connections", get(64, quorum=True), (_HALF_MORE,)),
    Row(
        "big",
        "600 k keys of 64-byte values",
        big,
        (
            Figure("loaded_mb", "less", 0.3, against_name="restarted_mb"),
            Figure("restarted_mb", "less", 0.3),
            Figure("snapshot_peak_mb", "less", 1.3, against="ours", against_name="resting_mb"),
            Figure("restart_ms", "less", 0.5),
        ),
    ),
    Row(
        "watch",
        "8,000 watchers on one key, one change",
        watchers,
        (Figure("last_told_ms", "less", 0.8), Figure("rss_mb", "less", 0.3)),
    ),
    Row("put3-1", "PUT, 3 members, leader, 1 connection", put3(1), (Figure("p50_ms", "less", 0.6),)),
    Row("put3-64", "PUT, 3 members, leader, 64 connections", put3(64), (_MORE_THAN_TWICE,)),
    Row("put3-256", "PUT, 3 members, leader, 256 connections", put3(256), (_MORE_THAN_TWICE,)),
    Row("put3-follow", "PUT, 3 members, follower, 64 connections", put3(64, "follower"), (_MORE_THAN_TWICE,)),
    Row("get3-quorum", "GET quorum=true, 3 members, 64", get3(64), (Figure("per_second", "more", 3.0),)),
    Row("gap3", "gap in writes at kill -9 of the leader", gap, (Figure("gap_ms", "less", 0.6),)),
    Row("start", "start to first answer, empty", start, (Figure("start_ms", "less", 1.0),)),
]
