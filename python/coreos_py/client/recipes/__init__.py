"""What is built of keys with a time limit: leases, locks, elections. On Trio.

All of them keep a key alive by refreshing it every third of its `ttl_s`, and count its time from the moment
before the request was sent. A server starts counting later, so as long as clocks run equally fast nobody else
can have the key before its owner here knows. What cannot be promised: a holder whose process or machine
stands still for longer than the time limit goes on for a moment without knowing (a machine that slept, until
the next refresh: its clock slept too). `fence` is for that: a number that is higher for each next holder, for
the protected thing to refuse those that come late.
"""
