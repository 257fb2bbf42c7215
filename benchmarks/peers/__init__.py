"""The systems that pellucid is measured against: one script each, none of them imports pellucid.

Every script is written anew from the recipe it names and runs in an environment of its own, which
`python -m benchmarks.peers.environments` makes.
"""
