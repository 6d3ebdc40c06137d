"""The network between client, server and store, as a bad one: proxies that do it on purpose."""
