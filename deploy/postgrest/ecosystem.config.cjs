// PostgREST under PM2, for those who run their bots that way: pm2 start deploy/postgrest/ecosystem.config.cjs
//
// PGRST_DB_URI and PGRST_JWT_SECRET come from the environment of whoever starts it. systemd is the better place
// (postgrest.service): it confines it.
module.exports = {
  apps: [
    {
      name: "postgrest",
      script: "/usr/local/bin/postgrest",
      interpreter: "none",
      args: ["/etc/authstate/postgrest.conf"],
      instances: 1,
      exec_mode: "fork",
      // It ends at once; requests under way are lost, and sent again by @authstate/tables where that is safe.
      kill_timeout: 5000,
      exp_backoff_restart_delay: 1000,
      max_restarts: 1000000,
    },
  ],
};
