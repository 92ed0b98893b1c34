"""The sandbox: suppliers' wire formats on loopback, in a process of its own, with fault injection.

One pure machine per supplier (`amadeus*`, `duffel*`): time, seed, records and faults come in as
values, a response goes out, and what changed is a `Draft` that the shell commits before it answers.
All sell from one `world`. The server never imports this package: it speaks HTTP to it, as it would
to the suppliers.
"""
