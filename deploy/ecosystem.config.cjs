// authstated and a bot under PM2, for those who run their bots that way: pm2 start deploy/ecosystem.config.cjs
//
// systemd is the better place for authstated (deploy/README.md): it confines it, knows when it serves, and restarts one that
// is stuck. PM2 does none of that.
module.exports = {
  apps: [
    {
      name: "authstated",
      // From the Debian package; npm has node_modules/@authstate/server-linux-x64/bin/authstated.
      script: "/usr/bin/authstated",
      interpreter: "none",
      args: ["--sqlite-path", "/var/lib/bots/authstate.db", "--log-format", "text"],
      // One has the file; a second one would end with exit code 4.
      instances: 1,
      exec_mode: "fork",
      // Longer than --drain-timeout-ms. PM2 stops with SIGINT, which ends it cleanly.
      kill_timeout: 15000,
      // A database that is away is no reason to give up; a bad option (2) and an unknown schema (6) stay what they are:
      // PM2 shows `waiting restart` for that too, and starts nothing.
      exp_backoff_restart_delay: 1000,
      max_restarts: 1000000,
      stop_exit_codes: [0, 2, 6],
    },
    {
      name: "bot",
      // The first example of the README. It waits until authstated serves, however long that takes.
      script: "index.mjs",
      // Writes under way are finished, and the sessions given back, so that the next start has them at once.
      kill_timeout: 10000,
    },
  ],
};
