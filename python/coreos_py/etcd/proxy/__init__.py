"""`etcd --proxy on|readonly`: everything that clients send goes on to the members of a cluster.

| module | what it holds |
|---|---|
| `service` | the process: listeners, signals, the end |
| `downstream` | one client's connection: requests in, replies out |
| `forwarding` | what becomes of one request: own paths, refusals, a member's reply |
| `guard` | which hosts are served, which origins of browsers |
| `upstream` | connections to members, and one exchange on them |
| `headers` | which headers go on, in both directions |
| `director` | the members that can be asked, and in which order |
| `refreshing` | asking peers who the members are |
| `state` | the file that remembers whom to ask |
| `counters` | `/metrics` |

HTTP/1.1 is h11's. What a member sends passes as it comes: a long poll is answered when its member answers,
and a client that goes takes its request to the member with it.
"""
