"""What the help of commands says besides their options: groups, names of values, examples, exit statuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

# Commands by group, in the order in which help lists them.
COMMAND_GROUPS: Mapping[str, Sequence[str]] = {
    "Send": ("load", "run", "loads", "demo"),
    "Look before": ("validate", "payloads", "sandbox"),
    "Keep Customer.io like a table": ("sync", "plan", "apply", "baseline", "state"),
    "Look up": ("events", "schema", "spec"),
}

# Options by group; each group is left out of commands that have none of its options.
OPTION_GROUPS: Mapping[str, Sequence[str]] = {
    "Call": ("call", "event", "event_column", "type_column"),
    "Columns": (
        "user_id", "anonymous_id", "previous_id", "group_id", "name", "timestamp", "message_id", "traits", "properties",
    ),
    "Columns of operations": (
        "object_id", "object_type_id", "token", "device_type", "delivery_id", "metric", "action_type", "content_id",
        "template_id",
    ),
    "State and what changed": (
        "state", "ignore", "cleared", "duplicates", "refresh_days", "keep_days", "retry_rejected", "confirm",
    ),
    "Subjects that are missing": ("removed", "returned", "complete", "grace_runs"),
    "Guards": (
        "max_rows", "audit", "max_changed", "max_removed", "min_rows", "accept_mapping", "accept_key", "max_age",
    ),
    "Checks and values": (
        "schema", "no_schema", "strict_schema", "exact_ids", "timezone", "nulls", "on_invalid", "allow_campaigns",
    ),
    "Reading files": (
        "delimiter", "encoding", "decimal", "null_values", "time_format", "escape_char", "type", "partitions",
    ),
    "Delivery": (
        "dry_run", "fresh", "as_of", "strict", "gzip", "region", "endpoint", "requests_per_second", "workers",
    ),
    "What is written": (
        "output", "ledger", "report", "undelivered_csv", "failures", "show_values", "out", "page", "head",
        "max_undelivered", "progress", "as_json", "quiet",
    ),
}  # fmt: skip

# What the value of an option is called, where its type does not say it.
VALUE_NAMES: Mapping[str, str] = {
    "call": "NAME",
    "event": "NAME",
    "type_column": "COLUMN",
    "timezone": "ZONE",
    "nulls": "omit|send",
    "on_invalid": "skip|raise",
    "cleared": "keep|null",
    "duplicates": "invalid|last",
    "decimal": ".|,",
    "delimiter": "CHARACTER",
    "escape_char": "CHARACTER",
    "time_format": "FORMAT",
    "region": "us|eu",
    "endpoint": "URL",
    "as_of": "TIME",
    "output": "FOLDER",
    "max_undelivered": "N|N%",
}

_SENDS: Mapping[str, str] = {
    "0": "every row was delivered, or no more were not than --max-undelivered allows",
    "1": "some rows were not delivered; the output says which and why",
    "2": "the command failed: a wrong option, a missing file or write key",
    "3": "a guard tripped, and nothing was sent",
}
_RUNS: Mapping[str, str] = {"0": "done", "2": "the command failed"}
EXIT_STATUSES: Mapping[str, Mapping[str, str]] = {
    "": {
        "0": "every row was delivered, or is valid",
        "1": "some rows were not",
        "2": "the command failed: a wrong option, a missing file or write key",
        "3": "a guard of a sync or an operation tripped, and nothing was sent",
    },
    "load": _SENDS,
    "run": _SENDS,
    "sync": {**_SENDS, "0": "every row was delivered, or had not changed"},
    "apply": {**_SENDS, "0": "every row of the plan was delivered"},
    "plan": {**_RUNS, "3": "a guard would trip"},
    "baseline": _RUNS,
    "loads": {**_RUNS, "2": "a ledger cannot be read"},
    "validate": {"0": "every row is valid", "1": "some rows are invalid", "2": "the command failed"},
    "payloads": _RUNS,
    "spec check": {"0": "no differences", "1": "there are differences", "2": "the command failed"},
}

# Commands with what they do, by the words of a command.
EXAMPLES: Mapping[str, Sequence[tuple[str, str]]] = {
    "": (
        ("Without an account, see what would happen:", "cio-frames load people.csv --call identify --dry-run"),
        ("Send to a Customer.io on this machine:", "cio-frames sandbox"),
        ("Complete commands with TAB in this shell:", "cio-frames --install-completion"),
    ),
    "load": (
        (
            "Orders as events:",
            'cio-frames load orders.csv --call track --event "Order Completed" --user-id customer_id '
            "--timestamp ordered_on",
        ),
        ("People with two traits, the second under another name:", "cio-frames load people.parquet --call identify "
         "--traits plan --traits joined=created_at"),
        (
            "Erase people, at most 100:",
            "cio-frames load erasures.csv --call delete_people --max-rows 100 --audit erasures.jsonl",
        ),
    ),
    "run": (
        ("Run a job, and start over:", "cio-frames run orders.yaml --fresh"),
        ("From cron, silent unless rows were not delivered:", "cio-frames run orders.yaml --quiet"),
    ),
    "loads": (("All loads in a folder:", "cio-frames loads results"),),
    "validate": (
        ("Check people, and write a page:", "cio-frames validate people.csv --call identify --report report.html"),
    ),
    "payloads": (("The first three calls:", "cio-frames payloads people.csv --call identify --head 3"),),
    "sync": (
        ("Send what changed since last night:", "cio-frames sync people.parquet --call identify --state people.sqlite"),
    ),
    "plan": (
        ("Look first, as a page:", "cio-frames plan people.parquet --call identify --state people.sqlite "
         "--page plan.html"),
    ),
    "apply": (("Send a plan of today:", "cio-frames apply plan.parquet --max-age 12h"),),
    "baseline": (
        ("People who are in Customer.io already:", "cio-frames baseline people.parquet --call identify "
         "--state people.sqlite --confirm 2357"),
    ),
    "events": (("The events of shops:", "cio-frames events ecommerce"),),
    "schema": (
        ("The properties of an event:", 'cio-frames schema "Order Completed"'),
        ("The fields of a call:", "cio-frames schema identify"),
    ),
    "sandbox": (
        ("Every tenth request is answered with 429:", "cio-frames sandbox --fault 429:0.1 --latency 30ms"),
    ),
    "spec check": (("Compare with the file of the vendor:", "cio-frames spec check openapi.json"),),
    "state show": (("What a state holds:", "cio-frames state show people.sqlite"),),
    "state export": (("One row for each subject:", "cio-frames state export people.sqlite subjects.csv"),),
    "state forget": (("Send a person as new next time:", "cio-frames state forget people.sqlite u:ada"),),
}  # fmt: skip
