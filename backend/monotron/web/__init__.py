"""HTTP: routes, what a request says, what an answer looks like. No counting."""
