// The dashboard for when it is slow or away: each database, the caches and files, and write-behind.
import { dashboard, lines, of, quantiles, rate, variable } from './grafana.mjs'

const CHOSEN = 'backend=~"$backend"'
const BY_BACKEND = '{{instance}} {{backend}}'
const gauge = (metric) => of(metric, CHOSEN)
const each = (metric, ...matchers) => rate('instance, backend', metric, CHOSEN, ...matchers)
const timesOf = (metric) => quantiles([0.5, 0.95, 0.99], ['backend'], metric, CHOSEN)

const life = [
  lines('Serves', '1: calls go to it.', 'short', [[gauge('authstate_backend_serving'), BY_BACKEND]]),
  lines('Up', '1: it serves, and gives good signs of life; behind a file: it takes what that brings.', 'short', [
    [gauge('authstate_backend_up'), BY_BACKEND],
  ]),
  lines(
    'Statements',
    'Statements a second; of SQLite, transactions and reads. One that does not serve should have none.',
    'ops',
    [[each('authstate_backend_statements_total'), BY_BACKEND]],
  ),
  lines('Errors', 'Statements, and attempts to connect, that failed, a second, by class.', 'ops', [
    [rate('backend, class', 'authstate_backend_errors_total', CHOSEN), '{{backend}} {{class}}'],
  ]),
  lines(
    'How long statements take',
    'Of all chosen servers together.',
    's',
    timesOf('authstate_backend_statement_seconds'),
  ),
  lines(
    'How long calls wait for a connection',
    'Of those that got one; over a second AuthstateQueueSlow fires.',
    's',
    timesOf('authstate_backend_wait_seconds'),
  ),
  lines('Connections', 'Open connections.', 'short', [[gauge('authstate_backend_connections'), BY_BACKEND]]),
  lines('Calls at the database', 'Calls that have a connection, and those that wait for one.', 'short', [
    [gauge('authstate_backend_calls_at_work'), `${BY_BACKEND} at work`],
    [gauge('authstate_backend_calls_waiting'), `${BY_BACKEND} waiting`],
  ]),
  lines('Calls to the driver', 'Each for one caller or many, a second, by kind.', 'ops', [
    [rate('backend, kind', 'authstate_backend_calls_total', CHOSEN), '{{backend}} {{kind}}'],
  ]),
]

const commits = [
  lines('Commits', 'Commits a second by how they ended; unknown ones may have been applied.', 'ops', [
    [rate('backend, outcome', 'authstate_backend_commits_total', CHOSEN), '{{backend}} {{outcome}}'],
  ]),
  lines(
    'Commits of one call',
    'How many commits went to the database together.',
    'short',
    quantiles([0.5, 0.99], ['backend'], 'authstate_backend_batch_commits', CHOSEN),
  ),
  lines('Gathering', 'Calls that wait for the batches before theirs, by kind; of PostgreSQL alone.', 'short', [
    [gauge('authstate_backend_gathering_calls'), `${BY_BACKEND} {{kind}}`],
  ]),
  lines(
    'How long calls gather',
    'Until their batch is sent; what waits for a connection then, does so longer.',
    's',
    quantiles([0.5, 0.99], ['backend', 'kind'], 'authstate_backend_gathering_seconds', CHOSEN),
  ),
  lines(
    'Looked up',
    'Commits a second whose statement got no answer, and of which it was found out whether they were applied.',
    'ops',
    [[each('authstate_backend_commits_resolved_total'), BY_BACKEND]],
  ),
  lines('Lost leases', 'Work a second that was refused, as its owner has lost the lease.', 'ops', [
    [each('authstate_backend_stale_fences_total'), BY_BACKEND],
  ]),
  lines('Damage', 'Answers since the server began that what is stored is not what was written.', 'short', [
    [gauge('authstate_backend_data_loss_total'), BY_BACKEND],
  ]),
]

const hits = each('authstate_cache_hits_total')
const files = [
  lines('Answered from memory', 'Of the reads that the cache of an SQLite store could answer.', 'percentunit', [
    [`${hits} / (${hits} + ${each('authstate_cache_misses_total')})`, BY_BACKEND],
  ]),
  lines('Cache', 'Bytes that the cache holds.', 'bytes', [[gauge('authstate_cache_bytes'), BY_BACKEND]]),
  lines('SQLite files', 'Size of each with its log.', 'bytes', [
    [of('authstate_sqlite_file_bytes'), '{{instance}} {{file}}'],
  ]),
  lines('Room on their disks', 'Under 256 MiB AuthstateDiskFull fires.', 'bytes', [
    [of('authstate_sqlite_disk_free_bytes'), '{{instance}} {{file}}'],
  ]),
]

const keptEqual = [
  lines('Kept equal: time behind', 'How long ago it had all that was written; 0 where nothing is kept equal.', 's', [
    [gauge('authstate_backend_follow_lag_seconds'), BY_BACKEND],
  ]),
  lines('Kept equal: sessions that differ', 'Which they are, backend sync --verify tells.', 'short', [
    [gauge('authstate_backend_follow_differing_sessions'), BY_BACKEND],
  ]),
]

const BY_INSTANCE = '{{instance}}'
const writeBehind = [
  lines(
    'At home',
    'Sessions that are at home in the file, and those of them that the database does not have whole.',
    'short',
    [
      [of('authstate_write_behind_sessions'), BY_INSTANCE],
      [of('authstate_write_behind_dirty_sessions'), `${BY_INSTANCE} not flushed`],
    ],
  ),
  lines('Commits behind', 'Commits that the database does not have yet.', 'short', [
    [of('authstate_write_behind_commits'), BY_INSTANCE],
  ]),
  lines('Bytes behind', 'About how many bytes these are, and how many there may be.', 'bytes', [
    [of('authstate_write_behind_bytes'), BY_INSTANCE],
    [of('authstate_write_behind_max_bytes'), `${BY_INSTANCE} at most`],
  ]),
  lines('Time behind', 'For how long the oldest of them has waited, and may wait.', 's', [
    [of('authstate_write_behind_lag_seconds'), BY_INSTANCE],
    [of('authstate_write_behind_max_lag_seconds'), `${BY_INSTANCE} at most`],
  ]),
  lines('Database away', '1: it does not answer the file.', 'short', [
    [of('authstate_write_behind_away'), BY_INSTANCE],
  ]),
  lines('Kept aside', 'What the file could not flush, as others have taken its session.', 'short', [
    [of('authstate_write_behind_orphans'), BY_INSTANCE],
  ]),
]

export const databasesDashboard = dashboard(
  'authstate-databases',
  'authstate: databases',
  'What the databases of authstate are asked, how long they take, and what is behind. What each metric means: docs/metrics.md.',
  [
    variable('instance', 'Server', 'authstate_build_info{job="authstate"}'),
    variable('backend', 'Database', 'authstate_backend_serving{job="authstate", instance=~"$instance"}'),
  ],
  [
    ['Signs of life, and time', life],
    ['Commits', commits],
    ['Cache and files', files],
    ['Write-behind', writeBehind],
    ['After a switch', keptEqual],
  ],
)
