"""Code that the GitHub Action and the command-line client share.

It uses only the standard library, runs on Python 3.9 and newer, and never imports `monotron`.
"""

__version__ = "0.1.0"
