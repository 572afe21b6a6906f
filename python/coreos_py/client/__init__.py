"""Client side of the etcd v2 API.

Nothing is imported here on purpose: `etcdctl get` has to start in a few milliseconds, so every part is
imported from its own module by whoever needs it.

| module | what it holds | does I/O |
|---|---|---|
| `errors` | what can go wrong, as types | no |
| `endpoints` | endpoint URLs: parsing, order, what a member list means | no |
| `keys` | typed results (`Node`, `Event`) and their decoding | no |
| `requests` | one function per operation on keys, giving a `Request` | no |
| `members`, `auth` | the same for the member list, for users and roles; with typed replies | no |
| `_json` | reading the JSON of replies | no |
| `_text` | percent-encoding, forms, key clean-up | no |
| `_wire` | HTTP/1.1 as bytes in, bytes out | no |
| `failover` | which failure may be tried again on another endpoint | no |
| `_http`, `_tls` | a blocking connection | yes |
| `blocking` | `BlockingClient`: endpoints, time limits, watches | yes |

| `services` | the endpoints that a domain names (SRV records) | yes |
| `transfer`, `takeover` | taking keys over, with the time that they have left | yes |
| `snapshot_04` | a snapshot file of etcd 0.4 as items to write | no |

A Trio client needs its own counterpart of `_http`, `_tls` and `blocking` only.
"""
