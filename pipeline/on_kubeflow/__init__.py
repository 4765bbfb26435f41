"""What Kubeflow needs beyond TFX's compiler: requests, package, entry point, server.

Imports schemas.
"""
