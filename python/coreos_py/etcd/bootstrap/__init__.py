"""How a member begins: from its settings, its directory and what others say to a `Plan`, which only has to
be carried out.

| module | what it holds | does I/O |
|---|---|---|
| `plans` | what can come out | no |
| `choose` | `plan(settings)`: which of the ways below is taken | by `network` |
| `directory` | what the data directory says | yes |
| `static` | a listed new cluster: etcd's checks, in its words | by `network` |
| `joining` | a running cluster that this member belongs to already, or is added to | by `network` |
| `discovery`, `discovery_client` | a token in a key space where members find each other | by the client |
| `services` | a new cluster by SRV records | by `network` |
| `again` | the same after an end that came too early | by `network` |
| `identity` | ids of members and clusters | no |
| `network` | asking peers, names and name servers | yes |

All of it blocks: nothing else runs in the process yet, and a signal ends it at once.
"""

from coreos_py.etcd.bootstrap.again import join_again
from coreos_py.etcd.bootstrap.choose import plan
from coreos_py.etcd.bootstrap.plans import Join, MemberPlan, NewCluster, Plan, Restart, RunProxy

__all__ = ["Join", "MemberPlan", "NewCluster", "Plan", "Restart", "RunProxy", "join_again", "plan"]
