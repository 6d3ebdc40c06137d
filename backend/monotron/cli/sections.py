"""All commands, in the order of the help, with the modules that define them.

A module is imported when its command runs, so that the help needs none of them.
"""

from __future__ import annotations

from monotron.cli.command import Entry, Section

BUILDS = Section(
    "Builds",
    "monotron version shop --bump minor",
    {
        "next": Entry(
            "Get the build number of a commit (assigns the next one on first use).", "builds"
        ),
        "version": Entry(
            "Get the semantic version of a commit (assigns the next one on first use).", "builds"
        ),
        "peek": Entry("Show the current number without assigning one.", "builds"),
        "releases": Entry("List the versions of a name, highest first.", "builds"),
        "adopt": Entry(
            "Continue from an existing version (default: the newest git tag that HEAD contains).",
            "adoption",
        ),
        "names": Entry("List the names of an account with their newest versions.", "versions"),
        "withdraw": Entry(
            "Withdraw a version, so that it is never the latest, and never assigned again.",
            "versions",
        ),
        "series": Entry("List, show, advance and delete series.", "series"),
    },
)

ADMINISTRATION = Section(
    "Administration",
    "monotron trust github acme/shop",
    {
        "serve": Entry("Run the server.", "serve"),
        "root-secret": Entry(
            "Generate a secret for MONOTRON_ROOT_API_SECRET and print it.", "admin"
        ),
        "key": Entry("Create, list, rotate and revoke API keys.", "admin"),
        "account": Entry("Create, name, disable and list accounts.", "accounts"),
        "whoami": Entry("Show the account and the permissions of the credentials.", "accounts"),
        "badge": Entry("Create, list and delete badges of versions.", "badges"),
        "trust": Entry("Manage keyless sign-in for CI jobs.", "organization_trusts", "ci_trusts"),
        "apply": Entry(
            "Create the accounts, API keys and trust policies of a file that do not exist yet.",
            "apply",
        ),
        "config": Entry("Check and show the settings of the server.", "settings"),
        "ping": Entry("Check that the server and its store are ready.", "ping"),
        "completion": Entry(
            "Print a script with which a shell completes commands and options.", "completion"
        ),
    },
)

MAINTENANCE = Section(
    "Store maintenance",
    "monotron backup /backups/monotron.db",
    {
        "audit": Entry("Check the store for inconsistencies.", "maintenance"),
        "backup": Entry("Back up an SQLite store while the server runs.", "maintenance"),
        "restore": Entry("Create a store from a backup.", "maintenance"),
        "fast-forward": Entry("Raise all series after a restore.", "maintenance"),
        "rename": Entry(
            "Rename a name, so that its versions and series continue under the new one.", "renaming"
        ),
        "export": Entry(
            "Write all data of a store to standard output, for `monotron import`.", "migration"
        ),
        "import": Entry("Fill a new store with the output of `monotron export`.", "migration"),
    },
)
