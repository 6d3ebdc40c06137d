"""Pure domain model: series, versions and the rules that count them. No I/O and no drivers."""
