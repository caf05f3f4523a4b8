"""The store: everything Glideslope knows, in one SQL database; the only package that speaks SQL.

The one idea: a module per noun, each with functions that take the session first, then the project,
never commit, and return frozen values; `engine.Store` opens one transaction per unit of work.
Time is the database's clock (`clock.now`).

| module        | speaks of                                                      |
|---------------|----------------------------------------------------------------|
| `engine`      | `Store`: connections and transactions, SQLite and PostgreSQL   |
| `migrations`  | the schema, brought up to date under a lock                    |
| `models`      | the tables                                                     |
| `clock`       | `now`                                                          |
| `locks`       | who waits for whom                                             |
| `paging`      | pages and opaque cursors                                       |
| `projects`    | tenants                                                        |
| `keys`        | API keys: make, list, revoke; their tables: `identity_models`  |
| `shares`      | links that let others read one study                           |
| `quotas`      | what a project uses, and that it is not too much               |
| `tokens`      | what the holder of a key shows                                 |
| `studies`     | searches: create, read                                         |
| `glances`     | searches as they stand, for whoever polls or pages             |
| `listing`     | which of them a list shows; narrow tables: `list_models`       |
| `words`       | what a search is called, and by what it is found               |
| `leads`       | how the best of a search got better                            |
| `lifecycle`   | searches: pause, resume, stop, cancel, extend, fail, delete    |
| `deadlines`   | when a search ends whatever it has found                       |
| `conditions`  | what a study is doing, or why it does not                      |
| `stalls`      | studies to which nothing happens, and why                      |
| `generations` | what the planner reads and inserts                             |
| `history`     | trials, runs and curves of a study                             |
| `trials`      | trials filtered and sorted by any figure                       |
| `families`    | what was spent on a family, and which of its trials leads      |
| `exports`     | whole studies, record by record                                |
| `imports`     | the same as another study                                      |
| `backup`      | an SQLite file, as one moment of it                            |
| `copying`     | a whole store into another database                            |
| `retention`   | curves of studies that ended long ago, let go                  |
| `work`        | claim, heartbeat, report, sweep, requeue                       |
| `claims`      | which runs a worker gets next                                  |
| `workers`     | who trains, or asked for something to train, lately            |
| `leases`      | tokens, and who was fenced                                     |
| `outcomes`    | tell: the end of a run, and what follows for trial and study   |
| `provenances` | what runs were trained on and with                             |
| `reads`       | who looked at which test split                                 |
| `events`      | the change log of a study, numbered by its revision            |
| `changes`     | which studies of a project something happened to lately        |
| `webhooks`    | addresses that are told of events; tables: `webhook_models`    |
| `outbox`      | events on their way to webhooks                                |
| `idempotency` | answers remembered by key                                      |
| `datasets`    | tables that projects uploaded; their table: `dataset_models`   |
"""
