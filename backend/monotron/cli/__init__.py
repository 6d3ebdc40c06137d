"""The `monotron` command."""
