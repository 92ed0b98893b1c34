"""Foreign companies as ports: one adapter per supplier, each of whom may be slow, wrong or gone.

An adapter speaks one supplier's wire format and nobody else's; what every one needs (breaker, bulkhead,
retries of reads) is `resilience`. Keys come in as settings and never leave in a log or a repr.
"""
