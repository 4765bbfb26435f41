"""Where the Beam stages run: on this machine, or on the engine of a cluster.

Imports schemas.
"""
