// The dashboard that is looked at first: whether sessions are safe, and what the servers do.
import { dashboard, lines, number, of, quantiles, rate, variable } from './grafana.mjs'

const BY_INSTANCE = '{{instance}}'
const age = (metric) => `time() - ${metric}`

const now = [
  number('Ready', 'Servers to which calls should be sent, as /readyz says, and those that Prometheus knows.', 'short', [
    [`sum(${of('authstate_ready')})`, 'ready'],
    [`count(${of('up')})`, 'known'],
  ]),
  number(
    'Alerts that fire',
    'Of authstate.rules.yml, at all servers. The runbook has a section for each.',
    'short',
    [['count(ALERTS{alertname=~"Authstate.*", alertstate="firing"}) or vector(0)', 'alerts']],
    { red: 1 },
  ),
  number(
    'Work that fails',
    'Of calls and operations of pipes in the last five minutes, those that failed through no fault of their callers; at the worst server.',
    'percentunit',
    [[`max(${of('authstate:failures:ratio_rate5m')})`, 'failures']],
    { red: 0.05 },
  ),
  number(
    'Databases away',
    'Databases that serve, and give no sign of life.',
    'short',
    [
      [
        `sum(${of('authstate_backend_serving')} == bool 1 and on (instance, backend) ${of('authstate_backend_up')} == 0) or vector(0)`,
        'away',
      ],
    ],
    { red: 1 },
  ),
  number(
    'Damage, in a day',
    'Answers that what is stored is not what was written.',
    'short',
    [[`sum(increase(${of('authstate_backend_data_loss_total')}[1d]))`, 'answers']],
    { red: 0.5 },
  ),
  number(
    'Commits in doubt, in a day',
    'Commits of which nobody could find out whether they were applied.',
    'short',
    [[`sum(increase(${of('authstate_backend_commits_total', 'outcome="unknown"')}[1d]))`, 'commits']],
    { red: 0.5 },
  ),
  number(
    'Certificate',
    'How long the certificate that is shown is valid; of the server where it ends first.',
    's',
    [[`min(${of('authstate_certificate_expiry_timestamp_seconds')}) - time()`, 'left']],
    { redBelow: 7 * 86_400 },
  ),
  number(
    'Last backup',
    'How long ago a backup was finished and read back.',
    's',
    [
      [
        `min(${age('authstate_backup_last_success_timestamp_seconds')} or ${age('authstate_last_backup_success_timestamp_seconds')})`,
        'ago',
      ],
    ],
    { red: 26 * 3_600 },
  ),
]

const work = [
  lines('Operations of pipes', 'What pools do, a second: most of the work.', 'ops', [
    [rate('operation', 'authstate_pipe_operations_total'), '{{operation}}'],
  ]),
  lines('Calls', 'Calls that were begun, a second, by method.', 'ops', [
    [rate('grpc_method', 'grpc_server_started_total'), '{{grpc_method}}'],
  ]),
  lines(
    'What ended badly',
    'Calls and operations of pipes, a second, by the code that their caller was told. Some codes are answers: NOT_FOUND, ABORTED, FAILED_PRECONDITION.',
    'ops',
    [
      [rate('grpc_code', 'grpc_server_handled_total', 'grpc_code!="OK"'), 'calls {{grpc_code}}'],
      [rate('grpc_code', 'authstate_pipe_operations_total', 'grpc_code!="OK"'), 'operations {{grpc_code}}'],
    ],
  ),
  lines(
    'How long calls take',
    'From the request to the answer, without pipes, which last for days.',
    's',
    quantiles([0.5, 0.95, 0.99], [], 'grpc_server_handling_seconds', 'grpc_method!="Pipe"'),
  ),
  lines('Pools', 'Streams of Pipe, one for each Node process, and the sessions attached to them.', 'short', [
    [of('authstate_pipe_streams'), `${BY_INSTANCE} streams`],
    [of('authstate_pipe_channels'), `${BY_INSTANCE} sessions`],
  ]),
  lines('Under way', 'Calls that are under way, each stream among them.', 'short', [
    [of('authstate_requests_under_way'), BY_INSTANCE],
  ]),
  lines('Bytes held', 'Bytes of requests under way, and of operations and answers that pipes hold.', 'bytes', [
    [of('authstate_request_bytes_under_way'), `${BY_INSTANCE} requests`],
    [of('authstate_pipe_bytes'), `${BY_INSTANCE} pipes`],
  ]),
  lines(
    'Refused callers',
    'Calls, operations and requests over HTTP that their caller may not have, a second, by reason.',
    'ops',
    [[rate('reason', 'authstate_refused_callers_total'), '{{reason}}']],
  ),
  lines(
    'Maintenance',
    'Whether there is maintenance, how many calls wait for its end, and how many it refuses a second.',
    'short',
    [
      [of('authstate_maintenance'), BY_INSTANCE],
      [of('authstate_maintenance_held_calls'), `${BY_INSTANCE} waiting`],
      [rate('instance', 'authstate_maintenance_refused_total'), `${BY_INSTANCE} refused a second`],
    ],
  ),
]

const sessions = [
  lines(
    'Sessions',
    'Sessions of the store, those without creds, and those with a live lease, as last counted. Servers of one database tell the same.',
    'short',
    [
      [of('authstate_sessions'), `${BY_INSTANCE} creds: {{creds}}`],
      [of('authstate_leases_held'), `${BY_INSTANCE} leased`],
    ],
  ),
  lines('Keys', 'Keys of these sessions.', 'short', [[of('authstate_session_keys'), BY_INSTANCE]]),
  lines('Stored', 'Bytes of their creds and values, as they are stored.', 'bytes', [
    [of('authstate_session_bytes'), BY_INSTANCE],
  ]),
  lines(
    'Leases',
    'What happens to leases, a second. Stolen and lost ones are two owners that want the same session.',
    'ops',
    [[rate('event', 'authstate_leases_total'), '{{event}}']],
  ),
  lines('Counted', 'How long ago these sessions were counted.', 's', [
    [age(of('authstate_sessions_listed_timestamp_seconds')), BY_INSTANCE],
  ]),
]

const servers = [
  lines('Processor', 'Processors that each server takes: 1 is one of them, in full.', 'short', [
    [rate('instance', 'process_cpu_seconds_total'), BY_INSTANCE],
  ]),
  lines('Memory', 'Resident memory.', 'bytes', [[of('process_resident_memory_bytes'), BY_INSTANCE]]),
  lines('Address space', 'Mapped memory, of which most is never touched.', 'bytes', [
    [of('process_virtual_memory_bytes'), BY_INSTANCE],
  ]),
  lines('Descriptors', 'Open descriptors, of those that there may be.', 'percentunit', [
    [`${of('process_open_fds')} / ${of('process_max_fds')}`, BY_INSTANCE],
  ]),
  lines('Running for', 'Since when each server runs.', 's', [[age(of('process_start_time_seconds')), BY_INSTANCE]]),
  lines('Versions', 'Servers of each version.', 'short', [
    [`count by (version) (${of('authstate_build_info')})`, '{{version}}'],
  ]),
  lines(
    'Who is let in, and what is encrypted',
    '1 where nobody has been given rights, so that everybody has all; 1 where new sessions are encrypted; keys of the keyring.',
    'short',
    [
      [of('authstate_access_open'), `${BY_INSTANCE} open to all`],
      [of('authstate_encrypting'), `${BY_INSTANCE} encrypting`],
      [of('authstate_keyring_keys'), `${BY_INSTANCE} keys`],
    ],
  ),
  lines('Audit log', 'Whether it cannot be written, and the records that wait for it or were lost.', 'short', [
    [of('authstate_audit_failing'), `${BY_INSTANCE} failing`],
    [of('authstate_audit_records_waiting'), `${BY_INSTANCE} waiting`],
    [of('authstate_audit_records_lost_total'), `${BY_INSTANCE} lost`],
  ]),
  lines('Certificates', 'New certificates that were taken and refused since the server began.', 'short', [
    [of('authstate_certificate_replacements_total'), `${BY_INSTANCE} taken`],
    [of('authstate_certificate_refusals_total'), `${BY_INSTANCE} refused`],
  ]),
]

const backups = [
  lines(
    'Since the last',
    'How long ago the last backup was finished, and how old the one is that was last restored for a trial.',
    's',
    [
      [age('authstate_backup_last_success_timestamp_seconds'), 'backup'],
      [age('authstate_backup_drill_last_success_timestamp_seconds'), 'drill'],
      [age('authstate_backup_drill_last_backup_timestamp_seconds'), 'backup of that drill'],
    ],
  ),
  lines(
    'What was saved',
    'Sessions of the last backup and the last drill; those that could not be read, and those that another server had at home.',
    'short',
    [
      ['authstate_backup_last_sessions', 'sessions'],
      ['authstate_backup_last_unread_sessions', 'not read'],
      ['authstate_backup_last_at_home_sessions', 'at home elsewhere'],
      ['authstate_backup_drill_last_sessions', 'sessions of the drill'],
    ],
  ),
  lines('Keys saved', 'Keys of the last backup.', 'short', [['authstate_backup_last_keys', 'keys']]),
  lines('Bytes saved', 'Bytes of values in the last backup, and of its file.', 'bytes', [
    ['authstate_backup_last_value_bytes', 'values'],
    ['authstate_backup_last_file_bytes', 'file'],
  ]),
  lines('How long it took', 'The last backup, and the last drill.', 's', [
    ['authstate_backup_last_duration_seconds', 'backup'],
    ['authstate_backup_drill_last_duration_seconds', 'drill'],
  ]),
]

export const serversDashboard = dashboard(
  'authstate-servers',
  'authstate',
  'Whether sessions are safe, and what the servers of the job "authstate" do. What each metric means: docs/metrics.md.',
  [variable('instance', 'Server', 'authstate_build_info{job="authstate"}')],
  [
    ['Is it safe?', now],
    ['Work', work],
    ['Sessions', sessions],
    ['Servers', servers],
    ['Backups', backups],
  ],
)
