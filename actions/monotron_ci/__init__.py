"""The client side of Monotron: what the GitHub Action and the commands for terminals share.

The standard library only, Python 3.9 and newer, and nothing of the service's own package.
"""

__version__ = "0.1.0"
